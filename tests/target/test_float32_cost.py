"""What one float32 inference costs on the target, and that it says there what ONNX Runtime says here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.inference import OnnxRecognizer

# Counted on QEMU with gcc 12.2; a change that costs more than two percent has to say why here.
INSTRUCTIONS = 306_300_000
MOST_A_MAC = 1.0
MOST_ARENA_BYTES = 2_000_000
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(precision="float32"))


@pytest.fixture(scope="module")
def run(options):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 320, 3), dtype=np.uint8)
    elf = stages.prepare(options).elf
    request = Request(elf=elf, images=[pixels, pixels], stats=True, want_probabilities=True, row=97, timeout_s=300)
    return pixels, find_simulator("qemu", None).run(request)


@pytest.mark.qemu
def test_instructions(options, run):
    metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())
    first, second = run[1].results
    assert first.inference_instructions <= INSTRUCTIONS * 1.02, f"{first.inference_instructions:,}"
    assert first.inference_instructions <= MOST_A_MAC * metadata["macs"]
    assert metadata["arena_bytes"] <= MOST_ARENA_BYTES
    assert len(first.operator_instructions) == len(metadata["operators"])
    assert abs(first.inference_instructions - second.inference_instructions) < 1000


@pytest.mark.qemu
def test_probabilities(options, run):
    pixels, done = run
    expected = OnnxRecognizer(stages.compiled(options).artifact / "model.onnx").probabilities(image.normalise(pixels))
    for found in done.probabilities:
        assert np.abs(found - expected).max() <= TOLERANCE
