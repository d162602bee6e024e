"""Labelled pages: what is read, what is refused, and with which words."""

from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.evaluation.page_labels import Line, load_boxes, load_pages, write_boxes


def folder(at: Path, names: tuple[str, ...] = ("a", "b")) -> Path:
    (at / "pages").mkdir()
    (at / "boxes").mkdir()
    for name in names:
        (at / "pages" / f"{name}.jpg").write_bytes(b"")
        (at / "boxes" / f"{name}.tsv").write_text(
            "1\t2\t11\t2\t11\t8\t1\t8\tTwo\twords\n\n5\t5\t9\t5\t9\t9\t5\t9\t###\n"
        )
    return at


def test_a_folder_is_read(tmp_path: Path) -> None:
    pages = load_pages(folder(tmp_path))
    assert [page.name for page in pages] == ["a", "b"]
    first, second = pages[0].lines
    assert first.text == "Two\twords"
    assert first.known
    assert first.height == 6
    np.testing.assert_array_equal(first.corners, [(1, 2), (11, 2), (11, 8), (1, 8)])
    assert not second.known


def test_a_list_chooses_pages_and_a_limit_takes_the_first(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "val.txt").write_text("b\n")
    assert [page.name for page in load_pages(tmp_path, only=tmp_path / "val.txt")] == ["b"]
    assert [page.name for page in load_pages(tmp_path, limit=1)] == ["a"]
    (tmp_path / "val.txt").write_text("b\nc\n")
    with pytest.raises(InputError, match="names c, of which"):
        load_pages(tmp_path, only=tmp_path / "val.txt")


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    """One of them would be left out, and nobody would know which."""
    (folder(tmp_path) / "pages" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"a.jpg and a.png are one page's name"):
        load_pages(tmp_path)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    lines = [Line(np.array([(0.5, 1), (9, 1.2), (9, 4), (0, 4)], np.float32), "a b"), Line(np.eye(4, 2) * -3, "###")]
    write_boxes(tmp_path / "x.tsv", lines)
    again = load_boxes(tmp_path / "x.tsv")
    assert [line.text for line in again] == ["a b", "###"]
    for line, other in zip(lines, again, strict=True):
        np.testing.assert_allclose(line.corners, other.corners, atol=0.05)


def test_only_ends_of_lines_end_a_row(tmp_path: Path) -> None:
    """Labels come from strangers' tools: a separator in a text is a part of it."""
    row = "1\t1\t2\t1\t2\t2\t1\t2\t"
    (tmp_path / "x.tsv").write_bytes(f"{row}a\u2028b\x85c\r\n{row}d\x0ce\n".encode())
    assert [line.text for line in load_boxes(tmp_path / "x.tsv")] == ["a\u2028b\x85c", "d\x0ce"]


@pytest.mark.parametrize(
    "row", ["1\t2\t3", "1\t2\t3\t4\t5\t6\t7\t8", "1\t2\t3\t4\t5\t6\t7\tx\tword", "nan" + "\t1" * 7 + "\ta"]
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(f"1\t1\t1\t1\t1\t1\t1\t1\ta\n{row}\n")
    with pytest.raises(InputError, match=r"x\.tsv:2 is not eight numbers and a text"):
        load_boxes(path)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder `pages`"):
        load_pages(tmp_path)
    folder(tmp_path, ())
    with pytest.raises(InputError, match="holds no pictures"):
        load_pages(tmp_path)
    (tmp_path / "pages" / "c.png").write_bytes(b"")
    with pytest.raises(InputError, match="no boxes for the page c"):
        load_pages(tmp_path)
