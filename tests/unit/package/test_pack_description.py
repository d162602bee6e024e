"""The description of a CMSIS pack: our own rules, and how Arm's parser reads it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ocrm55 import boards
from ocrm55.package.compiled import Compiled
from ocrm55.package.write import Order, write
from tests.unit.package.hand_made import artifact
from tests.unit.package.pack_rules import faults


@pytest.fixture(params=[(), ("cmsis-nn",)], ids=["without-libraries", "cmsis-nn"])
def libraries(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


@pytest.fixture
def pack(libraries: list[str], tmp_path: Path, models: Path) -> Path:
    """A package as it is written, with or without a library that it calls."""
    compiled = Compiled.read(artifact(tmp_path / "artifact", libraries=libraries))
    return write(Order(compiled, boards.find().memories, models / "samples" / "digit.png"), tmp_path / "out")


def test_it_keeps_the_rules(pack: Path) -> None:
    assert faults(pack) == []


def test_it_names_every_source_and_what_they_call(pack: Path, libraries: list[str]) -> None:
    (path,) = pack.glob("*.pdsc")
    described = ElementTree.parse(path)
    vendor, name = described.findtext("vendor"), described.findtext("name")
    assert path.name == f"{vendor}.{name}.pdsc"
    listed = {file.get("name", "") for file in described.iter("file")}
    assert all((pack / name).is_file() for name in listed)
    assert {file.relative_to(pack).as_posix() for file in pack.glob("src/*.c")} <= listed
    assert bool(described.findall(".//require[@Cgroup='NN Lib']")) == bool(libraries)


def test_arm_s_parser_reads_what_we_wrote(pack: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It leaves out what it does not understand, and says so."""
    manager = pytest.importorskip("cmsis_pack_manager", reason="needs cmsis-pack-manager, a second opinion")
    ffi, lib = manager.ffi, manager.lib
    (path,) = pack.glob("*.pdsc")
    index = ffi.gc(lib.update_pdsc_index_new(), lib.update_pdsc_index_free)
    lib.update_pdsc_index_push(index, ffi.new("char[]", str(path).encode()))
    parsed = ffi.gc(lib.parse_packs(index), lib.parse_packs_free)
    text = ffi.gc(lib.dumps_components(parsed), lib.cstring_free)
    (found,) = json.loads(ffi.string(text))
    assert capfd.readouterr().err == ""

    described = ElementTree.parse(path)
    component = described.find("components/component")
    assert component is not None
    assert found["vendor"] == described.findtext("vendor")
    for ours, theirs in {"Cclass": "class", "Cgroup": "group", "Cversion": "version", "condition": "condition"}.items():
        assert found[theirs] == component.get(ours)
    assert found["description"] == component.findtext("description")
    wanted = [
        (file.get("name"), (file.get("category") or "").lower(), file.get("attr"), file.get("select"))
        for file in component.iter("file")
    ]
    assert [
        (file["path"], file["category"].lower(), file["attr"] and file["attr"].lower(), file["select"])
        for file in found["files"]
    ] == wanted


CASES = [
    ("<vendor>ocrm55</vendor>", "", "has 0 of vendor"),
    ("<vendor>ocrm55</vendor>", "<vendor>other</vendor>", "is not called"),
    ('schemaVersion="1.7.36"', 'schemaVersion="new"', "schemaVersion cannot be"),
    ("<license>LICENSE</license>", "<license>COPYING</license>", "COPYING is not in the pack"),
    ("<keyword>OCR</keyword>", "<word>OCR</word>", "an element word"),
    ("<keyword>OCR</keyword>", "<keyword></keyword>", "cannot say"),
    ('default="true"', 'default="yes"', "default cannot be"),
    ('default="true"', 'default="false"', "not one license set"),
    ('release version="', 'release version="9', "the component is of version"),
    ('<condition id="Helium">', '<condition id="Neon">', "no condition Helium"),
    ("</conditions>", '<condition id="Spare"><require Cclass="C" Cgroup="g"/></condition></conditions>', "Spare"),
    ('Dcore="Cortex-M55"', 'Dcore="Cortex-A55"', "Dcore cannot be"),
    ('description Cclass="Machine Learning"', 'description Cclass="Learning"', "does not describe Machine Learning"),
    ('category="doc"', 'category="docs"', "category cannot be"),
    ('category="source" language="c" name="src/weights.c"', 'category="source" name="src/weights.c"', "the language"),
    ('category="header" name="include/', 'category="source" language="c" name="include/', "ocrm55.h is no source"),
    ('name="src/weights.c"', 'name="src/no_weights.c"', "src/weights.c is in the pack and nothing names it"),
    ('name="src/weights.c"', 'name="src/model.c"', "file src/model.c is there 2 times"),
    ('name="src/weights.c"', 'name="../weights.c"', "name cannot be"),
    (' attr="template" select="Places arena and weights"', ' attr="template"', "only a template"),
    ("</package>", "", "no XML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "instead", "fault"), CASES)
@pytest.mark.parametrize("libraries", [[]], ids=["plain"])
def test_a_fault_is_found(pack: Path, text: str, instead: str, fault: str) -> None:
    (path,) = pack.glob("*.pdsc")
    whole = path.read_text()
    assert text in whole
    path.write_text(whole.replace(text, instead))
    assert any(fault in found for found in faults(pack)), faults(pack)
