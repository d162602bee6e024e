"""Characters, words and check digits together, as tables of a model."""

import os
from pathlib import Path

import numpy as np
import pytest

from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError
from ocrm55.restriction import Restriction
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.headers import restriction_header
from ocrm55.tasks.recognizer.restriction import lexicon
from ocrm55.tasks.recognizer.restriction.restriction import Tables, check_words, compile_restriction

CHARSET = tuple(load_charset())
INDEX = {character: index for index, character in reversed(list(enumerate(CHARSET)))}


def tables(**asked: object) -> Tables:
    return compile_restriction(Restriction(**asked), CHARSET, 40)  # type: ignore[arg-type]


def fits(found: Tables, text: str) -> bool:
    return found.fits([INDEX[c] for c in text])


def listed(tmp_path: Path, *words: str) -> Path:
    (tmp_path / "words").write_text("\n".join(words), encoding="utf-8")
    return tmp_path / "words"


def test_a_lexicon_that_no_model_can_say_is_refused_before_the_model_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which the model does not read"):
        check_words(Restriction(lexicon=listed(tmp_path, "good", "\x1b[31m")), CHARSET)


def test_characters_and_ranges() -> None:
    found = tables(allow=r"0-9A-HJ-NPR-Z\-")
    assert fits(found, "1HGCM-Z")
    assert not any(fits(found, c) for c in "IOQ a.")
    assert tables(allow="-a").allowed.sum() == 2
    assert tables(allow="a-").allowed.sum() == 2


def test_a_space_of_two_classes_is_allowed_whole() -> None:
    spaces = np.array([c == " " for c in CHARSET])
    assert (tables(allow=" ").allowed == spaces).all()


@pytest.mark.parametrize("allow", ["z-a", "\u00e9"])
def test_characters_that_are_refused(allow: str) -> None:
    with pytest.raises(InputError):
        tables(allow=allow)


def test_words_as_the_smallest_automaton(tmp_path: Path) -> None:
    words = ["tap", "taps", "top", "tops", "", "stop"]
    found = tables(lexicon=listed(tmp_path, *words))
    assert found.automaton is not None
    assert all(fits(found, word) for word in words if word)
    assert not any(fits(found, word) for word in ("ta", "tapss", "sto", "tip"))
    assert found.automaton.states == 8  # the first; t, a or o, p, s; and s, t, o before the last p
    assert found.asked["words"] == "5"


def test_words_keep_what_else_is_asked_for(tmp_path: Path) -> None:
    found = tables(lexicon=listed(tmp_path, "AB12", "AB123", "ab12"), pattern="[A-Z]+.{2}")
    assert fits(found, "AB12")
    assert not fits(found, "AB123")
    with pytest.raises(InputError, match="no word"):
        tables(lexicon=listed(tmp_path, "a"), allow="b")


def test_a_pattern_keeps_what_is_allowed() -> None:
    found = tables(pattern="[A-Z0-9]{2}", allow="0-4")
    assert fits(found, "40")
    assert not fits(found, "45")
    with pytest.raises(InputError, match="no text fits"):
        tables(pattern="[A-Z]", allow="0-9")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "names no word"),
        (b"\n\n", "names no word"),
        (b"\xff\xfe", "no text in UTF-8"),
        ("na\u00efve".encode(), "does not read"),
        (b"x" * 41, "at most 40"),
        (b"a\n" * 200_000, "at most 150,000"),
        (b"ab\n" * 3_500_000, "more than 2,097,152 bytes"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "words").write_bytes(content)
    with pytest.raises(InputError, match=why):
        tables(lexicon=tmp_path / "words")


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        tables(lexicon=tmp_path / "none")


def test_words_without_anything_in_common_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MOST_STATES", 100)
    with pytest.raises(InputError, match="states"):
        lexicon.compile_words([(1, *((i >> b & 1) + 1 for b in range(8)), i % 50 + 1, i % 7 + 1) for i in range(256)])


def test_too_many_steps() -> None:
    with pytest.raises(InputError, match="96 steps"):
        compile_restriction(Restriction(allow="0-9"), CHARSET, 97)


def test_an_unknown_kind_of_check_digit() -> None:
    with pytest.raises(InputError, match="no kind"):
        tables(check_digits="crc32")


def test_each_restriction_has_a_folder_of_its_own(tmp_path: Path) -> None:
    asked = [Restriction(), Restriction(allow="0-9"), Restriction(pattern="0-9"), Restriction(check_digits="ean")]
    asked.append(Restriction(lexicon=listed(tmp_path, "a")))
    assert len({CompileOptions(restriction=each).variant for each in asked}) == len(asked)
    assert CompileOptions(restriction=Restriction()).variant == CompileOptions().variant == "int8"


def test_the_c_says_what_was_asked_and_ends_no_comment() -> None:
    text = restriction_header(tables(pattern="[*]/.*"), in_context=True)
    assert text.count("*/") == text.count("/*")


def test_a_list_of_words_is_a_regular_file(tmp_path: Path) -> None:
    """A pipe would never end."""
    os.mkfifo(tmp_path / "words")
    with pytest.raises(InputError, match="is not a regular file"):
        lexicon.read(tmp_path / "words")


def test_a_kind_of_check_digit_is_refused_before_all_work() -> None:
    with pytest.raises(InputError, match="no kind of check digit"):
        check_words(Restriction(check_digits="x\u202e"), CHARSET)
