"""A small writer of TIR loops that work on vectors of four floats in registers.

TVM's schedules cannot keep a tile of vectors in registers, and they handle tails with scalars. The written loops of a
convolution are shorter than a schedule would be. The result is plain TIR.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import tvm
from tvm import tirx

from ocrm55.compiler.operators.program import Workspace

LANES = 4
Index = Any  # int or a TIR expression
Value = Any  # a TIR expression


@dataclass(frozen=True)
class Parameter:
    """A pointer parameter of the C function.

    name: its name in C; the buffer's own name if empty. written: the function stores to it.
    aliased: it may point to the bytes of another aliased parameter, because the operator may run in place.
    """

    buffer: tirx.Buffer
    shape: tuple[int, ...]
    written: bool = False
    aliased: bool = False
    name: str = ""


@dataclass
class Kernel:
    """A future C function: its parameters, its scratch buffers (parameters too, at the end) and its TIR.

    in_place: indices of inputs whose bytes the output may take over.
    """

    parameters: list[Parameter]
    body: tirx.Stmt
    workspaces: list[Workspace] = field(default_factory=list)
    in_place: tuple[int, ...] = ()


def make_kernel(
    parameters: Sequence[Parameter], scratch: Sequence[Parameter], body: tirx.Stmt, in_place: tuple[int, ...]
) -> Kernel:
    """A kernel whose parameters say which of them may share bytes."""
    marked = [
        replace(p, aliased=bool(in_place) and (p.written or index in in_place)) for index, p in enumerate(parameters)
    ]
    workspaces = [Workspace(str(p.buffer.name), str(p.buffer.ty.dtype), prod(p.shape)) for p in scratch]
    return Kernel([*marked, *scratch], body, workspaces, in_place)


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
    """Collects statements; `loop` and `choose` nest."""

    def __init__(self) -> None:
        self._blocks: list[list[tirx.Stmt]] = [[]]
        self._parameters: list[Parameter] = []
        self._scratch: list[Parameter] = []
        self._analyzer = tvm.sym.Analyzer()

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
        return buffer

    @contextmanager
    def loop(self, name: str, extent: Index) -> Iterator[Value]:
        """`for (name = 0; name < extent; ++name)`; a loop of one step leaves no loop behind."""
        if isinstance(extent, int) and extent == 1:
            yield integer(0)
            return
        variable = tirx.Var(name, "int32")
        self._blocks.append([])
        yield variable
        body = self._sequence(self._blocks.pop())
        self._emit(tirx.For(variable, integer(0), integer(extent), tirx.ForKind.SERIAL, body))

    def unrolled(self, name: str, extent: int, by: int, step: Callable[[Index], None]) -> None:
        """`step(0)` to `step(extent - 1)`, `by` of them in the body of one loop.

        Unrolled here, neighbouring steps address memory from one pointer. The C compiler unrolls too late for this and
        leaves an addition between any two of them.
        """
        whole, rest = divmod(extent, by)
        if whole:
            with self.loop(name, whole) as index:
                for offset in range(by):
                    step(index * by + offset)
        for index in range(whole * by, whole * by + rest):
            step(integer(index))

    def choose(self, condition: Value, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """`if (condition) then() else otherwise()`"""
        branches = []
        for write in (then, otherwise):
            self._blocks.append([])
            write()
            branches.append(self._sequence(self._blocks.pop()))
        self._emit(tirx.IfThenElse(condition, *branches))

    def register(self, name: str, value: Value) -> Register:
        """A local variable, numbered so that names stay unique, that starts with `value`."""
        dtype = "float32x4" if "x4" in str(value.ty) else str(value.ty)
        buffer = tirx.decl_buffer((1,), dtype, name=name, scope="local")
        self._emit(tirx.AllocBuffer(buffer))
        register = Register(buffer)
        self.assign(register, value)
        return register

    def load_pair(self, first: Register, second: Register, buffer: tirx.Buffer, index: Index) -> None:
        """Two neighbouring values into two scalar registers."""
        place, *targets = (
            tirx.address_of(tirx.BufferLoad(b, [i]))
            for b, i in ((buffer, self._index(index)), (first.buffer, integer(0)), (second.buffer, integer(0)))
        )
        self._emit(tirx.Evaluate(call("f32_load_pair", place, *targets, dtype="void")))

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
        return tirx.BufferLoad(buffer, [self._index(index)])

    def load4(self, buffer: tirx.Buffer, index: Index, count: int = LANES, stride: int = 1) -> Value:
        """Four values from `index` on; with `count` below four the other lanes are zero and nothing else is read."""
        if count < LANES:
            return call("f32x4_load_first", tirx.address_of(tirx.BufferLoad(buffer, [self._index(index)])), count)
        return tirx.BufferLoad(buffer, [tirx.Ramp(self._index(index), integer(stride), LANES)])

    def store(self, buffer: tirx.Buffer, index: Index, value: Value) -> None:
        self._emit(tirx.BufferStore(buffer, value, [self._index(index)]))

    def store4(self, buffer: tirx.Buffer, index: Index, value: Value, count: int = LANES) -> None:
        """Store the first `count` lanes."""
        if count < LANES:
            place = tirx.address_of(tirx.BufferLoad(buffer, [self._index(index)]))
            self._emit(tirx.Evaluate(call("f32x4_store_first", place, value, count, dtype="void")))
        else:
            self._emit(tirx.BufferStore(buffer, value, [tirx.Ramp(self._index(index), integer(1), LANES)]))

    def kernel(self, in_place: bool = False) -> Kernel:
        """Everything written so far; `in_place` if the output may take over the bytes of the first input."""
        return make_kernel(self._parameters, self._scratch, self._sequence(self._blocks[0]), (0,) if in_place else ())

    def _emit(self, statement: tirx.Stmt) -> None:
        self._blocks[-1].append(statement)

    @staticmethod
    def _sequence(statements: list[tirx.Stmt]) -> tirx.Stmt:
        return statements[0] if len(statements) == 1 else tirx.SeqStmt(statements)

    def _index(self, value: Index) -> Value:
        """An index with its constants gathered, so that a person can read it."""
        return self._analyzer.simplify(integer(value))
