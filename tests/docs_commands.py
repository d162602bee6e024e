"""The commands in README.md, CONTRIBUTING.md and docs/: what stands in their code blocks, and what becomes of each.

docs_commands.json sorts them: `run` are run by tests/target/test_docs.py as they stand there, `elsewhere` name the test
that runs the same, `not_here` say why no test can.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
LISTS = REPOSITORY / "tests" / "docs_commands.json"
SHELLS = ("", "sh", "bash", "console")

_PROGRAM = re.compile(r"(?:\$ )?([\w./-]+)(?: |$)")
_PROGRAMS = """
    . .venv/bin/ocrm55 apt-get bash cbuild cd cmake cp cpackget csolution curl docker export git make mkdir mv ninja
    ocrm55 patch pip pip3 pytest python python3 qemu-system-arm ruff sh sudo tar tvmc vela wget xmllint
""".split()


def lists() -> dict[str, dict[str, str]]:
    """`run`, `elsewhere` and `not_here`: command -> where it is, which test, or why not."""
    loaded: dict[str, dict[str, str]] = json.loads(LISTS.read_text(encoding="utf-8"))
    return loaded


def commands(page: Path) -> list[str]:
    """The command lines of a page's code blocks, continued lines joined, comments behind them cut off."""
    found = []
    for language, lines in blocks(page.read_text(encoding="utf-8")):
        if language in SHELLS:
            found += [line for line in _joined(lines) if _is_command(line)]
    return [re.sub(r"  +#.*", "", line.removeprefix("$ ")).strip() for line in found]


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Language and lines of each code block, fenced or indented."""
    fence: str | None = None
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        mark = re.fullmatch(r"\s*```(\w*)\s*", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark:
            yield fence or "", lines
            fence, lines = None, []
        elif fence is not None:
            lines.append(line)
        elif line.startswith("    "):
            lines.append(line[4:])
        elif lines and (line.strip() or line == ""):
            yield "", lines
            lines = []


def _joined(lines: list[str]) -> Iterator[str]:
    begun = ""
    for line in lines:
        begun += line.strip()
        if begun.endswith("\\"):
            begun = begun[:-1].rstrip() + " "
            continue
        yield begun
        begun = ""


def _is_command(line: str) -> bool:
    """Not what a program prints, such as `ocrm55 0.1.0 …`, nor a drawing with gaps."""
    named = _PROGRAM.match(line)
    if named is None or named[1] not in _PROGRAMS:
        return False
    return not re.match(r"ocrm55 \d", line) and not re.search(r"\S {3,}[^#\s]", line)
