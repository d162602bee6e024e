"""The commands of the documentation, in a shell, in a folder as the reader has it; and its excerpts of generated C."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55 import stages
from tests import docs_commands
from tests.docs_commands import PAGES, REPOSITORY
from tests.target.programs import require

TO_RUN = docs_commands.lists()["run"]
WITH_COMMANDS = [page for page in PAGES if set(docs_commands.commands(page)) & set(TO_RUN)]

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@pytest.fixture
def place(tmp_path: Path, build_dir: Path) -> Path:
    """A checkout's folders, what is built already, and the files that pages speak of."""
    samples = REPOSITORY / "models" / "samples"
    for room in ("firmware", "cmake"):
        shutil.copytree(REPOSITORY / room, tmp_path / room)
    (tmp_path / "models").symlink_to(REPOSITORY / "models")
    build_dir.mkdir(exist_ok=True)
    (tmp_path / "build").symlink_to(build_dir)
    shutil.copy(samples / "word_capital.png", tmp_path / "word.png")
    (tmp_path / "photos").mkdir()
    for picture in sorted(samples.glob("*.png"))[:10]:
        shutil.copy(picture, tmp_path / "photos")
    page = (REPOSITORY / "docs" / "adding_a_board.md").read_text(encoding="utf-8")
    (board,) = ("\n".join(lines) for language, lines in docs_commands.blocks(page) if language == "json")
    (tmp_path / "board.json").write_text(board)
    return tmp_path


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands(page: Path, place: Path) -> None:
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if page.name == "widths.md":  # its last commands read what the one before them has drawn
        require("fc-list")
    for command in dict.fromkeys(docs_commands.commands(page)):
        if command in TO_RUN:
            words = ["bash", "-euo", "pipefail", "-c", TO_RUN[command] or command]
            done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            if command.startswith("qemu-system-arm") or command.endswith("ocrm55_example"):
                assert "text: Cambridge, score: 0." in done.stdout


def pattern(line: str) -> str:
    """A line of an excerpt as a regular expression: figures may be others, `…` is anything."""
    parts = re.split(r"(-?\d[\d,]*|…)", line)
    return "".join(
        r"-?\d[\d,]*" if re.match(r"-?\d", part) else ".*" if part == "…" else re.escape(part) for part in parts
    )


def test_excerpts_are_in_the_generated_c(build_dir: Path) -> None:
    require("arm-none-eabi-gcc")
    artifact = stages.compiled(stages.Options(build_dir=build_dir)).artifact
    text = (REPOSITORY / "docs" / "generated_c.md").read_text(encoding="utf-8")
    found = re.findall(r"<!-- from (\S+) -->\n```c\n(.*?)```", text, re.S)
    assert len(found) >= 5
    for name, excerpt in found:
        generated = (artifact / name).read_text(encoding="utf-8")
        gaps = "\n".join(".*" if line == "…" else pattern(line) for line in excerpt.splitlines())
        assert re.search(gaps.replace("\n.*\n", r"\n(?:.*\n)*?"), generated), excerpt
