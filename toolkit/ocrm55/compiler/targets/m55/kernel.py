"""A kernel of firmware/kernels for the compiler: its call, its files, its scratch memory.

Each family's workspace functions repeat a NAME_workspace_bytes of the C sources: the compiler plans the arena without
running C. tests/unit/compiler/targets/m55/test_workspace.py compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.memory.planner import round_up
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.repeat import Repeat
from ocrm55.compiler.targets.m55 import packing

FLOAT_SCRATCH = "(float *)(void *)workspace"
TILES = ("tile_core", "tile_run", "tile_channel")  # what the convolutions share
BLOCK = 16  # channels of a vector
PIXELS = 4  # of a tile
GROUP = 256  # output channels between two stores, at most


@dataclass(frozen=True)
class Call:
    """Body of an operator's C function. weights: its arrays besides the inputs, by parameter name, in order."""

    body: Sequence[str]
    weights: dict[str, np.ndarray]


@dataclass(frozen=True)
class Kernel:
    """How an operator is called.

    sources: its files of firmware/kernels/FAMILY, without `.c`. workspace_bytes: from a spec to bytes of scratch.
    refusal: why the kernel does not take a spec, None if it does. more: files besides, for a spec. in_place: whether
    it may write over its input.
    """

    call: Callable[[Any, Sequence[np.ndarray]], Call]
    sources: tuple[str, ...]
    workspace_bytes: Callable[[Any], int] = lambda spec: 0
    refusal: Callable[[Any], str | None] = lambda spec: None
    more: Callable[[Any], tuple[str, ...]] = lambda spec: ()
    in_place: Callable[[Any], bool] = lambda spec: bool(spec.in_place)


def row_bytes(spec: Any) -> int:
    """A row of `spec` as float32, padded to whole vectors."""
    return round_up(spec.count, 4) * 4


def structure(kind: str, fields: Sequence[str]) -> list[str]:
    return [f"const struct ocrm55_{kind} layer = {{", *(f"    {field}" for field in fields), "};"]


def epilogue(e: Epilogue) -> str:
    """The initialiser of a struct ocrm55_epilogue."""
    fields = [f".activation = OCRM55_{e.activation.upper()}", ".scale = scale"]
    if e.activation == "hard_swish":
        fields.append(".gain = gain")
    if e.activation == "table16":
        fields += [".table = table", f".table_shift = {e.table_shift}"]
        if e.table_stride:
            fields.append(f".table_stride = {e.table_stride}")
    elif e.activation != "real":
        fields += [f".zero_point = {e.zero_point}", f".low = {e.low}", f".high = {e.high}"]
    return f".epilogue = {{{', '.join(fields)}}},"


def per_channel(e: Epilogue, channels: int, scale: np.ndarray, extra: np.ndarray | None) -> dict[str, np.ndarray]:
    """The arrays of an epilogue by the names that its C function gives them."""
    arrays: dict[str, np.ndarray] = {"scale": packing.scale(scale, channels)}
    if e.activation == "hard_swish" and extra is not None:
        arrays["gain"] = packing.scale(extra, channels)
    elif e.activation == "table16" and extra is not None:
        arrays["table"] = extra
    return arrays


def repeat_arguments(repeat: Repeat) -> str:
    return f"{repeat.first}, {repeat.count}, {repeat.more}"


def weight_of(repeat: Repeat) -> str:
    """The element of a row that stands for several, and their number."""
    return f"{repeat.first}, {float_literal(float(1 + repeat.more))}"


def bytes_of_sums(outputs: int, group: int) -> int:
    return min(round_up(outputs, 4), group) * PIXELS * 4
