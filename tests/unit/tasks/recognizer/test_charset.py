"""The classes, against PaddleX's decoder and the order that PP-OCRv3 is known to have."""

import string
from pathlib import Path

import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.charset import load_charset, load_dictionary


def test_same_classes_as_paddlex() -> None:
    from paddlex.inference.models.text_recognition.processors import CTCLabelDecode

    theirs = CTCLabelDecode(load_dictionary()).character
    assert theirs[0] == "blank"
    assert load_charset() == ["", *theirs[1:]]


def test_order_of_the_english_dictionary() -> None:
    charset = load_charset()
    assert len(charset) == 97
    # ASCII from "0" to "~", then what comes before "0", then the space; not the other dictionary's order.
    assert "".join(charset[1:96]) == "".join(map(chr, [*range(0x30, 0x7F), *range(0x21, 0x30), 0x20]))
    assert charset[96] == " "
    assert set(string.printable.strip()) <= set(charset)


def test_no_class_is_there_twice_but_the_space() -> None:
    visible = [character for character in load_charset() if character != " "]
    assert len(set(visible)) == len(visible) == 95


def test_dictionary_of_another_place(tmp_path: Path) -> None:
    path = tmp_path / "dict.txt"
    path.write_bytes("a\r\nb\r\n\u2028\r\n \r\n".encode())
    assert load_dictionary(path) == ["a", "b", "\u2028", " "]
    path.write_text("a\nb", encoding="utf-8")
    assert load_dictionary(path) == ["a", "b"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_dictionary_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "dict.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"dict\.txt cannot be read"):
        load_dictionary(path)
