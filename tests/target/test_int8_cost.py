"""What an int8 inference of the bundled recognizers costs on the target, layer by layer; its bits are the reference's.

After a change that is meant to alter the counts: `python tests/target/test_int8_cost.py` writes int8_counts.json and
fast_counts.json anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
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

ALLOWANCE = 1.02
MANY_MACS = 1_000_000
MOST_A_MAC = {"pointwise_int8": 0.30, "conv2d_int8": 0.35, "depthwise_int8": 1.0}

pytestmark = pytest.mark.qemu


@dataclass(frozen=True)
class Bars:
    """The counts on record, and what an inference at 1x3x48x320 and its program may take."""

    record: Path
    instructions: int
    arena_bytes: int
    weight_bytes: int
    elf_bytes: int


BARS = {
    "bundled": Bars(Path(__file__).with_name("int8_counts.json"), 130_000_000, 512 * 1024, 2_300_000, 2_700_000),
    "fast": Bars(Path(__file__).with_name("fast_counts.json"), 30_000_000, 256 * 1024, 750_000, 1_100_000),
}


def measure(options: stages.Options, pictures: list[np.ndarray]) -> Run:
    prepared = stages.prepare(options)
    row = Artifact.read(prepared.artifact).metadata.output.shape[-1]
    request = Request(prepared.elf, pictures, stats=True, want_probabilities=True, row=row, timeout_s=300)
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


@pytest.fixture(scope="module", params=BARS)
def options(request: pytest.FixtureRequest, build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, source=request.param, compile=CompileOptions(precision="int8"))


@pytest.fixture(scope="module")
def run(options: stages.Options, models: Path) -> Run:
    return measure(options, pictures(models))


def test_no_layer_needs_more_instructions_than_on_record(options: stages.Options, run: Run) -> None:
    file = BARS[options.source].record
    record, measured = json.loads(file.read_text()), counts(options, run)
    assert measured.keys() == record.keys(), f"the network has other layers than {file.name}"
    worse = [f"{k}: {n:,}, on record {record[k]:,}" for k, n in measured.items() if n > record[k] * ALLOWANCE + 50]
    assert not worse, "\n".join(worse)


def test_bars(options: stages.Options, run: Run) -> None:
    metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())
    bars = BARS[options.source]
    assert metadata["arena_bytes"] <= bars.arena_bytes
    assert Artifact.read(stages.compiled(options).artifact).weight_bytes <= bars.weight_bytes
    assert stages.prepare(options).elf.stat().st_size <= bars.elf_bytes
    for result in run.results:
        assert result.inference_instructions is not None
        assert result.inference_instructions <= bars.instructions
    for row, count in zip(metadata["operators"], run.results[0].operator_instructions, strict=True):
        if row["macs"] > MANY_MACS:
            assert count <= MOST_A_MAC[row["kind"]] * row["macs"], f"{row['name']}: {count / row['macs']:.3f} a MAC"


def test_the_target_equals_the_integer_reference_bit_for_bit(options: stages.Options, run: Run, models: Path) -> None:
    reference = verification.integer_reference(Artifact.read(stages.compiled(options).artifact))
    assert run.probabilities is not None
    for pixels, found in zip(pictures(models), run.probabilities, strict=True):
        assert verification.equal_bits(reference.probabilities(pixels), found)


if __name__ == "__main__":
    for source, bars in BARS.items():
        with tempfile.TemporaryDirectory() as folder:
            chosen = stages.Options(build_dir=Path(folder), source=source, compile=CompileOptions(precision="int8"))
            found = counts(chosen, measure(chosen, pictures(Path(__file__).parents[2] / "models")[:1]))
        bars.record.write_text(json.dumps(found, indent=1) + "\n")
        sys.stderr.write(f"{source}: {sum(found.values()):,} instructions in all\n")
