"""Networks that run in steps: their C computes what the reference does, for each kind of network."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ocrm55.artifact import Artifact
from ocrm55.compiler import host_check, pipeline
from ocrm55.compiler.artifact import Written
from ocrm55.compiler.codegen import steps
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import MiscompiledError, UnsupportedError
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.detector.model import settings_text
from ocrm55.tasks.detector.task import DETECTOR
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests import detectors
from tests.unit.compiler.host_program import SANITIZE, build_host

pytestmark = pytest.mark.slow

SMALL = CompileOptions(width=64, model_name="small", stepwise=True)
KINDS = {
    "int8": {},
    "float32": {"precision": "float32"},
    "widths": {"widths": (32, 64)},
}


@pytest.fixture(scope="module", params=KINDS)
def written(request: pytest.FixtureRequest, model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Compiled with a check of the C at its end, which runs by steps."""
    options = replace(SMALL, **KINDS[request.param])
    return pipeline.compile_model(model_dir, tmp_path_factory.mktemp("steps") / "artifact", RECOGNIZER, options)


def test_header_and_metadata_have_the_bounds(written: Written) -> None:
    count, most = steps.count(written.program), steps.most_macs(written.program)
    (header,) = (written.directory / "include").glob("ocrm55_small.h")
    text = header.read_text()
    assert f"OCRM55_SMALL_STEP_COUNT {count} " in text and f"OCRM55_SMALL_STEP_MACS {most} " in text
    values = Artifact.read(written.directory).values
    assert (values["step_count"], values["step_macs"]) == (count, most)
    assert count == len(written.program.steps)
    assert 0 < most <= max(operator.macs for operator in written.program.steps)


def test_a_step_that_is_left_out_is_found(written: Written, tmp_path: Path) -> None:
    """So the comparison at the end of the compilation does run the steps."""
    folder = tmp_path / "spoilt"
    shutil.copytree(written.directory, folder)
    path = folder / "src" / "model.c"
    text = path.read_text()
    spoilt = text.replace(f"step < {steps.count(written.program)};", f"step < {steps.count(written.program) - 1};")
    assert spoilt != text
    path.write_text(spoilt)
    with pytest.raises(MiscompiledError):
        host_check.check_c(folder, written.program, entrance.read(folder / "model.onnx"), Normalisation())


def test_an_npu_has_no_steps(model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("ethosu.vela", reason="needs ethos-u-vela to compile for the NPU")
    with pytest.raises(UnsupportedError, match="not run in steps"):
        pipeline.compile_model(model_dir, tmp_path / "a", RECOGNIZER, replace(SMALL, npu="ethos-u55-128"))


def test_without_the_option_nothing_is_there(model_dir: Path, tmp_path: Path) -> None:
    options = replace(SMALL, stepwise=False, check=False)
    found = pipeline.compile_model(model_dir, tmp_path / "plain", RECOGNIZER, options)
    assert "step_alone" not in (found.directory / "src" / "model.c").read_text()
    assert "STEP_" not in next((found.directory / "include").glob("ocrm55_small.h")).read_text()


@pytest.mark.parametrize("share", [1, 0.6], ids=["whole", "in stripes"])
def test_rows_come_step_by_step(share: float, tmp_path: Path) -> None:
    """The picture is read in front of the first step, or by the steps themselves where these are stripes of rows."""
    folder = tmp_path / "small"
    detectors.write(folder / "inference.onnx", seed=3)
    (folder / "inference.yml").write_text(settings_text("small"))
    options = CompileOptions(model_name="small", height=64, width=96, stepwise=True)
    whole = written = pipeline.compile_model(folder, tmp_path / "whole", DETECTOR, options)
    if share < 1:
        limit = int(share * Artifact.read(whole.directory).arena_bytes)
        written = pipeline.compile_model(folder, tmp_path / "striped", DETECTOR, replace(options, arena_limit=limit))
    assert written.program.input_by_rows == (share < 1)
    pixels = np.random.default_rng(8).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    found = build_host(written, flags=("-O1", *SANITIZE)).read_rows_in_steps(pixels)
    assert len(np.unique(found)) > 20
    np.testing.assert_array_equal(found, build_host(whole).read(pixels))


def test_stripes_are_steps_of_their_own() -> None:
    """Of a segment between two operators; `op` and `stripe` are what the C computes from the number of a step."""
    groups = [{"operators": [0], "stripes": 1}, {"operators": [0, 0], "stripes": 3}, {"operators": [0], "stripes": 1}]
    program = SimpleNamespace(output_rows=0)
    found = steps.values(program, groups, by_rows=None)  # type: ignore[arg-type]
    assert found["count"] == 8
    assert found["striped"] == [{"start": 1, "end": 7, "first": 1, "operators": 2, "shift": 4}]
    (place,) = found["striped"]
    numbers = []
    for step in range(8):
        inside = place["start"] <= step < place["end"]
        op, stripe = step - (place["shift"] if step >= place["end"] else 0), 0
        if inside:
            stripe, rest = divmod(step - place["start"], place["operators"])
            op = place["first"] + rest
        numbers.append((op, stripe))
    assert numbers == [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (2, 2), (3, 0)]
