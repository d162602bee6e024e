"""A board's log beside the estimate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ocrm55.errors import InputError
from ocrm55.report import board
from ocrm55.report.layers import layers
from ocrm55.simulators.protocol import ImageResult
from tests.unit.report.tiny_network import COUNTS, estimate, metadata_of

METADATA = metadata_of("int8")
HEAD = f"ocrm55 0.1.0 {METADATA.model} int8 1x3x8x16 arena 10\nimage 1/1\n"
OPERATORS = "".join(f"cycles {n} {3 * count} refills=4\n" for n, count in enumerate(COUNTS))
TAIL = "cycles preprocess=1 inference=9 decode=2\ntext: a, score: 0.500000\nexit status 0\n"


def written(folder: Path, text: str) -> Path:
    (folder / "uart.log").write_text(text)
    return folder / "uart.log"


def test_rows_and_what_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = board.read_log(written(tmp_path, "reset\n" + HEAD + OPERATORS + TAIL), METADATA)
    compared = board.rows(layers(METADATA), measured, estimate())
    assert [row.measured for row in compared] == [3 * count for count in COUNTS]
    assert {row.ratio for row in compared} == {0.5}
    assert {row.where for row in compared} == {"above"}
    board.show(compared, measured, estimate())
    shown = capsys.readouterr().out
    assert "Median error of a layer 50.0%; of all of them -50.0%." in shown
    missing = sum(COUNTS) * (3 - 1.6)
    assert f"that is {missing / 1000:.1f} cycles for each of 1,000 lines" in shown
    found = board.values(compared, measured, estimate())
    assert found["measured"] == {"preprocess": 1, "inference": 9, "decode": 2} | {"inference": 9}
    assert found["layers"][0]["events"] == {"refills": 4}


def test_a_measurement_within_the_range(tmp_path: Path) -> None:
    measured = ImageResult("", 0.0, cycles=[(round(1.5 * count), {}) for count in COUNTS])
    assert {row.where for row in board.rows(layers(METADATA), measured, estimate())} <= {"yes", "above"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no log of the firmware"),
        (HEAD + "text: a, score: 0.500000\nexit status 0\n", "has no cycles"),
        (HEAD + re.sub(r"(cycles \d+) \d+", r"\1 0", OPERATORS) + TAIL, "has only 0 cycles"),
        ((HEAD + OPERATORS + TAIL).replace("int8", "float32"), "another network"),
        (HEAD + OPERATORS[: OPERATORS.index("cycles 4")] + TAIL, "cycles of 4 operators"),
    ],
)
def test_logs_that_cannot_be_compared(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        board.read_log(written(tmp_path, text), METADATA)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        board.read_log(tmp_path, METADATA)
