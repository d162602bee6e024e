"""The estimate of cycles as a table of 80 columns, and as values for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ocrm55 import console
from ocrm55.cycles import pipeline
from ocrm55.cycles.counting import LINE_BYTES, WAYS
from ocrm55.cycles.estimate import Range
from ocrm55.cycles.inference import Inference, Memory
from ocrm55.report import figures
from ocrm55.report.layers import Layer

COLUMNS = ("layer", "instr.", "cycles, likely", "CPI", "MAC/c", "lost to, %")
NUMBERS = COLUMNS[1:5]
_REASONS = 2
_WORTH_SAYING = 0.03  # of the cycles


def show(layers: Sequence[Layer], found: Inference, clock_mhz: float | None) -> None:
    """Print a row for each layer, then memory, then what one inference takes."""
    title = "cycles of a Cortex-M55, estimated where memory waits for nobody"
    console.table(title, COLUMNS, rows(layers, found), right=NUMBERS)
    console.result()
    _show_memory(found)
    for line in in_words(found, clock_mhz):
        console.result(line)
    console.result()


def rows(layers: Sequence[Layer], found: Inference) -> list[tuple[str, ...]]:
    """COLUMNS of each layer, of what runs between layers, of the inference, and of the work before and after it."""
    parts = [(layer.title, each, layer.macs) for layer, each in zip(layers, found.operators, strict=True)]
    parts.append(("between layers", found.between, 0))
    parts.append(("one inference", found.network, sum(layer.macs for layer in layers)))
    parts.append(("before: preprocessing", found.preprocess, 0))
    parts.append(("after: decoding", found.decode, 0))
    return [(title, figures.short(cost.instructions), *cells(cost, macs)) for title, cost, macs in parts]


def cells(cost: Range, macs: int) -> tuple[str, str, str, str]:
    """Cycles, cycles an instruction, MACs a cycle, and what was lost to what; empty where nothing is to divide."""
    per_cycle = f"{macs / cost.likely.cycles:.1f}" if macs and cost.likely.cycles else ""
    each = "" if cost.a_instruction is None else f"{cost.a_instruction:.2f}"
    return cycles_in_words(cost.cycles), each, per_cycle, lost_in_words(cost)


def cycles_in_words(cycles: tuple[float, float, float]) -> str:
    """`8.9-9.4-9.9 M`: least, likely, most."""
    unit, name = next((u, n) for u, n in ((1e6, " M"), (1e3, " k"), (1, "")) if cycles[1] >= u * 0.9995 or u == 1)
    digits = 0 if cycles[1] >= 99.95 * unit or unit == 1 else 1
    return "-".join(f"{each / unit:.{digits}f}" for each in cycles) + name


def lost_in_words(cost: Range) -> str:
    """The largest shares of the likely cycles that were lost to something: `pipes 12, banks 4`."""
    likely = cost.likely
    shares = [(reason, cycles / likely.cycles) for reason, cycles in likely.lost.most_common(_REASONS) if likely.cycles]
    return ", ".join(f"{reason} {share:.0%}".rstrip("%") for reason, share in shares if share >= _WORTH_SAYING)


def _show_memory(found: Inference) -> None:
    if not found.memory:
        console.result("Memory and conflicts of its banks were not counted: QEMU's plugin needs a C compiler.")
        return
    rows = [
        (
            each.region,
            figures.short(each.bytes_read),
            figures.short(each.bytes_written),
            _between(each.fills),
            "no wait assumed" if each.waits is None else _between(each.waits),
        )
        for each in found.memory
    ]
    columns = ("memory", "bytes read", "bytes written", "lines filled", "cycles waited")
    console.table("memory, of one inference", columns, rows, right=columns[1:])
    console.result()
    kilobytes = found.cache_bytes // 1024
    whose = (
        "that is assumed, because the board's file names no data_cache_bytes"
        if found.cache_assumed
        else "the board's file says so"
    )
    console.result(f"Lines have {LINE_BYTES} bytes, the data cache {kilobytes} KB in {WAYS} ways:")
    console.result(f"  {whose}.")


def _between(values: tuple[float, float]) -> str:
    low, high = (figures.short(value) for value in values)
    return low if low == high else f"{low} to {high}"


def in_words(found: Inference, clock_mhz: float | None) -> list[str]:
    """What one inference takes, in lines of at most 80 columns."""
    least, likely, most = found.network.cycles
    lines = [
        f"One inference: {figures.short(found.network.instructions)} instructions, {figures.short(least)} to "
        f"{figures.short(most)} cycles, likely {figures.short(likely)}.",
    ]
    waits = found.waits
    if waits is None:
        lines.append("No wait for memory is in them: the board's file says nothing of fill_cycles.")
    else:
        least, likely, most = least + waits[0], likely + sum(waits) / 2, most + waits[1]
        lines.append(
            f"With waits for memory {figures.short(least)} to {figures.short(most)} cycles, likely "
            f"{figures.short(likely)}."
        )
    if clock_mhz is not None:
        low, middle, high = (cycles / clock_mhz / 1e3 for cycles in (least, likely, most))
        lines.append(f"At {clock_mhz:g} MHz: {low:.3g} to {high:.3g} ms, likely {middle:.3g} ms.")
    lines.append(f"This is an estimate (model {pipeline.VERSION}); nothing was timed on silicon. See docs/cycles.md.")
    return lines


def values(layers: Sequence[Layer], found: Inference, clock_mhz: float | None) -> dict[str, Any]:
    """Everything for JSON, with every assumption."""
    return {
        "estimate": True,
        "model": {
            "version": pipeline.VERSION,
            "sources": list(pipeline.SOURCES),
            "rules": {name: asdict(rules) for name, rules in pipeline.SETS.items()},
        },
        "assumptions": {
            "engine": found.engine,
            "data_cache": {
                "bytes": found.cache_bytes,
                "line_bytes": LINE_BYTES,
                "ways": WAYS,
                "assumed": found.cache_assumed,
                "replacement": ["least recently used", "random"],
            },
            "instruction_fetch": "no wait: code lies in tightly coupled memory",
            "waits": "none assumed" if found.waits is None else "line fills times fill_cycles of the board's file",
            "clock_mhz": clock_mhz,
        },
        "inference": _cost(found.network, sum(layer.macs for layer in layers)) | _time(found, clock_mhz),
        "between_layers": _cost(found.between, 0),
        "preprocess": _cost(found.preprocess, 0),
        "decode": _cost(found.decode, 0),
        "memory": [_values_of(each) for each in found.memory],
        "layers": [
            {"name": layer.name, "kind": layer.kind}
            | _cost(each, layer.macs)
            | {"memory": [_values_of(row) for row in memory]}
            for layer, each, memory in zip(layers, found.operators, found.operator_memory, strict=True)
        ],
    }


def _cost(cost: Range, macs: int) -> dict[str, Any]:
    least, likely, most = (round(cycles) for cycles in cost.cycles)
    return {
        "instructions": cost.instructions,
        "macs": macs,
        "cycles": {"least": least, "likely": likely, "most": most},
        "cycles_an_instruction": None if cost.a_instruction is None else round(cost.a_instruction, 4),
        "macs_a_cycle": round(macs / likely, 4) if macs and likely else None,
        "lost": {str(reason): round(cycles) for reason, cycles in cost.likely.lost.items()},
    }


def _time(found: Inference, clock_mhz: float | None) -> dict[str, Any]:
    waits = found.waits or (0.0, 0.0)
    least, likely, most = found.network.cycles
    cycles = (least + waits[0], likely + sum(waits) / 2, most + waits[1])
    ms = (
        None
        if clock_mhz is None
        else {
            name: round(each / clock_mhz / 1e3, 3)
            for name, each in zip(("least", "likely", "most"), cycles, strict=True)
        }
    )
    return {"waits": None if found.waits is None else {"least": waits[0], "most": waits[1]}, "milliseconds": ms}


def _values_of(each: Memory) -> dict[str, Any]:
    return {
        "region": each.region,
        "bytes_read": each.bytes_read,
        "bytes_written": each.bytes_written,
        "line_fills": {"least": each.fills[0], "most": each.fills[1]},
        "waits": None if each.waits is None else {"least": each.waits[0], "most": each.waits[1]},
    }
