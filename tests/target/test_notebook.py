"""The notebook runs from top to bottom, without a camera, and says what it should."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "paddleocr_on_cortex_m55.ipynb"

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def test_it_runs_from_top_to_bottom(build_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert build_dir.name == "build"
    assert not any(cell.get("outputs") for cell in cells)
    monkeypatch.chdir(build_dir.parent)  # the notebook builds in `build`, as the session does
    names: dict[str, object] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for number, cell in enumerate(cells):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    text = said.getvalue()
    assert "19 boxes" in text
    assert "Corner Bakery" in text
    assert "0 ['Meter 48 213'] read 1, new 1" in text
    assert "5 ['Meter 48 213'] read 0, new 0" in text
    assert "9 [] read 0, new 0" in text
