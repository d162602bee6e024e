"""The bundled model in int8 on the simulated board: every sample read right, and every bit as the host computes it."""

import json
from pathlib import Path

import pytest

from ocrm55 import simulation, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

# What one int8 inference at 1x3x48x320 may cost on QEMU, and the room that it may take.
MOST_INSTRUCTIONS = 130_000_000
MOST_ARENA_BYTES = 512 * 1024
MOST_ELF_BYTES = 2_700_000  # with the model
# Instructions a MAC that no layer of over a million MACs may exceed.
MOST_A_MAC = {"pointwise_int8": 0.30, "conv2d_int8": 0.35, "depthwise_int8": 1.0}
PARTS = 2  # so that two workers share the samples


@pytest.fixture(scope="session")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(precision="int8"))


@pytest.mark.parametrize("part", range(PARTS))
def test_every_sample_is_read_right_and_bit_for_bit(
    part: int, options: stages.Options, samples: dict[Path, str]
) -> None:
    paths = list(samples)[part::PARTS]
    for found in verification.compare(paths, options, find_simulator("qemu")):
        assert found.exact, found.path.name
        assert found.decode_agrees, found.path.name
        assert found.target.text == found.paddle.text == samples[found.path], found.path.name


def test_an_inference_keeps_to_its_bounds(options: stages.Options, models: Path) -> None:
    run = simulation.read_images(
        simulation.load([models / "samples" / "wide.png"]), stages.prepare(options), find_simulator("qemu"), stats=True
    )
    (result,) = run.results
    metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())
    assert result.inference_instructions is not None
    assert result.inference_instructions <= MOST_INSTRUCTIONS
    assert metadata["arena_bytes"] <= MOST_ARENA_BYTES
    assert stages.prepare(options).elf.stat().st_size <= MOST_ELF_BYTES
    for operator, count in zip(metadata["operators"], result.operator_instructions, strict=True):
        if operator["macs"] > 1_000_000:
            assert count / operator["macs"] <= MOST_A_MAC[operator["kind"]], operator["name"]
