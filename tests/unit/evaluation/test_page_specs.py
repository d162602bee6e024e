"""The float pipeline from what a user names: sizes, models, and a drawn page that is found and read."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55 import resources, stages
from ocrm55.cli import app
from ocrm55.errors import InputError
from ocrm55.evaluation import page_host, page_specs
from ocrm55.inference import OnnxNetwork
from ocrm55.page import program
from ocrm55.simulators import Choice
from ocrm55.tasks.detector.model import DetectorFolder, Thresholds
from ocrm55.training import draw_pages
from ocrm55.training.fonts import find_fonts
from ocrm55.training.page_looks import draw_page


def options(tmp_path: Path, detector: str = "bundled") -> program.PageOptions:
    chosen = stages.Options(build_dir=tmp_path)
    return program.PageOptions(chosen, program.detector_options(chosen, detector, 64, 96))


def test_an_unknown_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="moon"):
        page_specs.spec_of("moon", options(tmp_path), simulator=Choice(), timeout_s=1)


def test_thresholds_become_the_targets_units() -> None:
    found = page_specs.page_options(Thresholds(0.2, 0.4, 1.4))
    assert (found.threshold, found.least_score, found.unclip) == (51, 26214, 358)


@pytest.mark.slow
def test_the_detector_in_int8_finds_what_it_finds_in_float(tmp_path: Path) -> None:
    if not (resources.folder("models") / "en_ppocrv3_det" / "inference.onnx").is_file():
        pytest.skip("no bundled detector")
    page = draw_page(random.Random(3), find_fonts(), "label", 90, 60).pixels
    detector = options(tmp_path)
    (tmp_path / "int8.onnx").write_bytes(page_specs.detector_int8(detector))
    found = DetectorFolder(stages.model(detector.detector))
    found.to_onnx(tmp_path / "float.onnx", 64, 96)
    tensor, _ = page_host.detector_input(page, (64, 96), found.levels, whole=True)
    int8, exact = (OnnxNetwork(tmp_path / f"{name}.onnx").run(tensor)[0, 0] for name in ("int8", "float"))
    assert (int8 * 256 == np.round(int8 * 256)).all(), "a map in int8 has 256 levels"
    assert ((int8 > 0.3) == (exact > 0.3)).mean() > 0.97
    assert (exact > 0.3).any()


@pytest.mark.slow
def test_drawn_pages_are_read_with_the_bundled_networks(tmp_path: Path) -> None:
    if not (resources.folder("models") / "en_ppocrv3_det" / "inference.onnx").is_file():
        pytest.skip("no bundled detector")
    draw_pages.draw_pages(tmp_path / "drawn", 3, longest=640)
    arguments = ["eval", "--pages", str(tmp_path / "drawn"), "--build-dir", str(tmp_path / "build")]
    shares = []
    for place in ("host", "reference"):
        done = CliRunner().invoke(app, [*arguments, "--on", place, "-o", str(tmp_path / place)])
        assert done.exit_code == 0, done.output
        shares.append(json.loads((tmp_path / place / "pages.json").read_text())["covered"]["share"])
        assert (tmp_path / place / "pages.png").is_file()
    assert min(shares) > 0.7
    assert abs(shares[0] - shares[1]) < 0.1
