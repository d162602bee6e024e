"""What one int8 inference costs on the target, layer by layer, and that its bits are the integer reference's.

After a change that is meant to alter the counts: `python tests/target/test_int8_cost.py` writes int8_counts.json anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.pictures import read_image
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request, Run
from ocrm55.tasks.recognizer import image

RECORD = Path(__file__).with_name("int8_counts.json")
ALLOWANCE = 1.02
MOST_INSTRUCTIONS = 130_000_000
MOST_ARENA_BYTES = 512 * 1024
MOST_ELF_BYTES = 2_700_000
MANY_MACS = 1_000_000
MOST_A_MAC = {"pointwise_int8": 0.30, "conv2d_int8": 0.35, "depthwise_int8": 1.0}

pytestmark = pytest.mark.qemu


def measure(options: stages.Options, pictures: list[np.ndarray]) -> Run:
    request = Request(stages.prepare(options).elf, pictures, stats=True, want_probabilities=True, row=97, timeout_s=300)
    return find_simulator("qemu", None).run(request)


def counts(options: stages.Options, run: Run) -> dict[str, int]:
    """Instructions of each operator, under a name that says which one it is."""
    rows = operators(options)
    return {
        f"{index} {row['name']} {row['kind']}": count
        for index, (row, count) in enumerate(zip(rows, run.results[0].operator_instructions, strict=True))
    }


def operators(options: stages.Options) -> list[dict]:
    return json.loads((stages.compiled(options).artifact / "metadata.json").read_text())["operators"]


def pictures(models: Path) -> list[np.ndarray]:
    names = ("wide", "word_upper", "blank", "noisy", "code")
    read = [image.resize(read_image(models / "samples" / f"{name}.png")) for name in names]
    return [*read, np.random.default_rng(0).integers(0, 256, (48, 320, 3), dtype=np.uint8)]


@pytest.fixture(scope="module")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(precision="int8"))


@pytest.fixture(scope="module")
def run(options: stages.Options, models: Path) -> Run:
    return measure(options, pictures(models))


def test_no_layer_needs_more_instructions_than_on_record(options: stages.Options, run: Run) -> None:
    record, measured = json.loads(RECORD.read_text()), counts(options, run)
    assert measured.keys() == record.keys(), "the network has other layers than int8_counts.json"
    worse = [f"{k}: {n:,}, on record {record[k]:,}" for k, n in measured.items() if n > record[k] * ALLOWANCE + 50]
    assert not worse, "\n".join(worse)


def test_bars(options: stages.Options, run: Run) -> None:
    metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())
    assert metadata["arena_bytes"] <= MOST_ARENA_BYTES
    assert stages.prepare(options).elf.stat().st_size <= MOST_ELF_BYTES
    for result in run.results:
        assert result.inference_instructions is not None
        assert result.inference_instructions <= MOST_INSTRUCTIONS
    for row, count in zip(metadata["operators"], run.results[0].operator_instructions, strict=True):
        if row["macs"] > MANY_MACS:
            assert count <= MOST_A_MAC[row["kind"]] * row["macs"], f"{row['name']}: {count / row['macs']:.3f} a MAC"


def test_the_target_equals_the_integer_reference_bit_for_bit(options: stages.Options, run: Run, models: Path) -> None:
    reference = verification.integer_reference(Artifact.read(stages.compiled(options).artifact))
    assert run.probabilities is not None
    for pixels, found in zip(pictures(models), run.probabilities, strict=True):
        assert verification.equal_bits(reference.probabilities(pixels), found)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        chosen = stages.Options(build_dir=Path(folder), compile=CompileOptions(precision="int8"))
        found = counts(chosen, measure(chosen, pictures(Path(__file__).parents[2] / "models")[:1]))
    RECORD.write_text(json.dumps(found, indent=1) + "\n")
    sys.stderr.write(f"{sum(found.values()):,} instructions in all\n")
