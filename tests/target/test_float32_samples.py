"""The bundled model in float32 on the simulated board: every sample, against Paddle."""

from pathlib import Path

import numpy as np
import pytest

from ocrm55 import simulation, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Run
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.ctc import decode

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

PARTS = 2  # so that two workers share the samples


@pytest.fixture(scope="session")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(precision="float32"))


def read(paths: list[Path], options: stages.Options, **more: bool) -> Run:
    return simulation.read_images(simulation.load(paths), stages.prepare(options), find_simulator("qemu"), **more)


@pytest.mark.parametrize("part", range(PARTS))
def test_target_reads_every_sample_as_paddle_does(
    part: int, options: stages.Options, samples: dict[Path, str], sample_probabilities: dict[Path, np.ndarray]
) -> None:
    assert "blank.png" in {path.name for path in samples}
    paths = list(samples)[part::PARTS]
    run = read(paths, options, want_probabilities=True)
    assert run.probabilities is not None
    charset = load_charset()
    for path, said, on_target in zip(paths, run.results, run.probabilities, strict=True):
        truth = sample_probabilities[path]
        assert said.text == decode(truth, charset).text == samples[path], path.name
        assert np.abs(on_target - truth).max() <= verification.FLOAT32_TOLERANCE, path.name
        decoded = decode(on_target, charset)
        assert (said.text, f"{said.score:.6f}") == (decoded.text, f"{decoded.score:.6f}"), path.name
        if path.name == "blank.png":
            assert (said.text, f"{said.score:.6f}") == ("", "0.000000")
            assert "text: , score: 0.000000" in run.uart


def test_another_image_runs_no_compiler(
    options: stages.Options, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stages.prepare(options)
    capfd.readouterr()
    read([models / "samples" / "digit.png"], options)
    commands = [line for line in capfd.readouterr().err.splitlines() if line.startswith("$")]
    assert len(commands) == 1
    assert "qemu-system-arm" in commands[0]
