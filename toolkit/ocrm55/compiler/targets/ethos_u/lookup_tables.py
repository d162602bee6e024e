"""Functions of one value that no operator of TFLite says: Vela compiles a stand-in, and the core's table replaces its.

An Ethos-U55 looks an int8 up in any table of 256 bytes, but Vela fills tables of its own functions only. So Vela reads
LEAKY_RELU there, with slopes that no other table of the region has. Its tables are found in what Vela wrote, by what
the stream copies into SHRAM, and take the core's bytes. LiteRT gets the same region with the table itself, as GATHER.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ocrm55.compiler.operators.program import Operator, Quantization
from ocrm55.compiler.targets.ethos_u.region import Compiled
from ocrm55.compiler.targets.ethos_u.tflite_file import NEAR, NONE, File, Image, StandIn, Table
from ocrm55.errors import ToolchainError, UnsupportedError
from ocrm55.npu_model import vela_files
from ocrm55.npu_model.machine import tables_copied

ENTRIES = 256
# Steps down for a step up, below 0: first those that rise towards the left, as no function of TFLite's does.
SLOPES = [sign * step for sign in (-1, 1) for step in range(4, 256, 4)]


def write(file: File, operator: Operator, image: Image, result: Image) -> None:
    """Add a function of one value by its table."""
    wanted = np.roll(file.weights(operator)[0], ENTRIES // 2)
    name = operator.outputs[0]
    if file.stand_ins is None:
        _gather(file, name, image, result, wanted)
        return
    for slope in SLOPES:
        chosen = StandIn(_made(slope, image.quantization, result.quantization), wanted)
        if not any(_confuses(chosen, other) for other in file.stand_ins):
            break
    else:
        raise UnsupportedError(
            f"two tables of {file.region.name} cannot be told apart in what Vela writes.", ["leave --npu out"]
        )
    file.stand_ins.append(chosen)
    alpha = slope * result.quantization.step / image.quantization.step
    file.writer.operator("LEAKY_RELU", [image.index], [result.index], "LeakyReluOptions", Alpha=alpha)


def _made(slope: int, read: Quantization, written: Quantization) -> Table:
    """The table of LEAKY_RELU: from 0 on the value itself, below `slope` steps of the result for one of the value."""
    steps = np.arange(-ENTRIES // 2, ENTRIES // 2) - read.zero_point
    values = np.where(steps < 0, slope * steps, np.rint(steps * (read.step / written.step)))
    return np.clip(values + written.zero_point, -128, 127).astype(np.int8)


def _confuses(one: StandIn, other: StandIn) -> bool:
    return one.is_like(other.made, 2 * NEAR) and not np.array_equal(one.wanted, other.wanted)


def _gather(file: File, name: str, image: Image, result: Image, table: Table) -> None:
    """table[x + 128], for LiteRT."""
    wide, place = (file.writer.tensor(f"{name}_{what}", image.shape, np.int32) for what in ("wide", "place"))
    half = file.constant(f"{name}_half", np.full((1, 1, 1, 1), ENTRIES // 2, np.int32))
    known = result.quantization
    data = file.writer.tensor(f"{name}_table", table.shape, np.int8, known.step, known.zero_point, data=table)
    file.writer.operator("CAST", [image.index], [wide], "CastOptions", InDataType=9, OutDataType=2)  # int8, int32
    file.writer.operator("ADD", [wide, half], [place], "AddOptions", FusedActivationFunction=NONE)
    file.writer.operator("GATHER", [data, place], [result.index], "GatherOptions", Axis=0)


def filled(name: str, compiled: Compiled, stand_ins: Sequence[StandIn]) -> Compiled:
    """Vela's output for the region `name` with the core's tables in the place of the stand-ins'.

    Raises ToolchainError where Vela has made another table of one.
    """
    weights = compiled.weights.copy()
    missing = list(stand_ins)
    for first in _places(compiled):
        table = compiled.weights[first : first + ENTRIES].view(np.int8)
        for found in (each for each in stand_ins if each.is_like(table)):
            weights[first : first + ENTRIES] = found.wanted.view(np.uint8)
            missing = [each for each in missing if each is not found]
    if missing:
        raise ToolchainError(
            f"Vela's output for {name} lacks {len(missing)} of its {len(stand_ins)} tables.",
            ["pip install 'ocrm55[npu]', for the version of Vela that is known", "leave --npu out"],
        )
    return replace(compiled, weights=weights, raw=vela_files.with_weights(compiled.raw, weights))


def _places(compiled: Compiled) -> Iterator[int]:
    """First bytes, among the weights, of the tables that the stream copies into SHRAM."""
    copied = set(tables_copied(compiled.commands))
    yield from sorted(
        first for region, first, length in copied if region == vela_files.WEIGHTS_REGION and length == ENTRIES
    )
