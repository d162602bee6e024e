"""A small pen for writing TIR loops that work on vectors of four floats held in registers.

TVM's schedules cannot keep a tile of vectors in registers and handle tails without falling back to scalars; written
out, the loops of a convolution are shorter than the schedule would be. The result is plain TIR all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import tvm
from tvm import tirx

from ocrm55.compiler.program import Workspace

LANES = 4
Index = Any  # int or a TIR expression
Value = Any  # a TIR expression


@dataclass(frozen=True)
class Parameter:
    """A pointer parameter of the C function.

    written: the function stores to it. aliased: it may point to the bytes of another aliased parameter, because the
    operator may run in place.
    """

    buffer: tirx.Buffer
    shape: tuple[int, ...]
    written: bool = False
    aliased: bool = False


@dataclass
class Kernel:
    """A C function to be: its parameters, its scratch buffers (parameters too, at the end) and its TIR."""

    parameters: list[Parameter]
    body: tirx.Stmt
    workspaces: list[Workspace] = field(default_factory=list)


@dataclass(frozen=True)
class Register:
    """A local variable, scalar or vector."""

    buffer: tirx.Buffer

    @property
    def value(self) -> Value:
        return tirx.BufferLoad(self.buffer, [integer(0)])


def integer(value: Index) -> Value:
    return tirx.IntImm("int32", value) if isinstance(value, int) else value


def number(value: float) -> Value:
    return tirx.FloatImm("float32", float(value))


def broadcast(value: Value) -> Value:
    """A vector with the scalar `value` in every lane."""
    return tirx.Broadcast(number(value) if isinstance(value, float) else value, LANES)


def call(name: str, *arguments: Value, dtype: str = "float32x4") -> Value:
    """A call of a function of ocrm55_vec.h."""
    return tirx.call_extern(dtype, name, *[integer(a) if isinstance(a, int) else a for a in arguments])


class Loops:
    """Collects statements; `loop` and `when` nest."""

    def __init__(self) -> None:
        self._blocks: list[list[tirx.Stmt]] = [[]]
        self._parameters: list[Parameter] = []
        self._scratch: list[Parameter] = []
        self._workspaces: list[Workspace] = []
        self._count = 0

    def parameter(
        self, name: str, shape: Sequence[int], *, written: bool = False, aliased: bool = False
    ) -> tirx.Buffer:
        """A float array that the caller passes; indexed flat."""
        buffer = tirx.decl_buffer((prod(shape),), "float32", name=name)
        self._parameters.append(Parameter(buffer, tuple(shape), written, aliased))
        return buffer

    def workspace(self, name: str, shape: Sequence[int]) -> tirx.Buffer:
        """A scratch array in the arena."""
        buffer = tirx.decl_buffer((prod(shape),), "float32", name=name)
        self._scratch.append(Parameter(buffer, tuple(shape), written=True))
        self._workspaces.append(Workspace(name, "float32", prod(shape)))
        return buffer

    @contextmanager
    def loop(self, name: str, extent: Index, *, unroll: int = 0) -> Iterator[Value]:
        """`for (name = 0; name < extent; ++name)`; a loop of one step leaves no loop behind."""
        if isinstance(extent, int) and extent == 1:
            yield integer(0)
            return
        variable = tirx.Var(name, "int32")
        self._blocks.append([])
        yield variable
        body = self._sequence(self._blocks.pop())
        annotations = {"unroll": unroll} if unroll else None
        kind = tirx.ForKind.SERIAL
        self._emit(tirx.For(variable, integer(0), integer(extent), kind, body, annotations=annotations))

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """`if (condition)`"""
        self._blocks.append([])
        yield
        body = self._sequence(self._blocks.pop())
        self._emit(tirx.IfThenElse(condition, body, None))

    def register(self, name: str, value: Value) -> Register:
        """A local variable, numbered so that names stay unique, that starts with `value`."""
        dtype = "float32x4" if "x4" in str(value.ty) else str(value.ty)
        buffer = tirx.decl_buffer((1,), dtype, name=name, scope="local")
        self._emit(tirx.AllocBuffer(buffer))
        register = Register(buffer)
        self.assign(register, value)
        return register

    def let(self, name: str, value: Value) -> Value:
        """A local constant."""
        variable = tirx.Var(name, str(value.ty))
        self._emit(tirx.Bind(variable, value))
        return variable

    def assign(self, register: Register, value: Value) -> None:
        self._emit(tirx.BufferStore(register.buffer, value, [integer(0)]))

    def accumulate(self, register: Register, left: Value, right: Value) -> None:
        """`register += left * right`, one fused instruction where there is one."""
        self.assign(register, register.value + left * right)

    def load(self, buffer: tirx.Buffer, index: Index) -> Value:
        return tirx.BufferLoad(buffer, [integer(index)])

    def load4(self, buffer: tirx.Buffer, index: Index, count: int = LANES, stride: int = 1) -> Value:
        """Four values from `index` on; with `count` below four the other lanes are zero and nothing else is read."""
        if count < LANES:
            return call("f32x4_load_first", tirx.address_of(tirx.BufferLoad(buffer, [integer(index)])), count)
        return tirx.BufferLoad(buffer, [tirx.Ramp(integer(index), integer(stride), LANES)])

    def store(self, buffer: tirx.Buffer, index: Index, value: Value) -> None:
        self._emit(tirx.BufferStore(buffer, value, [integer(index)]))

    def store4(self, buffer: tirx.Buffer, index: Index, value: Value, count: int = LANES) -> None:
        """Store the first `count` lanes."""
        if count < LANES:
            place = tirx.address_of(tirx.BufferLoad(buffer, [integer(index)]))
            self._emit(tirx.Evaluate(call("f32x4_store_first", place, value, count, dtype="void")))
        else:
            self._emit(tirx.BufferStore(buffer, value, [tirx.Ramp(integer(index), integer(1), LANES)]))

    def kernel(self) -> Kernel:
        """Everything written so far."""
        body = self._sequence(self._blocks[0])
        return Kernel(self._parameters + self._scratch, body, self._workspaces)

    def _emit(self, statement: tirx.Stmt) -> None:
        self._blocks[-1].append(statement)

    @staticmethod
    def _sequence(statements: list[tirx.Stmt]) -> tirx.Stmt:
        return statements[0] if len(statements) == 1 else tirx.SeqStmt(statements)


def simplify(value: Value) -> Value:
    """Fold the constants of an index."""
    return tvm.arith.Analyzer().simplify(value) if not isinstance(value, int) else value
