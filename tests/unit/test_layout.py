"""Tests lie where what they test lies, and share what they share by import."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
REPOSITORY = TESTS.parent
UNIT, TOOLKIT = TESTS / "unit", REPOSITORY / "toolkit" / "ocrm55"

# In C: the test's folder is named after the room of firmware/.
OF_FIRMWARE = {"firmware", "kernels"}
# What several modules do together, or a file that is no module does. A test of one module does not belong here.
TOGETHER = {
    "compiler": {
        "int8_network",
        "models",
        "numbers",
        "odd_networks",
        "random_networks",
        "refusals",
        "report",
        "whole_network",
    },
    "compiler/lowering": {"detector_parts", "resize"},
    "compiler/lowering/int8": {"foreign"},
    "compiler/operators": {"live_macs"},
    "compiler/targets/m55": {"workspace"},
    "export": {"paddleocr"},
    "npu_model": {"distribution", "judge", "untrusted_files"},
    "package": {"csolution", "pack_description", "zephyr"},
    "report": {"pictures"},
    "tasks": {"second_task"},
    "tasks/page": {"find", "real_maps"},
    "tasks/recognizer": {"damaged_folders", "fast"},
    "training": {"commands", "pages", "synthesis"},
    "tvmc": {"ethos_u", "int8"},
    "": {"bad_input", "docker", "docs", "fuzzers", "layout", "once", "rooms", "supply_chain"},
}


def test_a_test_lies_where_its_module_lies() -> None:
    lost = []
    for file in UNIT.rglob("test_*.py"):
        folder = file.parent.relative_to(UNIT).as_posix().removeprefix(".")
        name = file.stem.removeprefix("test_").removesuffix("_properties")
        room = TOOLKIT / folder
        known = (room / f"{name}.py").is_file() or (room / name).is_dir() or (room.is_dir() and name == room.name)
        if not known and folder not in OF_FIRMWARE and name not in TOGETHER.get(folder, ()):
            lost.append(file.relative_to(REPOSITORY).as_posix())
    assert lost == [], "move them to where their modules are, or say in TOGETHER that they test several"


def test_the_list_names_tests_that_are_there() -> None:
    gone = [
        f"{folder}/test_{name}.py"
        for folder, names in TOGETHER.items()
        for name in names
        if not (UNIT / folder / f"test_{name}.py").is_file()
    ]
    assert gone == []


def test_no_test_changes_where_python_looks_for_modules() -> None:
    word = "sys." + "path"
    assert [file for file in TESTS.rglob("*.py") if word in file.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("file", sorted(TESTS.rglob("conftest.py")), ids=lambda file: file.parent.name)
def test_conftest_has_fixtures_only(file: Path) -> None:
    """What tests import by name lies in a module of its own."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        assert not isinstance(node, ast.ClassDef), node.name
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            decorators = [ast.unparse(each) for each in node.decorator_list]
            assert any(each.startswith("pytest.fixture") for each in decorators), node.name
