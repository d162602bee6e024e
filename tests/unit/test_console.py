"""What is printed is what was given, character by character."""

from collections.abc import Callable

import pytest

from ocrm55 import console
from ocrm55.errors import InputError

ODD = "at 12:x:30, :100: [b]bold[/b] [/] \\[x]"
ODD_ERROR = InputError(ODD, [ODD])


@pytest.mark.parametrize(
    "say",
    [
        lambda: console.result(ODD),
        lambda: console.note(ODD),
        lambda: console.stage("read", ODD),
        lambda: console.warning(ODD),
        lambda: console.error(ODD_ERROR),
        lambda: console.note_command([ODD]),
        lambda: console.table("", ["a"], [[ODD]]),
        lambda: console.table("", [ODD], [["a"]]),
        lambda: console.table(ODD, ["a" * 60], [["b"]]),  # a title is no wider than its table
    ],
)
def test_signs_of_markup_and_emoji_are_printed_as_they_are(
    say: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    say()
    said = capsys.readouterr()
    assert ODD in said.out + said.err
