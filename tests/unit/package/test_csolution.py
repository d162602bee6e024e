"""The example as a CMSIS solution, and the index of its pack: what they name is there, in keys that csolution knows.

The keys are those of csolution's JSON schemas (2.14.0) that we write, in our words.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from ocrm55 import boards
from ocrm55.errors import InputError
from ocrm55.package.compiled import Compiled
from ocrm55.package.write import Order, check_url, write
from tests.unit.package.hand_made import artifact

TEXT = {"type": "string", "minLength": 1}
PACK = {"type": "string", "pattern": r"^[\w.-]+::[\w.-]+(@(>=)?\d+\.\d+\.\d+)?$"}
COMPONENT = {"type": "string", "pattern": r"^[\w.-]+::[\w -]+(:[\w -]+(&[\w -]+)?)+$"}
URL = "https://example.org/packs/"


def map_of(**keys: object) -> dict[str, object]:
    """A schema of a map that has these keys, all of them, and no others."""
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}


def list_of(**keys: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "items": map_of(**keys)}


SOLUTION = map_of(
    **{
        "description": TEXT,
        "created-for": {"type": "string", "pattern": r"^CMSIS-Toolbox@\d+\.\d+\.\d+$"},
        "compiler": {"const": "GCC"},
        "packs": list_of(pack=PACK),
        "target-types": list_of(type=TEXT, board=PACK, device=PACK),
        "build-types": list_of(type=TEXT, optimize={"const": "speed"}),
        "projects": list_of(project=TEXT),
    }
)
PROJECT = map_of(
    groups=list_of(group=TEXT, files=list_of(file=TEXT)),
    layers=list_of(layer=TEXT),
    components=list_of(component=COMPONENT),
    linker=list_of(**{"script": TEXT, "for-compiler": {"const": "GCC"}}),
    output=map_of(type={"const": "elf"}),
)


@pytest.fixture(params=[(), ("cmsis-nn",)], ids=["without-libraries", "cmsis-nn"])
def package(request: pytest.FixtureRequest, tmp_path: Path, models: Path) -> Path:
    compiled = Compiled.read(artifact(tmp_path / "artifact", libraries=list(request.param)))
    order = Order(compiled, boards.find().memories, models / "samples" / "digit.png", url=URL)
    return write(order, tmp_path / "package")


def test_solution_and_project_keep_the_schemas(package: Path) -> None:
    folder = package / "csolution"
    solution = yaml.safe_load((folder / "recognizer.csolution.yml").read_text())
    jsonschema.validate(solution, map_of(solution=SOLUTION))
    for named in solution["solution"]["projects"]:
        project = yaml.safe_load((folder / named["project"]).read_text())
        jsonschema.validate(project, map_of(project=PROJECT))
        inside = project["project"]
        files = [file["file"] for group in inside["groups"] for file in group["files"]]
        files += [layer["layer"] for layer in inside["layers"]] + [linker["script"] for linker in inside["linker"]]
        assert all((folder / file).is_file() for file in files)


def test_packs_of_every_component_are_named(package: Path) -> None:
    solution = yaml.safe_load((package / "csolution" / "recognizer.csolution.yml").read_text())["solution"]
    layer = yaml.safe_load((package / "recognizer.clayer.yml").read_text())["layer"]
    named = {pack["pack"].partition("@")[0] for pack in solution["packs"]}
    wanted = {pack["pack"].partition("@")[0] for pack in layer["packs"] if "path" not in pack}
    assert wanted <= named
    assert {"ARM::CMSIS", "ARM::CMSIS-Compiler", "ARM::V2M_MPS3_SSE_300_BSP"} <= named


def test_the_uart_of_printf_is_compiled(package: Path, tmp_path: Path) -> None:
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc not installed")
    words = ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb", "-std=c11", "-Wall", "-Wextra", "-Werror", "-c"]
    source = package / "csolution" / "stdout.c"
    subprocess.run([*words, source, "-o", tmp_path / "stdout.o"], check=True, capture_output=True)
    board = (boards.platforms() / boards.DEFAULT / "board.h").read_text()
    data = re.search(r"UART0_DATA REGISTER\((0x\w+)\)", board)
    assert data is not None and data[1] in source.read_text()


def test_the_index_names_the_description_beside_it(package: Path) -> None:
    (description,) = package.glob("*.pdsc")
    index = ElementTree.parse(package / "ocrm55.pidx").getroot()
    (entry,) = index.iter("pdsc")
    assert description.name == f"{entry.get('vendor')}.{entry.get('name')}.pdsc"
    described = ElementTree.parse(description)
    release = described.find("releases/release")
    assert release is not None and entry.get("version") == release.get("version")
    assert entry.get("url") == index.findtext("url") == described.findtext("url") == URL


@pytest.mark.parametrize("text", ["packs", "ftp://example.org/", "https://exa mple.org", 'https://x.org/"><a'])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InputError, match="is no address of a folder"):
        check_url(text)


def test_addresses_end_with_a_slash() -> None:
    assert check_url("https://example.org/packs") == URL
    assert check_url("") == ""
