"""The float pipeline from what a user names: sizes, models, and a drawn page that is found and read."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import resources, stages
from ocrm55.cli import app
from ocrm55.errors import InputError
from ocrm55.evaluation import page_specs
from ocrm55.tasks.detector.task import DETECTOR
from ocrm55.training import draw_pages


def test_a_size_is_width_by_height() -> None:
    assert page_specs.parse_size("640x480") == (480, 640)
    assert page_specs.parse_size(" 32X4096") == (4096, 32)
    for text in ("640", "640x", "640x470", "0x32", "8192x32", "640x480x3", "-32x32"):
        with pytest.raises(InputError, match="no size of a detector's input"):
            page_specs.parse_size(text)


def test_the_detector_has_options_of_its_own() -> None:
    options = stages.Options(source="pp-ocrv3", build_dir=Path("elsewhere"))
    bundled = page_specs.detector_options(options, "bundled")
    assert (bundled.task, bundled.folder.model) == (DETECTOR, "en_ppocrv3_det")
    assert bundled.build_dir == options.build_dir
    named = page_specs.detector_options(options, "PP-OCRv6_tiny_det")
    assert (named.task, named.source) == (DETECTOR, "PP-OCRv6_tiny_det")


@pytest.mark.slow
def test_drawn_pages_are_read_with_the_bundled_networks(tmp_path: Path) -> None:
    if not (resources.folder("models") / "en_ppocrv3_det" / "inference.onnx").is_file():
        pytest.skip("no bundled detector")
    draw_pages.draw_pages(tmp_path / "drawn", 3, longest=640)
    arguments = ["eval", "--pages", str(tmp_path / "drawn"), "--build-dir", str(tmp_path / "build")]
    done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    share = next(line for line in done.stdout.splitlines() if line.startswith("recall")).split()[3]
    assert float(share.rstrip("%")) > 50, done.stdout
    assert (tmp_path / "out" / "pages.png").is_file()
