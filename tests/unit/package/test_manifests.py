"""The package as a library of Arduino and of PlatformIO: manifests by rules of theirs, in our words, and the layout.

Rules: Arduino's library specification (format 1.5, revision 2.2), and the fields of library.json that PlatformIO reads.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from ocrm55 import boards
from ocrm55.package.compiled import Compiled
from ocrm55.package.write import Order, files, write
from tests import metadata_rows as rows
from tests.unit.package.hand_made import artifact

TEXT = {"type": "string", "pattern": r"^\S(.*\S)?$"}
LINK = {"type": "string", "pattern": r"^https?://\S+$"}
SEMVER = {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}
CATEGORIES = (
    "Display,Communication,Signal Input/Output,Sensors,Device Control,Timing,Data Storage,Data Processing,Other"
)
NAME = r"^(?!arduino)(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$"
PROPERTIES = {
    "name": {"type": "string", "pattern": NAME},
    "version": SEMVER,
    "author": TEXT,
    "maintainer": {"type": "string", "pattern": r"^(?!Arduino)\S"},
    "sentence": TEXT,
    "paragraph": TEXT,
    "category": {"enum": CATEGORIES.split(",")},
    "url": LINK,
    "architectures": {"type": "string", "pattern": r"^(\*|[a-z0-9_]+(,[a-z0-9_]+)*)$"},
    "includes": {"type": "string", "pattern": r"^[\w.]+(,[\w.]+)*$"},
    "dot_a_linkage": {"enum": ["true", "false"]},
}
WORDS = {"type": "array", "minItems": 1, "items": TEXT}


def exactly(**keys: object) -> dict[str, object]:
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}


def list_of(**keys: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "items": exactly(**keys)}


LIBRARY = exactly(
    name={"type": "string", "pattern": r"^[^:;/,@<>]{1,100}$"},
    version=SEMVER,
    description={"type": "string", "minLength": 1, "maxLength": 1000},
    keywords={"type": "array", "items": {"type": "string", "pattern": r"^[a-z\d_+. -]{1,50}$"}},
    homepage=LINK,
    license={"const": "Apache-2.0"},
    authors=list_of(name=TEXT, maintainer={"type": "boolean"}),
    headers=WORDS,
    frameworks={"const": "*"},
    platforms={"const": "*"},
    examples=list_of(name={"type": "string", "pattern": r"^[\w/. -]{1,255}$"}, base=TEXT, files=WORDS),
    build=exactly(srcDir=TEXT, includeDir=TEXT, flags=WORDS),
)


@pytest.fixture
def order(tmp_path: Path, models: Path) -> Order:
    return order_of(tmp_path, models)


def order_of(folder: Path, models: Path, **others: object) -> Order:
    compiled = Compiled.read(artifact(folder / "artifact", **others))
    return Order(compiled, boards.find().memories, models / "samples" / "digit.png")


def properties(text: str) -> dict[str, str]:
    pairs = [line.partition("=") for line in text.splitlines()]
    assert all(between for _, between, _ in pairs)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("url", ["", "https://example.org/packs/"])
def test_arduino_s_manifest_keeps_the_specification(url: str, order: Order) -> None:
    texts = files(Order(order.compiled, order.board, order.picture, url=url))
    found = properties(texts["library.properties"])
    jsonschema.validate(found, exactly(**PROPERTIES))
    assert not url or found["url"] == url
    assert all(f"src/{name}" in texts for name in found["includes"].split(","))
    assert f"src/{found['name']}.h" in texts  # Arduino looks for it first in the library of its name


def test_platformio_s_manifest_names_what_is_there(order: Order, tmp_path: Path) -> None:
    out = write(order, tmp_path / "out")
    manifest = json.loads((out / "library.json").read_text())
    jsonschema.validate(manifest, LIBRARY)
    named = [Path(example["base"]) / name for example in manifest["examples"] for name in example["files"]]
    named += [Path(manifest["build"][name]) for name in ("srcDir", "includeDir")]
    named += [Path(manifest["build"]["includeDir"]) / name for name in manifest["headers"]]
    assert all((out / path).exists() for path in named)


def test_src_alone_is_enough_for_headers(order: Order, tmp_path: Path) -> None:
    """Arduino compiles src with src in the path, and a sketch with its own folder and src."""
    out = write(order, tmp_path / "out").resolve()
    begin = [*(out / "src").glob("*.c"), *(out / "examples" / "Read").glob("*.ino")]
    seen, missing, left = set(), set(), begin
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.M):
            places = [(folder / name).resolve() for folder in (path.parent, out / "src")]
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                missing.add(name)
            else:
                left.append(found)
    assert {name for name in missing if "ocrm55" in name} == set()
    assert out / "include" / "ocrm55_recognize.h" in seen
    assert out / "src" / "ocrm55.h" in seen


def test_the_sketch_has_its_folder_s_name_and_the_picture(order: Order) -> None:
    texts = files(order)
    (sketch,) = (Path(path) for path in texts if path.endswith(".ino"))
    assert sketch.stem == sketch.parent.name
    assert texts[f"{sketch.parent}/picture.h"] == texts["examples/picture.h"]


@pytest.mark.parametrize("what", ["npu", "libraries", "image of weights"])
def test_a_package_that_asks_for_more_is_no_such_library(what: str, tmp_path: Path, models: Path) -> None:
    others: dict[str, object] = {"libraries": ["cmsis-nn"]} if what == "libraries" else {}
    if what == "npu":
        others = {"npu": rows.npu([rows.region("region_0", command_bytes=100, weight_bytes=200)])}
    order = order_of(tmp_path, models, **others)
    if what == "image of weights":
        order = Order(order.compiled, order.board, order.picture, weights=1)
    texts = files(order)
    assert not any(path.startswith("library.") or path.endswith((".ino", ".ini")) for path in texts)
    assert "src/ocrm55.h" not in texts
