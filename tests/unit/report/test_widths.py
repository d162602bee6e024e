"""Reports on a program with several widths: every figure is that of the width at which an image was read."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrm55.compiler.artifact import DECIDED_BY_WIDTH
from ocrm55.metadata import Metadata, NetworkRow
from ocrm55.report import page, profile, statistics, widths
from ocrm55.report.measurement import Measurement
from ocrm55.simulators.base import ImageResult
from tests.unit.report.tiny_network import COUNTS, MACS, measurement_of, metadata_of, values_of

FULL, NARROW = 16, 8
NARROW_COUNTS = [count // 2 + 1 for count in COUNTS]


def program() -> Metadata:
    """Metadata of a program for 8 and 16 columns: at 8, half the MACs and tensors of half the size."""
    full = values_of("int8")
    narrow = json.loads(json.dumps({name: full[name] for name in DECIDED_BY_WIDTH}))
    narrow["macs"] = sum(macs // 2 for macs in MACS)
    for operator in narrow["operators"]:
        operator |= {"macs": operator["macs"] // 2, "live_macs": operator["live_macs"] // 2}
    for tensor in narrow["tensors"]:
        tensor |= {"bytes": tensor["bytes"] // 2, "shape": [*tensor["shape"][:1], 7, *tensor["shape"][2:]]}
    whole = {name: full[name] for name in DECIDED_BY_WIDTH}
    widths_of = {"widths": [{"width": NARROW, "steps": 4, **narrow}, {"width": FULL, "steps": 8, **whole}]}
    return Metadata.of(full | widths_of)


def measured(paths: list[Path]) -> Measurement:
    """Two images at 8 columns, the second after none; a third at 16 after a reading at 8 that did not stand."""
    results = [
        ImageResult("ab", 0.9, 10, sum(NARROW_COUNTS) + 7, 3, NARROW_COUNTS, NARROW),
        ImageResult("ba", 0.8, 10, sum(NARROW_COUNTS) + 7, 3, NARROW_COUNTS, NARROW),
        ImageResult("bb", 0.7, 10, sum(COUNTS) + 7, 3, COUNTS, FULL, sum(NARROW_COUNTS) + 7),
    ]
    one_width = measurement_of("int8", paths)
    return replace(one_width, metadata=program(), run=replace(one_width.run, results=results))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    pictures = [tmp_path / f"{name}.png" for name in ("first", "second", "third")]
    for path in pictures:
        Image.fromarray(np.full((8, 6, 3), 200, np.uint8)).save(path)
    return pictures


def test_the_metadata_at_a_width_is_that_widths() -> None:
    at = program().at_width(NARROW)
    assert at.macs == sum(macs // 2 for macs in MACS)
    assert at.arena_bytes == program().arena_bytes  # one arena, the widest's
    assert metadata_of("int8").at_width(None) == metadata_of("int8")


def test_compile_writes_for_a_width_what_is_read_for_it() -> None:
    assert {each.name for each in fields(NetworkRow)} == set(DECIDED_BY_WIDTH)


def test_each_width_has_its_row(paths: list[Path]) -> None:
    narrow, full = widths.costs(program(), measured(paths).run.results)
    assert (narrow.width, narrow.images, narrow.unsure_instructions) == (NARROW, 2, 0)
    assert (full.width, full.images, full.unsure_instructions) == (FULL, 1, sum(NARROW_COUNTS) + 7)
    assert narrow.share == pytest.approx((sum(NARROW_COUNTS) + 7) / (sum(COUNTS) + 7))
    assert widths.costs(metadata_of("int8"), [ImageResult("a", 1.0)]) == []


def test_without_a_reading_at_full_width_there_is_no_share(paths: list[Path]) -> None:
    (row,) = widths.costs(program(), measured(paths).run.results[:1])
    assert row.share is None
    assert row.cells[5] == ""


def test_the_profile_tells_both_widths(paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(paths)
    profile.show(found)
    shown = capsys.readouterr().out
    assert "layers at 8 of 16 columns" in shown
    assert "layers at 16 of 16 columns" in shown
    assert f"{sum(NARROW_COUNTS):,}" in shown
    assert f"{sum(COUNTS):,}" in shown
    values = json.loads(json.dumps(profile.as_values(found)))
    assert (values["width"], values["image"], values["totals"]["macs"]) == (
        8,
        "first.png",
        program().widths[0].macs,
    )
    assert [row["width"] for row in values["by_width"]] == [8, 16]
    (other,) = values["other_widths"]
    assert (other["width"], other["image"], other["totals"]["macs"]) == (16, "third.png", sum(MACS))
    assert other["instructions"]["unsure"] == sum(NARROW_COUNTS) + 7
    lines = list(csv.DictReader(io.StringIO(profile.as_csv(found))))
    assert [line["width"] for line in lines] == ["8"] * 5 + ["16"] * 5
    assert [int(line["instructions"]) for line in lines] == [*NARROW_COUNTS, *COUNTS]


def test_stats_tell_both_widths(capsys: pytest.CaptureFixture[str], paths: list[Path]) -> None:
    found = measured(paths)
    for result in found.first_of_each_width:
        statistics.show_operators(found.metadata.at_width(result.width), result)
    statistics.show_widths(found.metadata, found.run.results)
    shown = capsys.readouterr().out
    assert "instructions by operator at 8 of 16 columns" in shown
    assert "instructions by operator at 16 of 16 columns" in shown
    assert "by width" in shown


def test_the_page_has_a_table_for_each_width(paths: list[Path]) -> None:
    found = measured(paths)
    text = page.render(found, ["", "a", "b", "c", "d"], [], [], "now")
    assert "first.png: 6 x 8 pixels, read at 6 x 8, at 8 of 16 columns" in text
    assert "third.png: 6 x 8 pixels, read at 6 x 8, at 16 of 16 columns" in text
    assert "in the order of execution, at 8 of 16 columns" in text
    assert "in the order of execution, at 16 of 16 columns" in text
    for number in (*NARROW_COUNTS, *COUNTS):
        assert f"{number:,}" in text
    first, third = page.card(found, 0, ["", "a", "b", "c", "d"]), page.card(found, 2, ["", "a", "b", "c", "d"])
    assert (len(first.steps), len(third.steps)) == (4, 8)  # the rows behind a narrow image's last step are not its own
    assert first.steps[-1].columns == (6.0, 8.0)
