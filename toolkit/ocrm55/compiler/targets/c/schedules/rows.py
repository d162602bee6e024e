"""Softmax and layer norm: several passes over a row, four values at a time, the ragged end one by one."""

from __future__ import annotations

from collections.abc import Callable

from tvm import tirx

from ocrm55.compiler.operators.float32 import LayerNorm, Softmax
from ocrm55.compiler.targets.c.schedules.loops import (
    LANES,
    Index,
    Kernel,
    Loops,
    Register,
    Value,
    broadcast,
    call,
    integer,
    number,
)


def softmax(spec: Softmax) -> Kernel:
    """values -> output, which may be the same bytes; the largest value is subtracted first, so nothing overflows."""
    k = Loops()
    values = k.parameter("values", (spec.rows, spec.columns))
    output = k.parameter("output", (spec.rows, spec.columns), written=True)
    with k.loop("row", spec.rows) as row:
        base = k.let("base", row * spec.columns)
        first = k.load(values, base)
        largest = _reduce(
            k, spec.columns, "largest", first, tirx.Max, lambda i, n: _load(k, values, base + i, n), "max_of"
        )
        total = k.register("total", number(0.0))
        if spec.columns >= LANES:
            totals = k.register("totals", broadcast(0.0))
            with k.loop("x", spec.columns // LANES) as x:
                place = base + x * LANES
                power = k.let("power", call("f32x4_exp", k.load4(values, place) - broadcast(largest.value)))
                k.store4(output, place, power)
                k.assign(totals, totals.value + power)
            k.assign(total, call("f32x4_sum", totals.value, dtype="float32"))
        for i in _rest(spec.columns):
            power = k.let("power", call("f32_exp", k.load(values, base + i) - largest.value, dtype="float32"))
            k.store(output, base + i, power)
            k.assign(total, total.value + power)
        scale = k.let("scale", number(1.0) / total.value)
        _each(
            k,
            spec.columns,
            lambda i, n: _store(k, output, base + i, _load(k, output, base + i, n) * _wide(scale, n), n),
        )
    return k.kernel(in_place=True)


def layer_norm(spec: LayerNorm) -> Kernel:
    """values, scale, shift -> output, which may be the bytes of the values."""
    k = Loops()
    values = k.parameter("values", (spec.rows, spec.columns))
    scales = k.parameter("scales", (spec.columns,))
    shifts = k.parameter("shifts", (spec.columns,))
    output = k.parameter("output", (spec.rows, spec.columns), written=True)
    with k.loop("row", spec.rows) as row:
        base = k.let("base", row * spec.columns)
        add: Callable[[Value, Value], Value] = lambda a, b: a + b  # noqa: E731
        total = _reduce(k, spec.columns, "total", number(0.0), add, lambda i, n: _load(k, values, base + i, n), "sum")
        mean = k.let("mean", total.value * number(1.0 / spec.columns))

        def squared(i: Index, n: int) -> Value:
            distance = k.let("distance", _load(k, values, base + i, n) - _wide(mean, n))
            return distance * distance

        spread = _reduce(k, spec.columns, "spread", number(0.0), add, squared, "sum")
        variance = spread.value * number(1.0 / spec.columns) + number(spec.epsilon)
        factor = k.let("factor", number(1.0) / call("sqrtf", variance, dtype="float32"))

        def normalised(i: Index, n: int) -> None:
            value = (_load(k, values, base + i, n) - _wide(mean, n)) * _wide(factor, n)
            _store(k, output, base + i, value * _load(k, scales, i, n) + _load(k, shifts, i, n), n)

        _each(k, spec.columns, normalised)
    return k.kernel(in_place=True)


def _reduce(
    k: Loops,
    columns: int,
    name: str,
    start: Value,
    combine: Callable[[Value, Value], Value],
    value: Callable[[Index, int], Value],
    across: str,
) -> Register:
    """Combine `value(index, lanes)` over a row; `across` names the function that combines the lanes of a vector."""
    result = k.register(name, start)
    if columns >= LANES:
        lanes = k.register(f"{name}4", broadcast(start))
        with k.loop("x", columns // LANES) as x:
            k.assign(lanes, combine(lanes.value, value(x * LANES, LANES)))
        k.assign(result, call(f"f32x4_{across}", lanes.value, dtype="float32"))
    for i in _rest(columns):
        k.assign(result, combine(result.value, value(integer(i), 1)))
    return result


def _each(k: Loops, columns: int, step: Callable[[Index, int], None]) -> None:
    if columns >= LANES:
        with k.loop("x", columns // LANES) as x:
            step(x * LANES, LANES)
    for i in _rest(columns):
        step(integer(i), 1)


def _rest(columns: int) -> range:
    return range(columns // LANES * LANES, columns)


def _load(k: Loops, buffer: tirx.Buffer, index: Index, lanes: int) -> Value:
    return k.load(buffer, index) if lanes == 1 else k.load4(buffer, index)


def _store(k: Loops, buffer: tirx.Buffer, index: Index, value: Value, lanes: int) -> None:
    if lanes == 1:
        k.store(buffer, index, value)
    else:
        k.store4(buffer, index, value)


def _wide(value: Value, lanes: int) -> Value:
    return value if lanes == 1 else broadcast(value)
