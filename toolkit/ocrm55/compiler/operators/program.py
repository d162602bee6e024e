"""The compiler's own view of a network: a straight line of operators over named tensors.

Lowering writes a Program, targets fill in the computation of each operator, the planner places the tensors, and the
code generator prints it. Float32 and int8 share all of it. They differ in the specs of the operators and in the
targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal

import numpy as np

from ocrm55.compiler.operators.float32 import Spec, View
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.operators.stripes import Segment, Window
from ocrm55.normalisation import Normalisation

Role = Literal["input", "output", "activation", "weight"]


@dataclass
class Tensor:
    """A named array.

    name: unique, and a C identifier. layer: the layer of the model that it comes from.
    data: the values of a weight, None for everything that the network computes.
    view_of: the tensor whose bytes these are under another shape, None for a tensor with bytes of its own.
    view_offset: bytes from the start of that tensor to the start of this one.
    quantization: the real values of integers, by one scale for all channels.
    channels_last: whether an image lies as [1, height, width, channels].
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Role
    layer: str
    data: np.ndarray | None = None
    view_of: str | None = None
    view_offset: int = 0
    quantization: Quantization | None = None
    channels_last: bool = False

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Workspace:
    """Scratch bytes in the arena that an operator needs while it runs."""

    name: str
    dtype: str
    size: int

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Function:
    """A C function that computes operators of one spec; operators with equal specs share it.

    name: C identifier. source: its definition, `static` left out. prototype: its declaration without the semicolon.
    headers: what the definition includes besides <stdint.h>. by_width: its last parameter is the number of
    the input's width.
    """

    name: str
    source: str
    prototype: str
    headers: tuple[str, ...] = ()
    by_width: bool = False


@dataclass(frozen=True)
class Overlap:
    """An output that may lie over an input: it starts `shift` bytes behind the input's start, before it if negative."""

    input: str
    shift: int


@dataclass
class Operator:
    """One step of the network.

    spec: what is computed; inputs, outputs: names of tensors, weights included in the inputs.
    Filled in by the target that takes the operator: target, function, arguments (tensors in the order of the C
    parameters, the workspaces follow), workspaces, in_place (inputs whose bytes the output may take over when nobody
    reads them later), overlap (an input that the output may partly cover). why_not: the reasons of the other targets.
    attempt: a C expression that computes it and is false where that failed, in place of the function's call; it may
    use `arena` and the arguments, and its target knows itself where its workspaces lie.
    fallback: operators that compute the same on the core, if the target may fail.
    """

    name: str
    layer: str
    spec: Spec
    inputs: list[str]
    outputs: list[str]
    target: str = ""
    function: str = ""
    arguments: list[str] = field(default_factory=list)
    workspaces: list[Workspace] = field(default_factory=list)
    in_place: list[str] = field(default_factory=list)
    overlap: Overlap | None = None
    why_not: dict[str, str] = field(default_factory=dict)
    attempt: str = ""
    fallback: list[Operator] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def macs(self) -> int:
        return self.spec.macs

    def copied(self) -> Operator:
        """The same operator, with lists of its own."""
        return replace(
            self,
            inputs=list(self.inputs),
            outputs=list(self.outputs),
            arguments=list(self.arguments),
            workspaces=list(self.workspaces),
            in_place=list(self.in_place),
            why_not=dict(self.why_not),
            fallback=[operator.copied() for operator in self.fallback],
        )


@dataclass
class Program:
    """A network: its tensors, its operators in execution order, and the C functions that they call.

    prefix: the start of every name that the linker sees, a C identifier; made from the name if empty.
    sources: int8 tensor -> the equal tensor of the QDQ model, if there is one. orders: which of its elements each
    element of the model's is, where the order is another than an image's with its channels last.
    normalisation: from the bytes of a picture to the input. segments: operators that run together in stripes of rows.
    """

    name: str
    precision: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    orders: dict[str, np.ndarray] = field(default_factory=dict)
    normalisation: Normalisation = field(default_factory=Normalisation)
    prefix: str = ""
    segments: list[Segment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prefix = self.prefix or "ocrm55_" + re.sub(r"[^A-Za-z0-9_]+", "_", self.name)

    def function_name(self, name: str) -> str:
        """The name in C of a function of this network."""
        return f"{self.prefix}_{identifier(name)}"

    def add(self, tensor: Tensor) -> Tensor:
        """Add a tensor under a name that is unique and valid in C; return it."""
        stem = identifier(tensor.name)
        name, count = stem, 1
        while name in self.tensors:
            count += 1
            name = f"{stem}_{count}"
        tensor.name = name
        self.tensors[name] = tensor
        return tensor

    def add_weight(self, tensor: Tensor) -> Tensor:
        """Add a weight, or return an existing one with the same values."""
        assert tensor.data is not None
        for other in self.tensors.values():
            if other.role == "weight" and (other.shape, other.dtype) == (tensor.shape, tensor.dtype):
                assert other.data is not None
                if other.data.tobytes() == tensor.data.tobytes():
                    return other
        return self.add(tensor)

    def copied(self) -> Program:
        """The same program with operators, tensors and functions of its own; the values of weights are shared."""
        return replace(
            self,
            tensors={name: replace(tensor) for name, tensor in self.tensors.items()},
            operators=[operator.copied() for operator in self.operators],
            functions=dict(self.functions),
            segments=list(self.segments),
        )

    def storage(self, name: str) -> str:
        """The tensor that owns the bytes of `name`: itself, or the tensor behind the view."""
        view_of = self.tensors[name].view_of
        return name if view_of is None else self.storage(view_of)

    def window(self, name: str) -> Window | None:
        """The window of the tensor that owns the bytes of `name`, None if that is there whole."""
        owner = self.storage(name)
        return next((s.windows[owner] for s in self.segments if owner in s.windows), None)

    def stored_bytes(self, name: str) -> int:
        """The bytes in the arena of a tensor that owns bytes."""
        window = self.window(name)
        return self.tensors[name].bytes if window is None else window.bytes

    @property
    def input_by_rows(self) -> bool:
        """Whether the input is never there whole: the run asks for its rows."""
        return any(segment.input for segment in self.segments)

    @property
    def output_rows(self) -> int:
        """The rows of the output that are there at once, 0 where it is there whole."""
        window = self.window(self.output.name)
        return 0 if window is None else max(end - first for first, end in window.rows)

    @property
    def steps(self) -> list[Operator]:
        """The operators that compute something: all but the views."""
        return [operator for operator in self.operators if not isinstance(operator.spec, View)]

    @property
    def calls(self) -> list[Operator]:
        """The steps, each followed by its fallback: everything that the C may call."""
        return [call for operator in self.steps for call in (operator, *operator.fallback)]

    @property
    def input(self) -> Tensor:
        return next(tensor for tensor in self.tensors.values() if tensor.role == "input")

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Channels, height and width of the input."""
        _, *size = self.input.shape
        return (size[2], size[0], size[1]) if self.input.channels_last else (size[0], size[1], size[2])

    @property
    def output(self) -> Tensor:
        return next(tensor for tensor in self.tensors.values() if tensor.role == "output")

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    def weights(self) -> Iterator[Tensor]:
        """The weights that a step reads, each once, in the order of their first use."""
        seen = set()
        for operator in self.calls:
            for name in operator.arguments:
                if self.tensors[name].role == "weight" and name not in seen:
                    seen.add(name)
                    yield self.tensors[name]


# Names that a tensor cannot have in generated C: keywords, types, and names of model.c itself.
RESERVED = set(
    "auto bool break case char const continue default do double else enum extern false float for goto if inline int "
    "long register restrict return short signed sizeof static struct switch true typedef union unsigned void volatile "
    "while NULL arena hook context main source stripe taker".split()
)


def identifier(name: str) -> str:
    """The nearest free C identifier: `Conv.0` becomes `Conv_0`. Those that start with op_ are for functions."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    clash = not text or text[0].isdigit() or text in RESERVED or text.lower().startswith(("op_", "ocrm55_", "f32x4"))
    return f"t_{text}" if clash else text
