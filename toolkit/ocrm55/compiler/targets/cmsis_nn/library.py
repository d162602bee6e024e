"""A function of CMSIS-NN for the compiler: the C of a call, its weights, its scratch memory, and its refusals.

The compiler plans the arena without running the library, so its `*_get_buffer_size` functions are repeated in each
family. tests/target/test_cmsis_nn.py compares them with the library itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrm55.compiler.c_language.literals import C_TYPES
from ocrm55.compiler.targets.cmsis_nn.fixed_point import multiplier_and_shift

ALIGN = 16


@dataclass(frozen=True)
class Call:
    """Body of an operator's C function. weights: its arrays besides the inputs, by parameter name, in order."""

    body: Sequence[str]
    weights: dict[str, np.ndarray]
    workspace: int = 0


def c_type(data: np.ndarray) -> str:
    return C_TYPES[str(data.dtype)]


def dims(name: str, n: int, h: int, w: int, c: int) -> str:
    return f"const cmsis_nn_dims {name} = {{.n = {n}, .h = {h}, .w = {w}, .c = {c}}};"


def context(size: int, name: str = "workspace") -> str:
    """`name` may be constant, because the library only reads the given sums."""
    return f"const cmsis_nn_context context = {{{f'(void *){name}' if size else '0'}, {size}}};"


def checked(function: str, *arguments: str) -> list[str]:
    """Arguments that the library refuses are a bug of the compiler. A trap stops the program with its address."""
    lines = [f"if ({function}({', '.join(arguments)})"]
    return [f"{lines[0]} != ARM_CMSIS_NN_SUCCESS) {{", "    __builtin_trap();", "}"]


def limits(low: int, high: int) -> str:
    return f".activation = {{.min = {low}, .max = {high}}}"


def quantisation() -> str:
    """The library's pointers to int32 are not const, but it does not write there."""
    return "const cmsis_nn_per_channel_quant_params scale = {(int32_t *)multiplier, (int32_t *)shift};"


def fixed(scale: np.ndarray) -> dict[str, np.ndarray]:
    multiplier, shift = multiplier_and_shift(scale)
    return {"multiplier": multiplier, "shift": shift}


def sums_buffer(outputs: int) -> int:
    """arm_fully_connected_s8_get_buffer_size: a sum for each output."""
    return 4 * outputs


@dataclass(frozen=True)
class LibraryFunction:
    """How an operator is called.

    refusal: why the library does not take a spec, None if it does. buffer_bytes: the result of `*_get_buffer_size`.
    sources: files of firmware/kernels/FAMILY that the call needs beside the library, without `.c`.
    """

    call: Callable[[Any, Sequence[np.ndarray]], Call]
    refusal: Callable[[Any], str | None] = lambda spec: None
    buffer_bytes: Callable[[Any], int] = lambda spec: 0
    sources: tuple[str, ...] = ()


def refused(reason: str) -> LibraryFunction:
    """The library's lack for a kind of operator, whatever its spec."""

    def call(spec: Any, constants: Sequence[np.ndarray]) -> Call:
        raise NotImplementedError(reason)

    return LibraryFunction(call, lambda spec: reason)
