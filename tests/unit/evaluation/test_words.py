"""Labelled pictures: what is accepted, and how bad lists are refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.evaluation import words


def make_set(folder: Path, rows: list[tuple[str, str]], labels: str = "labels.tsv") -> Path:
    (folder / "images").mkdir(parents=True)
    for name, _ in rows:
        cv2.imwrite(str(folder / name), np.full((20, 60, 3), 200, np.uint8))
    (folder / labels).write_text("".join(f"{name}\t{text}\n" for name, text in rows), encoding="utf-8")
    return folder


ROWS = [("images/a.png", "EXIT"), ("images/b.png", "caf\u00e9"), ("images/c.png", 'say "hi"')]


@pytest.mark.parametrize("labels", ["labels.tsv", "rec_gt.txt", "rec_gt_train.txt"])
def test_both_formats_of_labels_are_found(tmp_path: Path, labels: str) -> None:
    data = make_set(tmp_path / "set", ROWS, labels)
    assert [(word.name, word.text) for word in words.load_words(data)] == ROWS
    assert words.load_words(data / labels) == words.load_words(data)


def test_a_text_may_hold_tabs_quotes_and_a_byte_order_mark_may_lead(tmp_path: Path) -> None:
    data = make_set(tmp_path / "set", ROWS[:1])
    (data / "labels.tsv").write_bytes(b"\xef\xbb\xbfimages/a.png\tA\tB\r\n\r\n")
    assert [word.text for word in words.load_words(data)] == ["A\tB"]


def test_texts_that_the_network_cannot_say_are_not_trained_on(tmp_path: Path) -> None:
    loaded = words.load_words(make_set(tmp_path / "set", ROWS))
    assert [word.text for word in words.trainable(loaded)] == ["EXIT", 'say "hi"']


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("images/a.png EXIT\n", "labels.tsv:1 has no tab"),
        ("images/a.png\tA\nimages/zz.png\tB\n", "labels.tsv:2 names"),
        ("\n\n", "names no pictures"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    data = make_set(tmp_path / "set", ROWS[:1])
    (data / "labels.tsv").write_text(content)
    with pytest.raises(InputError, match=said):
        words.load_words(data)


def test_a_folder_without_labels_and_a_binary_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"without labels\.tsv"):
        words.load_words(tmp_path)
    with pytest.raises(InputError, match="neither a folder nor a file"):
        words.load_words(tmp_path / "nowhere")
    (tmp_path / "labels.tsv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="UTF-8"):
        words.load_words(tmp_path)


def test_a_damaged_picture_is_refused_by_name(tmp_path: Path) -> None:
    data = make_set(tmp_path / "set", ROWS[:1])
    (data / "images/a.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"a\.png"):
        words.WordPictures(words.load_words(data))


def test_names_kept_apart_are_never_in_the_training_half(tmp_path: Path) -> None:
    loaded = words.load_words(make_set(tmp_path / "set", ROWS))
    (tmp_path / "val.txt").write_text("images/b.png\tcaf\u00e9\n\nimages/c.png\n", encoding="utf-8")
    train, apart = words.split_words(loaded, words.load_names(tmp_path / "val.txt"))
    assert [word.name for word in train] == ["images/a.png"]
    assert [word.name for word in apart] == ["images/b.png", "images/c.png"]
    with pytest.raises(InputError, match="no label"):
        words.split_words(loaded, {"images/other.png"})


def test_the_two_tones_of_a_sign_are_background_first() -> None:
    sign = np.full((40, 100, 3), (200, 180, 20), np.uint8)
    sign[12:28, 30:70] = (10, 20, 60)
    assert words.two_tones(sign) == ((200, 180, 20), (10, 20, 60))
    assert words.two_tones(np.full((40, 100, 3), 90, np.uint8)) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a" * 300 + ".png\tx\n", "does not exist"),
        ("a\0.png\tx\n", "does not exist"),
        ("a.png\t" + "x" * 5000 + "\n", "5,000 characters"),
    ],
)
def test_a_label_that_no_picture_can_have(line: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text(line)
    with pytest.raises(InputError, match=why):
        words.load_words(tmp_path)


def test_more_lines_than_are_taken(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("a.png\tx\n" * 11)
    with pytest.raises(InputError, match="11 lines; 10 are the most"):
        words.load_words(tmp_path, most=10)
