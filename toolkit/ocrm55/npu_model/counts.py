"""Says what a run of a network took, multiply-accumulates and bytes, beside what Vela estimated."""

from __future__ import annotations

import csv
from pathlib import Path

from ocrm55 import console
from ocrm55.npu_model.machine import Result
from ocrm55.npu_model.vela_files import ARENA_REGION, FAST_REGION, WEIGHTS_REGION, Program

_HOLDS = {WEIGHTS_REGION: "weights", ARENA_REGION: "arena", FAST_REGION: "fast scratch"}
# Columns of Vela's summary that are cycles, and what they wait for.
_CYCLES = {
    "cycles_npu": "of the NPU",
    "cycles_sram_access": "for SRAM",
    "cycles_dram_access": "for DRAM",
    "cycles_on_chip_flash_access": "for flash on the chip",
    "cycles_off_chip_flash_access": "for flash off the chip",
}


def estimates(network: Path) -> dict[str, str]:
    """The row of the summary that Vela wrote beside `network_vela.tflite`; empty where there is none, or several."""
    found = sorted(network.parent.glob(f"{network.stem.removesuffix('_vela')}_summary_*.csv"))
    if len(found) != 1:
        return {}
    try:
        with found[0].open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return {}
    return {key: value for key, value in rows[0].items() if key and isinstance(value, str)} if rows else {}


def show(program: Program, result: Result, estimated: dict[str, str]) -> None:
    """Print the counts of a run, and what Vela estimated (see `estimates`)."""
    macs = program.accelerator.macs
    console.result(f"{result.macs:,} MACs: at {macs} a cycle, {-(-result.macs // macs):,} cycles at least")
    for region in sorted(result.read_bytes | result.written_bytes):
        read, written = result.read_bytes[region], result.written_bytes[region]
        holds = _HOLDS.get(region, "input or output")
        console.result(f"region {region} ({holds}): {read:,} bytes read, {written:,} written")
    if total := _whole(estimated.get("cycles_total", "")):
        parts = [
            f"{value:,} {what}" for column, what in _CYCLES.items() if (value := _whole(estimated.get(column, "")))
        ]
        console.result(f"Vela estimates {total:,} cycles ({', '.join(parts)})")


def _whole(word: str) -> int:
    try:
        return round(float(word))
    except (ValueError, OverflowError):
        return 0
