"""The language model's tables: counted by hand, and the bundled ones."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from ocrm55.tasks.recognizer import context
from ocrm55.training import language, texts

AMERICAN_ENGLISH = 74_585  # words of Debian 12's list that are letters only


def test_likelihoods_by_hand() -> None:
    """Two symbols and the edge: 1 1, 1 2 and 2, each between edges."""
    table = language.likelihoods([[1, 1], [1, 2], [2]], 3, 2)
    singles = (np.array([3, 3, 2]) + 3 / 3) / (8 + 3)  # edges, ones and twos; three different symbols
    behind_edge = (np.array([0, 2, 1]) + 2 * singles) / (3 + 2)
    assert table[0] == pytest.approx(behind_edge)
    assert table[2] == pytest.approx((np.array([2, 0, 0]) + 1 * singles) / (2 + 1))
    assert table.sum(axis=-1) == pytest.approx(1)


def test_what_never_came_has_the_shorter_contexts_likelihood() -> None:
    table = language.likelihoods([[1, 2, 1]], 4, 3)
    assert table.sum(axis=-1) == pytest.approx(1)
    assert (table > 0).all()
    assert table[3, 1] == pytest.approx(language.likelihoods([[1, 2, 1]], 4, 2)[1])


def test_samples_are_words_and_numbers() -> None:
    rng = random.Random(1)
    assert all(0 < symbol < context.LETTER_SYMBOLS for word in language.words(rng, 200) for symbol in word)
    assert all(0 < symbol < context.NUMBER_SYMBOLS for number in language.numbers(rng, 200) for symbol in number)


def test_program_writes_tables_that_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["language", str(tmp_path / "c.npz")])
    monkeypatch.setattr(language.tables, "__defaults__", (300, 5))
    language.main()
    charset = ["", *"01Il/", " "]
    table = np.eye(7, dtype=np.float32)[[2, 0, 5]]
    assert context.decode(table, charset, tmp_path / "c.npz").text == "1/"


def test_bundled_tables() -> None:
    """Of the words of a Debian machine, the bundled tables are what the program makes."""
    if len(texts.dictionary()) != AMERICAN_ENGLISH:
        pytest.skip("the bundled tables are made of wamerican, another word list is installed here")
    with np.load(context.bundled()) as bundled:
        counted = language.tables()
        assert set(bundled.files) == set(counted)
        for name, values in counted.items():
            assert bundled[name].dtype == np.asarray(values).dtype
            difference = np.abs(bundled[name].astype(float) - values)
            assert difference.max() <= (1 if values.dtype == np.uint8 else 1e-6 * np.abs(values).max())
