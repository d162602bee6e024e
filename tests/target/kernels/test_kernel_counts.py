"""No layer's kernel needs over 2 % more instructions or cycles than is on record, and all keep within their bars.

After a change that is meant to alter them: `python -m tests.target.kernels.test_kernel_counts` writes counts.json and
cycles.json anew.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from ocrm55 import doctor
from ocrm55.bench import kernels
from tests.target.programs import require

RECORD = Path(__file__).with_name("counts.json")
CYCLES = Path(__file__).with_name("cycles.json")
ALLOWANCE = 1.02

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def rows(onnx_path: Path) -> list[kernels.Row]:
    for program in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    return kernels.measure(onnx_path, cycles=shutil.which("cc") is not None)


def test_no_layer_needs_more_instructions_than_on_record(rows: list[kernels.Row]) -> None:
    if doctor.program_version("arm-none-eabi-gcc")[:1] != (12,):
        pytest.skip("counts.json is of GCC 12; another one's counts are a few percent off")
    record = json.loads(RECORD.read_text())
    measured = {f"{row.layer}: {row.kernel} {row.shape}": row.instructions for row in rows}
    assert measured.keys() == record.keys(), "the network has other layers than counts.json"
    worse = [f"{k}: {n:,}, on record {record[k]:,}" for k, n in measured.items() if n > record[k] * ALLOWANCE]
    assert not worse, "\n".join(worse)


def test_no_layer_needs_more_cycles_than_on_record(rows: list[kernels.Row]) -> None:
    """By the estimate, whose counts are those of QEMU's clock but for the call."""
    if doctor.program_version("arm-none-eabi-gcc")[:1] != (12,):
        pytest.skip("cycles.json is of GCC 12; another one's counts are a few percent off")
    require("cc")
    record, found = json.loads(CYCLES.read_text()), in_cycles(rows)
    assert found.keys() == record.keys(), "the network has other layers than cycles.json"
    worse = [f"{k}: {n:,}, on record {record[k]:,}" for k, n in found.items() if n > record[k] * ALLOWANCE]
    assert not worse, "\n".join(worse)
    for row in rows:
        assert row.cycles is not None
        assert row.cycles.instructions == pytest.approx(row.instructions, abs=60), row.layer


def in_cycles(rows: list[kernels.Row]) -> dict[str, int]:
    named = {f"{row.layer}: {row.kernel} {row.shape}": row.cycles for row in rows}
    return {name: round(cycles.likely.cycles) for name, cycles in named.items() if cycles is not None}


def test_layers_over_a_million_macs_keep_their_bars(rows: list[kernels.Row]) -> None:
    bars = {"pointwise": 0.30, "conv": 0.35, "depthwise": 1.0}
    over = [
        f"{row.layer}: {row.per_mac:.3f} instructions a MAC"
        for row in rows
        if row.macs > 1_000_000 and row.per_mac is not None and row.per_mac > bars[row.kernel]
    ]
    assert not over, "\n".join(over)
    assert sum(row.instructions for row in rows) <= 130_000_000


if __name__ == "__main__":
    from ocrm55.tasks.recognizer.model import to_onnx

    with tempfile.TemporaryDirectory() as folder:
        model = Path(__file__).parents[3] / "models" / "en_ppocrv3_rec"
        found = kernels.measure(to_onnx(model, Path(folder) / "model.onnx", check=False), cycles=True)
    counts = {f"{row.layer}: {row.kernel} {row.shape}": row.instructions for row in found}
    RECORD.write_text(json.dumps(counts, indent=1) + "\n")
    CYCLES.write_text(json.dumps(in_cycles(found), indent=1) + "\n")
    sys.stderr.write(f"{sum(counts.values()):,} instructions, {sum(in_cycles(found).values()):,} cycles in all\n")
