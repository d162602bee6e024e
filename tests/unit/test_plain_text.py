"""What a line can show."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ocrm55 import console, plain_text
from ocrm55.errors import InputError

STRANGE = "a\x1b[31m\u2028b\u202ec\x85\ud800\r"


def test_what_a_line_cannot_show_is_written_as_its_escape() -> None:
    assert plain_text.shown(STRANGE) == r"a\x1b[31m\u2028b\u202ec\x85\ud800\r"
    assert plain_text.shown("a\tb\n", keep="\n\t") == "a\tb\n"


@pytest.mark.parametrize("text", ["plain", "é ü ß", "漢字\u3000", "می\u200cروم", "क\u094d\u200dष", "€ £ ° µ 🙂"])
def test_writing_of_all_languages_stays(text: str) -> None:
    assert plain_text.shown(text) == text
    assert plain_text.first_unshown(text) is None


def test_the_first_one_is_named() -> None:
    assert plain_text.first_unshown(STRANGE) == "U+001B a control character"
    assert plain_text.first_unshown("a\u2028") == "U+2028 LINE SEPARATOR"


def test_the_terminal_gets_none(capsys: pytest.CaptureFixture[str]) -> None:
    for say in (console.result, console.note, console.warning, lambda text: console.stage("run", text)):
        say(STRANGE)
    console.error(InputError(STRANGE, [STRANGE]))
    console.note_command(["cc", STRANGE])
    console.table("", ("name",), [[STRANGE]])
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert plain_text.first_unshown(text.replace("\n", "")) is None
        assert len(text.splitlines()) == text.count("\n")


def test_a_table_on_a_terminal_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=200)
    monkeypatch.setattr(console, "_out", terminal)
    console.table("", ("name",), [[STRANGE]])
    assert plain_text.shown(STRANGE) in terminal.file.getvalue()  # type: ignore[attr-defined]


def test_one_thing_is_no_plural() -> None:
    numbers = [plain_text.counted(count, "box", "boxes") for count in (0, 1, 2)]
    assert numbers == ["0 boxes", "1 box", "2 boxes"]
    assert plain_text.counted(1000, "reading") == "1,000 readings" and plain_text.counted(1, "reading") == "1 reading"
