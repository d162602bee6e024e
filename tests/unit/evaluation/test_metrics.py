"""Counting what was read right."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrm55.evaluation import metrics


def test_a_perfect_reading_has_no_errors() -> None:
    scores = metrics.score([("Exit", "Exit"), ("24 h", "24 h")])
    assert scores.exact.value == scores.alphanumeric.value == 1
    assert scores.character_error_rate == 0
    assert not scores.confusions


def test_case_and_punctuation_do_not_count_in_the_protocol_of_word_benchmarks() -> None:
    scores = metrics.score([("Exit!", "EXIT"), ("l0l", "101"), ("&", "")])
    assert scores.exact.right == 0
    assert scores.alphanumeric.right == 2


def test_confusions_name_what_was_written_and_what_was_read() -> None:
    scores = metrics.score([("O0", "00"), ("all", "al"), ("a", "ab"), ("O", "0")])
    assert scores.confusions == {("O", "0"): 2, ("l", ""): 1, ("", "b"): 1}
    assert scores.character_errors == 4
    assert scores.character_error_rate == pytest.approx(4 / 7)


def test_shares_by_length_and_by_class_of_character() -> None:
    scores = metrics.score([("Ab1.", "Ab7."), ("Z" * 30, "Z" * 30), ("", "")])
    assert {name: (s.right, s.count) for name, s in scores.by_length.items()} == {
        "0": (1, 1),
        "4-6": (0, 1),
        "26 and more": (1, 1),
    }
    assert scores.by_class["digits"].value == 0
    assert scores.by_class["capitals"].count == 31
    assert list(scores.by_class) == ["capitals", "small letters", "digits", "punctuation"]


def test_nothing_to_count_is_zero_not_a_division() -> None:
    scores = metrics.score([])
    assert scores.exact.value == scores.character_error_rate == 0
    assert scores.as_values()["confusions"] == []


@given(st.text("abA1 ", max_size=8), st.text("abA1 ", max_size=8))
def test_alignment_spells_both_texts_and_is_symmetric(written: str, read: str) -> None:
    pairs = metrics.align(written, read)
    assert "".join(a for a, _ in pairs) == written
    assert "".join(b for _, b in pairs) == read
    assert metrics.errors(written, read) == metrics.errors(read, written) <= max(len(written), len(read))


def test_one_changed_character_is_one_error() -> None:
    rng = random.Random(3)
    for _ in range(20):
        text = [rng.choice("abcdef") for _ in range(10)]
        changed = text.copy()
        changed[rng.randrange(10)] = "X"
        assert metrics.errors("".join(text), "".join(changed)) == 1
