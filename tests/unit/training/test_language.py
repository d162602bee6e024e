"""The language model's tables: counted by hand, and the bundled ones."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import context
from ocrm55.training import language, texts

AMERICAN_ENGLISH = 74_585  # words of Debian 12's list that are letters only


def test_samples_are_words_and_numbers() -> None:
    rng = random.Random(1)
    assert all(0 < symbol < context.LETTER_SYMBOLS for word in language.words(rng, 200) for symbol in word)
    assert all(0 < symbol < context.NUMBER_SYMBOLS for number in language.numbers(rng, 200) for symbol in number)


def test_program_writes_tables_that_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["language", str(tmp_path / "c.npz")])
    monkeypatch.setattr(language.tables, "__defaults__", (300, 300, 5, None))
    language.main()
    charset = ["", *"01Il/", " "]
    table = np.eye(7, dtype=np.float32)[[2, 0, 5]]
    assert context.decode(table, charset, tmp_path / "c.npz").text == "1/"


def test_labels_count_as_much_as_said(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("a.png\tzzyx zzyx\nb.png\tzzyx 12.50\n", encoding="utf-8")
    plain, taught = language.weighed(1000, 5, {}), language.weighed(1000, 5, {tmp_path / "labels.tsv": 0.25})
    more = {symbols: taught[symbols] - plain.get(symbols, 0) for symbols in taught}
    assert {symbols for symbols, times in more.items() if times} == {tuple(map(context.letter_symbol, "zzyx"))}
    assert sum(more.values()) == pytest.approx(250)


@pytest.mark.parametrize("content", ["", "a.png\t12.50\n", "no tab\n"])
def test_labels_without_words(content: str, tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="has no words"):
        language.weighed(10, 5, {tmp_path / "labels.tsv": 0.3})


@pytest.mark.parametrize("word", ["a.tsv", "a.tsv@", "@0.3", "a.tsv@nan", "a.tsv@inf", "a.tsv@-1", "a.tsv@0"])
def test_shares_that_are_none(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.tsv").write_text("a.png\tword\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["language", "c.npz", word])
    monkeypatch.setattr(language.tables, "__defaults__", (10, 10, 5, None))
    with pytest.raises(SystemExit):
        language.main()
    assert "write FILE@0.3, for example" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "c.npz").exists()


def test_bundled_tables() -> None:
    """Of the words of a Debian machine, the bundled tables are what the program makes, but for the labels' share."""
    if len(texts.dictionary()) != AMERICAN_ENGLISH:
        pytest.skip("the bundled tables are made of wamerican, another word list is installed here")
    with np.load(context.bundled()) as bundled:
        counted = language.tables(language.WORDS // 10)
        assert set(bundled.files) == set(counted)
        for name, values in counted.items():
            assert bundled[name].dtype == np.asarray(values).dtype
            if name not in ("letters", "groups"):
                difference = np.abs(bundled[name].astype(float) - values)
                assert difference.max() <= (1 if values.dtype == np.uint8 else 1e-6 * np.abs(values).max())
        usual = counted["letters"] > 16 * language.LOWEST  # likelier than chance
        apart = bundled["letters"][usual].astype(int) - counted["letters"][usual]
        assert np.abs(apart).mean() < 12  # three quarters of a doubling, tempered
