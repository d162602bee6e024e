"""The bundled recognizer with an Ethos-U55 on the simulated board: QEMU's core, and the NPU's model beside it.

A few samples here; all of them by `ocrm55 verify models/samples/*.png --npu ethos-u55-128`.
"""

from pathlib import Path

import pytest

from ocrm55 import simulation, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
pytestmark = [pytest.mark.slow, pytest.mark.qemu]

SAMPLES = ("word_capital.png", "wide.png", "blank.png")
MOST_SECONDS = 180.0  # of one recognition, as docs/ethos_u.md promises; it takes a few
MOST_INSTRUCTIONS = 2_000_000  # of the core, beside the NPU


@pytest.fixture(scope="session")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(npu="ethos-u55-128", npu_fallback=True))


def test_the_board_computes_what_the_host_computes(options: stages.Options, samples: dict[Path, str]) -> None:
    paths = [path for path in samples if path.name in SAMPLES]
    for found in verification.compare(paths, options, find_simulator("qemu")):
        assert found.exact, found.path.name
        assert found.decode_agrees, found.path.name
        assert found.target.text == samples[found.path], found.path.name


def test_what_is_left_for_the_core(options: stages.Options, models: Path) -> None:
    path = models / "samples" / "word_capital.png"
    run = simulation.read_images(
        simulation.load([path]), stages.prepare(options), find_simulator("qemu"), stats=True, timeout_s=MOST_SECONDS
    )
    assert 0 < (run.results[0].inference_instructions or 0) <= MOST_INSTRUCTIONS
    assert "npu: ethos-u55-128, architecture 1.1.0\n" in run.uart


def test_a_run_that_fails_is_taken_over_by_the_core(options: stages.Options, models: Path) -> None:
    """The NPU is there and its first run ends in a bus error: the kernels compute all of it, to the bit."""
    paths = [models / "samples" / "word_capital.png"]
    failed = simulation.read_images(
        simulation.load(paths),
        stages.prepare(options),
        find_simulator("qemu"),
        npu_fault="bus-error",
        want_probabilities=True,
    )
    absent = simulation.read_images(
        simulation.load(paths),
        stages.prepare(options),
        find_simulator("qemu"),
        npu_fault="absent",
        want_probabilities=True,
    )
    assert "the NPU met a bus error, reading weights through port M1 (region region_0" in failed.uart
    assert failed.results[0].text == absent.results[0].text == "Cambridge"
    assert failed.probabilities is not None and absent.probabilities is not None
    assert verification.equal_bits(failed.probabilities, absent.probabilities)
