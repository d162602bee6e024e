"""The documentation: commands are run by a test or say why not; options, links and files exist; it is readable."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from ocrm55 import cli
from tests import docs_commands, docs_prose
from tests.docs_commands import PAGES, REPOSITORY

LINKED = [*PAGES, REPOSITORY / "firmware" / "README.md", REPOSITORY / "fvp" / "README.md"]
READ = [*LINKED, *sorted((REPOSITORY / "models").glob("*/*.md"))]
WORDS = 20  # of a sentence, on average on a page
COLUMNS = 120  # of a line
TABLE = 5  # columns
MODULES = {path.name for folder in ("toolkit", "tests") for path in (REPOSITORY / folder).rglob("*.py")}
OTHERS = {"convert_image.py", "convert_labels.py"}  # of PaddleOCR's demo
ON_ALL = {"--help"}  # and what stands before the command's name
BEFORE = {"-v", "--verbose", "--version"}


def test_every_command_is_run_or_listed_and_nothing_else_is() -> None:
    known = [command for section in docs_commands.lists().values() for command in section]
    assert len(known) == len(set(known)), "a command is in two lists"
    found = {command: page.name for page in PAGES for command in docs_commands.commands(page)}
    unknown = {command: page for command, page in found.items() if command not in known}
    assert not unknown, "new in the documentation: put each into a list of tests/docs_commands.json"
    assert set(known) <= set(found), "no longer in the documentation: take them out of tests/docs_commands.json"


def test_tests_that_are_named_exist_and_reasons_are_given() -> None:
    for command, test in docs_commands.lists()["elsewhere"].items():
        path, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (REPOSITORY / path).read_text(encoding="utf-8"), re.M), (command, test)
    assert all(len(reason) > 20 for reason in docs_commands.lists()["not_here"].values())


def inline(page: Path) -> list[str]:
    """Commands of ours in running text: `ocrm55 …` between backquotes."""
    return list(re.findall(r"`(ocrm55 [^`]+)`", page.read_text(encoding="utf-8").replace("\n", " ")))


def options_of(words: list[str]) -> tuple[list[str], set[str]] | None:
    """The options that a command line uses, and those that its command has; None for TVMC's own."""
    command: Any = typer.main.get_command(cli.app)
    while hasattr(command, "commands") and words:
        word = words.pop(0)
        if word in BEFORE:
            continue
        assert word in command.commands, f"there is no command `{word}`"
        command = command.commands[word]
    if command.name == "tvmc":
        return None
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)], known | ON_ALL


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_exist(page: Path) -> None:
    ours = [command for command in docs_commands.commands(page) if command.startswith("ocrm55 ")]
    for command in [*ours, *inline(page)]:
        words = shlex.split(re.sub(r"\.\.\.|…|[|\[\]()]", " ", command))[1:]
        if not words or not re.match(r"-|[a-z]", words[0]):  # `ocrm55 COMMAND --help`
            continue
        found = options_of(words)
        if found is not None:
            used, known = found
            assert set(used) <= known, command


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.parent.name + "/" + page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
            assert anchor in anchors, f"{page.name} links to {target}"


def test_every_page_is_in_the_index() -> None:
    docs = REPOSITORY / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    for page in docs.rglob("*.md"):
        assert page == docs / "README.md" or f"({page.relative_to(docs).as_posix()})" in index, page.name


@pytest.mark.parametrize("page", READ, ids=lambda page: page.parent.name + "/" + page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Python modules, and every path that begins with a folder of ours."""
    for name in re.findall(r"`([\w./*]+)`", page.read_text(encoding="utf-8")):
        if name in OTHERS or not re.search(r"\.py$|^(firmware|tests|toolkit|cmake|fvp)/\w", name):
            continue
        pattern = re.sub(r"\b(FAMILY|BOARD|NAME)\b", "*", name).rstrip("/")
        anywhere = [REPOSITORY, REPOSITORY / "toolkit", REPOSITORY / "toolkit" / "ocrm55"]
        if "/" not in name:
            assert name in MODULES, name
        else:
            assert any(any(folder.glob(pattern)) for folder in anywhere), name


@pytest.mark.parametrize("page", READ, ids=lambda page: page.parent.name + "/" + page.name)
def test_sentences_are_short(page: Path) -> None:
    lengths = [len(sentence.split()) for sentence in docs_prose.sentences(page.read_text(encoding="utf-8"))]
    assert sum(lengths) <= WORDS * len(lengths), f"{sum(lengths) / len(lengths):.1f} words a sentence"


@pytest.mark.parametrize("page", READ, ids=lambda page: page.parent.name + "/" + page.name)
def test_lines_and_tables_are_narrow(page: Path) -> None:
    for line in docs_prose.outside_code(page.read_text(encoding="utf-8")):
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) <= TABLE + 1, line
        else:
            assert len(line) <= COLUMNS, line
