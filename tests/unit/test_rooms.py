"""The toolkit's rooms lie on floors: a room imports from those below it alone, and no module imports in a circle.

The order stands once, in the table of CONTRIBUTING.md. Imports inside functions count like all others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocrm55 import resources

TOOLKIT = Path(resources.__file__).parents[1]
MAP = Path(__file__).parents[2] / "CONTRIBUTING.md"
SPLIT = ("compiler", "tasks")  # folders whose own folders and files are rooms


def rooms() -> list[str]:
    """The rooms of the map, lowest first."""
    text = MAP.read_text(encoding="utf-8").partition("## Rooms")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def modules() -> dict[str, Path]:
    """Every module of the toolkit and its file."""
    found = {}
    for path in sorted((TOOLKIT / "ocrm55").rglob("*.py")):
        parts = path.relative_to(TOOLKIT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(module: str) -> set[str]:
    """The modules of the toolkit that a module imports, wherever in its text."""
    return {name for name in _names(module) if name in MODULES and name != module}


def _names(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports by a relative name"
            inner = [f"{node.module}.{each.name}" for each in node.names]
            yield from (name if name in MODULES else str(node.module) for name in inner)


def room(module: str) -> str:
    """`compiler/targets` of ocrm55.compiler.targets.m55.pool, `files` of ocrm55.files."""
    parts = module.split(".")[1:]
    if not parts:
        return "ocrm55"
    deep = 2 if parts[0] in SPLIT else 1
    return "/".join(parts[:deep])


IMPORTS = {module: imported(module) for module in MODULES}


def test_the_map_names_every_room_once():
    listed = rooms()
    assert len(listed) == len(set(listed))
    there = {room(module) for module in MODULES} - set(SPLIT)
    assert not there - set(listed), "give them a place in the table `Rooms` of CONTRIBUTING.md"
    assert not set(listed) - there, "the table `Rooms` of CONTRIBUTING.md names what is gone"


def test_no_room_imports_from_a_higher_one():
    listed = rooms()
    floors = {name: listed.index(name) if name in listed else len(listed) for name in map(room, MODULES)}
    arrows = {(module, other) for module, others in IMPORTS.items() for other in others if room(module) != room(other)}
    assert len(arrows) > 500, "the imports are not found"
    wrong = [f"{a} imports {b}" for a, b in sorted(arrows) if floors[room(b)] > floors[room(a)]]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle():
    left = {module: set(others) for module, others in IMPORTS.items()}
    while free := {module for module, others in left.items() if not others}:
        left = {module: others - free for module, others in left.items() if module not in free}
    assert not left, f"in circles, or above one: {sorted(left)}"


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("ocrm55.compiler")])
def test_the_compiler_imports_no_particular_task(module):
    tasks = {name for name in IMPORTS[module] if name.startswith("ocrm55.tasks.") and name != "ocrm55.tasks.base"}
    assert not tasks
