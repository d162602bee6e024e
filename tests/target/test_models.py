"""Other PaddleOCR recognizers on the simulated board: PP-OCRv4 mobile at its true size, two others narrower."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55 import simulation, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator
from tests import networks

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

CASES = {
    ("ppocrv4", "int8"): 200_000_000,  # instructions that an inference may cost
    ("small_ppocrv4", "float32"): 40_000_000,
    ("small_plain", "float32"): 60_000_000,
    ("small_chinese", "int8"): 40_000_000,
}
ROWS_ARENA_BYTES = 160_000


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_the_target_computes_what_the_host_does(
    name: str, precision: str, build_dir: Path, tmp_path_factory: pytest.TempPathFactory, models: Path
) -> None:
    """float32 within 1e-4 of Paddle; int8 bit for bit as the integer reference; texts of any script over the UART."""
    folder = networks.RECIPES[name].write(tmp_path_factory.mktemp("networks") / name)
    options = stages.Options(build_dir=build_dir, source=str(folder), compile=CompileOptions(precision=precision))
    pictures = [models / "samples" / "word_capital.png", models / "samples" / "wide.png"]
    compared = verification.compare(pictures, options, find_simulator("qemu"))
    assert all(each.passed for each in compared), [each.target_difference for each in compared]
    assert len({each.target.text for each in compared}) == len(pictures)
    (counted,) = simulation.read_images(
        simulation.load(pictures[:1]), stages.prepare(options), find_simulator("qemu"), stats=True
    ).results
    assert counted.inference_instructions is not None
    assert counted.inference_instructions <= CASES[name, precision]
    if name == "small_chinese":
        check_rows(options, pictures)
        compiled = Artifact.read(stages.compiled(options).artifact)
        logits = 4 * math.prod(compiled.metadata.output.shape)
        assert logits <= compiled.arena_bytes < 2 * logits, "the probabilities take over the logits' bytes"


def check_rows(options: stages.Options, pictures: list[Path]) -> None:
    """The same bits and texts where the probabilities come row by row: in an arena that does not hold all of them."""
    limited = replace(options, compile=replace(options.compile, arena_limit=ROWS_ARENA_BYTES))
    compiled = Artifact.read(stages.compiled(limited).artifact)
    assert compiled.metadata.output_comes_by_rows
    assert compiled.arena_bytes <= ROWS_ARENA_BYTES < 4 * math.prod(compiled.metadata.output.shape)
    compared = verification.compare(pictures, limited, find_simulator("qemu"))
    assert all(each.passed for each in compared), [each.target_difference for each in compared]
    whole = verification.compare(pictures, options, find_simulator("qemu"))
    assert [each.target for each in compared] == [each.target for each in whole]
