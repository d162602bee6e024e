"""The tables of --stats add up and say what they count."""

import pytest

from ocrm55.metadata import Metadata
from ocrm55.report import statistics
from ocrm55.simulators.base import ImageResult
from tests import metadata_rows as rows

METADATA = Metadata.of(
    rows.metadata(
        [rows.operator("conv", macs=3000), rows.operator("pool", "primitive")], arena_bytes=4096, weight_bytes=1234567
    )
)


def test_operators_have_a_row_each_and_a_sum(capsys: pytest.CaptureFixture[str]) -> None:
    image = ImageResult("a", 0.5, 10, 1600, 20, [1500, 100])
    statistics.show_operators(METADATA, image)
    shown = capsys.readouterr().out
    conv = next(line for line in shown.splitlines() if line.startswith("conv"))
    pool = next(line for line in shown.splitlines() if line.startswith("pool"))
    assert conv.split() == ["conv", "conv2d", "c", "3,000", "1,500", "0.500"]
    assert pool.split() == ["pool", "primitive", "c", "0", "100"]  # no MACs, no ratio
    assert "1,600 instructions, 0.533 a MAC (3,000 padded MACs)" in shown
    assert "cycle" not in shown


def test_counts_that_do_not_fit_the_operators_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        statistics.show_operators(METADATA, ImageResult("a", 0.5, 10, 1600, 20, [1500]))


def test_memory_names_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    statistics.show_memory(METADATA, {".text": 60000, ".ocrm55.arena": 4096})
    shown = capsys.readouterr().out
    for words in ("arena", "4,096 bytes", "1,234,567 bytes", ".text", "60,000"):
        assert words in shown
