"""The table and the picture of what recognizers read for what they cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55.bench import models
from ocrm55.bench.models import Row
from ocrm55.errors import InputError

DOCS = Path(__file__).parents[3] / "docs"
SMALL = Row("small", "int8", 320, 10**8, 2 * 10**7, 1000, 2000, {"words": (50.0, 60.0)})
LARGE = Row("large", "int8", 320, 10**9, 10**8, 3000, 4000, {"words": (70.0, 80.0), "lines": (10.0, 90.0)})


def test_a_new_row_takes_the_place_of_the_old_one() -> None:
    again = replace(SMALL, instructions=5, accuracy={"lines": (1.0, 2.0)})
    rows = models.with_row([SMALL, LARGE], again)
    assert rows[1] is LARGE
    assert rows[0].instructions == 5
    assert rows[0].accuracy == {"words": (50.0, 60.0), "lines": (1.0, 2.0)}
    assert len(models.with_row(rows, replace(SMALL, width=160))) == 3


def test_the_cheapest_comes_first_and_what_is_unknown_is_empty() -> None:
    head, lines = models.table([LARGE, SMALL])
    assert head[-2:] == ["words", "lines"]
    assert [line[0] for line in lines] == ["small", "large"]
    assert lines[0][-2:] == ["50.0 / 60.0", ""]


def test_a_dearer_model_stands_further_right_and_a_better_one_higher() -> None:
    drawn = str(models.picture([SMALL, LARGE]).body)
    places = [part for part in drawn.split("<rect") if "%, " not in part and "int8, 320 pixels, words" in part]
    (x0, y0), (x1, y1) = (
        (float(p.split('x="')[1].split('"')[0]), float(p.split('y="')[1].split('"')[0])) for p in places
    )
    assert x1 > x0 and y1 < y0


def test_no_figures_are_one_sentence(tmp_path: Path) -> None:
    assert models.load(tmp_path / "none.json") == []
    with pytest.raises(InputError, match="no figures to draw"):
        models.picture([])
    for text in ("[]", "{", '{"rows": [{"model": "m"}]}', '{"rows": [1]}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError, match="holds no figures"):
            models.load(tmp_path / "bad.json")


def test_the_picture_in_the_docs_is_drawn_from_its_figures(tmp_path: Path) -> None:
    models.run([str(DOCS / "models.json"), "--picture", str(tmp_path / "models.svg")])
    assert (tmp_path / "models.svg").read_text() == (DOCS / "pictures" / "models.svg").read_text()
    counts = json.loads((DOCS.parent / "tests" / "target" / "fast_counts.json").read_text())
    row = next(row for row in models.load(DOCS / "models.json") if row.key == ("fast", "int8", 320))
    assert row.instructions == pytest.approx(sum(counts.values()), rel=0.02)
