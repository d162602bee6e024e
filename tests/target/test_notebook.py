"""The notebook runs from top to bottom as Jupyter runs it, without a camera, and says what it should."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "paddleocr_on_cortex_m55.ipynb"
# It needs the package and Jupyter alone: an import of one of these fails.
_FOREIGN = "import sys; sys.modules.update(dict.fromkeys(['starlette', 'uvicorn', 'websockets', 'playwright']))"

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@pytest.fixture(scope="module")
def ran(build_dir: Path) -> Any:
    """The notebook with its outputs."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(_FOREIGN))
    assert build_dir.name == "build"  # the notebook builds in `build`, as the session does
    where = {"metadata": {"path": str(build_dir.parent)}}
    nbclient.NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=where).execute()
    return notebook


def said(notebook: Any) -> str:
    """What its cells print."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def test_it_has_the_chapters(ran: Any) -> None:
    heads = [cell.source.splitlines()[0] for cell in ran.cells if cell.cell_type == "markdown"]
    assert [head for head in heads if head.startswith("## ")] == [
        "## 1. Models",
        "## 2. The pipeline",
        "## 3. A picture",
        "## 4. A video",
        "## 5. Live",
    ]


def test_it_says_what_was_read(ran: Any) -> None:
    text = said(ran)
    assert "19 boxes" in text
    assert "Corner Bakery" in text
    assert "0 ['Meter 48 213'] read 1, new 1" in text
    assert "5 ['Meter 48 213'] read 0, new 0" in text
    assert "9 [] read 0, new 0" in text
    if not Path("/dev/video0").exists():
        assert "7 ['Meter 48 213 " in text  # the chapter about live frames, by the film


def test_it_shows_pictures(ran: Any) -> None:
    outputs = [output for cell in ran.cells for output in cell.get("outputs", [])]
    pictures = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    page = Image.open(io.BytesIO(base64.b64decode(pictures[0])))
    assert min(page.size) > 300
