"""Inputs and outputs of a model for its caller, and the tensors of the compiled program behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx

from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.onnx_graph.graph import inputs_of
from ocrm55.compiler.operators.program import Program, Tensor
from ocrm55.errors import UnsupportedError

_KEYWORDS = set(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while".split()
)
OUTPUT = "output"  # TVM's name of the one output of a Paddle or ONNX model


@dataclass(frozen=True)
class Port:
    """An input or output.

    name: the model's name for it. shape, dtype: of the caller's array. inner: its tensor in the program. offset: the
    tensor's place in the workspace.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    inner: Tensor
    offset: int

    @property
    def bytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def member(self) -> str:
        """The name in C: the struct's member, and in capitals a part of the size's macro."""
        text = re.sub(r"[^A-Za-z0-9_]", "_", self.name)
        if text in _KEYWORDS:
            return f"{text}_"
        return f"_{text}" if text[:1].isdigit() else text

    @property
    def copied(self) -> bool:
        """Whether the caller's array and the tensor have the same bytes; if not, the caller's array is quantised."""
        return self.inner.dtype == self.dtype and not self.inner.channels_last


def ports(model: onnx.ModelProto, program: Program, plan: MemoryPlan) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs. Raises UnsupportedError for a tensor that is neither copied nor quantised from float32."""
    taken = [_port(each, each.name, program.input, plan) for each in inputs_of(model.graph)]
    given = [_port(each, OUTPUT, program.output, plan) for each in model.graph.output]
    names = [port.member.upper() for port in (*taken, *given)]
    if len(set(names)) != len(names):
        raise UnsupportedError(
            f"an input called {OUTPUT} has the name that TVM gives to the output.", ["rename the model's input"]
        )
    for port in taken:
        image = port.inner.channels_last and port.inner.quantization is not None and len(port.shape) == 4
        if not port.copied and not (image and port.inner.dtype == "int8"):
            raise UnsupportedError(
                f"the input {port.name} is {port.inner.dtype} inside, which it cannot be made from {port.dtype}.",
                ["a float32 model"],
            )
    for port in given:
        if not port.copied:
            raise UnsupportedError(f"the output is {port.inner.dtype}, not {port.dtype}.", ["a float32 model"])
    return taken, given


def _port(value: onnx.ValueInfoProto, name: str, inner: Tensor, plan: MemoryPlan) -> Port:
    kind = value.type.tensor_type
    shape = tuple(each.dim_value for each in kind.shape.dim)
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return Port(name, shape, dtype, inner, plan.offsets[inner.name])
