"""YAML of strangers: texts stay texts, nothing expands, and everything else is one sentence."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ocrm55 import plain_yaml
from ocrm55.errors import InputError


@pytest.mark.parametrize(
    "text", ["~", "=", "<<", "1", "01", "1e3", "no", "null", "0x10", "1:1:1", "2001-01-01", ".nan", "!", "é", "'"]
)
def test_a_character_is_the_text_that_is_written(text: str) -> None:
    quoted = f'"{text}"' if text in ("!", "'") else text
    assert plain_yaml.loads(f"- {quoted}\n- b") == [text, "b"]


def as_texts(value: object) -> object:
    """Numbers as the texts that stand in a file: they are not read as numbers."""
    if isinstance(value, dict):
        return {key: as_texts(each) for key, each in value.items()}
    return [as_texts(each) for each in value] if isinstance(value, list) else str(value)


def test_what_paddleocr_writes_comes_back(model_dir: Path) -> None:
    path = model_dir / "inference.yml"
    ours, theirs = plain_yaml.load(path), yaml.safe_load(path.read_text(encoding="utf-8"))
    assert ours["PostProcess"] == as_texts(theirs["PostProcess"])
    assert ours["Global"] == theirs["Global"]
    assert ours["PreProcess"]["transform_ops"][2] == {"RecResizeImg": {"image_shape": ["3", "48", "320"]}}


def test_aliases_stand_for_their_values() -> None:
    assert plain_yaml.loads("a: &x {k: [1, 2]}\nb: *x\n") == {"a": {"k": ["1", "2"]}, "b": {"k": ["1", "2"]}}


values = st.recursive(
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc<=~", min_size=1), inner),
    max_leaves=20,
)


@given(values)
def test_any_texts_come_back(value: object) -> None:
    assert plain_yaml.loads(yaml.safe_dump(value, allow_unicode=True)) == value


BOMBS = {
    "lists": "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
    "merges": "a0: &a0 {k: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 60)),
    "itself": "a: &a [*a]",
    "deep": "[" * 5000 + "]" * 5000,
    "deep maps": "".join("  " * i + f"k{i}:\n" for i in range(300)),
    "two documents": "a: 1\n---\nb: 2\n",
    "a list as a key": "? [a, b]\n: c\n",
    "no yaml": "a: [b\nc: d",
    "control": "a: \x07",
    "unknown alias": "a: *b",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_expands_or_is_damaged_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "inference.yml"
    path.write_text(BOMBS[name])
    with pytest.raises(InputError, match=r"is not a YAML file that can be read") as refused:
        plain_yaml.load(path)
    assert len(refused.value.sentence) < 400


def test_no_tag_makes_an_object(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert plain_yaml.loads(f"!!python/object/apply:os.mkdir ['{mark}']") == [str(mark)]
    assert not mark.exists()


def test_only_regular_files_of_a_size_that_settings_have(tmp_path: Path) -> None:
    sparse, pipe, latin = tmp_path / "sparse.yml", tmp_path / "pipe.yml", tmp_path / "latin.yml"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(pipe)
    latin.write_bytes(b"a: \xe9")
    for path, words in ((sparse, "is the most"), (pipe, "regular"), (Path("/dev/zero"), "regular"), (latin, "UTF-8")):
        with pytest.raises(InputError, match=words):
            plain_yaml.load(path)


@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(yaml.YAMLError):
        plain_yaml.loads(text)


def test_the_slower_parser_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_yaml, "_LOADER", yaml.BaseLoader)
    assert plain_yaml.loads("a: &x [~, 1]\nb: *x") == {"a": ["~", "1"], "b": ["~", "1"]}
    with pytest.raises(yaml.YAMLError):
        plain_yaml.loads(BOMBS["lists"])
