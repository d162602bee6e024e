"""Labels with the case and the spaces of a larger reader."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.training import teacher


@pytest.mark.parametrize(
    ("label", "reading", "wanted"),
    [
        ("GARDENIA BAKERIES", "Gardenia Bakeries", "Gardenia Bakeries"),
        ("TOTAL:7.10", "Total: 7.10", "Total: 7.10"),
        ("LOT 3, JALAN", "Lot3,Jalan", "Lot 3, Jalan"),  # the label's spaces stay
        ("CASH 5O.00", "Cash 50.00", "Cash 5o.00"),  # the label says which letters
        ("THANK YOU", "Thank Yoo", "Thank You"),
        ("QTY", "QIY", None),
        ("TAX INVOICE", "Thank you", None),
    ],
)
def test_the_label_says_what_and_the_reader_how(label: str, reading: str, wanted: str | None) -> None:
    assert teacher.merged(label, reading) == wanted


def test_a_label_file_of_a_set(tmp_path: Path) -> None:
    """The bundled recognizer is teacher of three pictures, one of them kept apart."""
    data = tmp_path / "data"
    data.mkdir()
    sample = resources.folder("models") / "samples" / "word_capital.png"
    picture = cv2.imread(str(sample))
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(data / name), picture)
    cv2.imwrite(str(data / "long.png"), np.zeros((8, 400, 3), np.uint8))
    (data / "labels.tsv").write_text(
        "a.png\tCAMBRIDGE\nb.png\tZZZZ\nc.png\tCAMBRIDGE\nlong.png\tlong\n", encoding="utf-8"
    )
    (data / "val.txt").write_text("c.png\n", encoding="utf-8")
    fast = resources.folder("models") / "en_ppocrv6_tiny_rec"
    teacher.main(data, fast, tmp_path / "out.tsv", data / "val.txt")
    (line,) = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    name, text = line.split("\t")
    assert Path(name) == data / "a.png"
    assert text == "Cambridge"  # the case of the picture


def test_a_folder_without_a_reader(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one \.onnx file"):
        teacher.Reader(tmp_path)
