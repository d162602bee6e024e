"""Random quantised networks: the dice that recipes draw from, and chains of operators.

A network is a chain of operators. Operators for which Vela promises exactly the reference's values come first. An
operator that Vela computes in its own way may only end a chain, so that its difference is seen alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ocrm55.npu_model.tflite_writer import TFLiteWriter

T = TypeVar("T")


@dataclass(frozen=True)
class Value:
    """A tensor of a network that is being drawn."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def channels(self) -> int:
        return self.shape[-1]


class NotPossibleError(Exception):
    """The recipe does not fit this tensor: draw another one."""


@dataclass
class Sketch:
    """The network so far, with the dice."""

    random: np.random.Generator
    dtype: np.dtype[Any]
    writer: TFLiteWriter = field(default_factory=TFLiteWriter)
    inputs: list[Value] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    # dice

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def number(self, low: int, high: int) -> int:
        """low..high, both included."""
        return int(self.random.integers(low, high + 1))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.number(0, len(choices) - 1)]

    def scale(self, low: float = 0.004, high: float = 0.2) -> float:
        """Log-uniform, as a float32; for 16 bits 256 times finer."""
        value = float(np.exp(self.random.uniform(np.log(low), np.log(high))))
        return float(np.float32(value / (256 if self.dtype == np.int16 else 1)))

    def zero_point(self) -> int:
        """16-bit TFLite tensors have none."""
        info = np.iinfo(self.dtype)
        return 0 if self.dtype == np.int16 else self.number(int(info.min), int(info.max))

    # tensors

    def add_input(self, shape: Sequence[int]) -> Value:
        value = self.value(shape)
        self.inputs.append(value)
        return value

    def value(self, shape: Sequence[int], scale: float | None = None, zero_point: int | None = None) -> Value:
        """A tensor that an operator will write."""
        scale = self.scale() if scale is None else float(np.float32(scale))
        zero_point = self.zero_point() if zero_point is None else zero_point
        index = self.writer.tensor(f"t{len(self.writer.tensors)}", shape, self.dtype, scale, zero_point)
        return Value(index, tuple(shape), scale, zero_point)

    def value_like(self, value: Value, shape: Sequence[int] | None = None) -> Value:
        """A tensor with the quantisation of another one."""
        return self.value(shape or value.shape, value.scale, value.zero_point)

    def constant(
        self,
        shape: Sequence[int],
        scale: float | None = None,
        zero_point: int | None = None,
        data: NDArray[np.generic] | None = None,
    ) -> Value:
        """A constant operand of the network's type: random values, or those given."""
        info = np.iinfo(self.dtype)
        if data is None:
            data = self.random.integers(info.min, info.max, shape, endpoint=True)
        data = data.astype(self.dtype)
        scale = self.scale() if scale is None else float(np.float32(scale))
        zero_point = self.zero_point() if zero_point is None else zero_point
        index = self.writer.tensor(f"c{len(self.writer.tensors)}", shape, self.dtype, scale, zero_point, data=data)
        return Value(index, tuple(shape), scale, zero_point)

    def integers(self, values: Sequence[int] | Sequence[Sequence[int]]) -> int:
        """A parameter tensor: axes, paddings, shapes."""
        data = np.asarray(values, np.int32)
        return self.writer.tensor(f"p{len(self.writer.tensors)}", data.shape, np.int32, data=data)

    def filters(
        self, x: Value, shape: Sequence[int], axis: int, sums: int, activation: int = 0, per_channel: bool | None = None
    ) -> tuple[list[int], float]:
        """Weights and bias tensors for `sums` products an output; and an output scale that uses the type's range."""
        count = shape[axis]
        unsigned = self.dtype == np.uint8  # then weights have a zero point, and one scale
        per_channel = (self.chance(0.7) if per_channel is None else per_channel) and not unsigned
        scales = self.random.uniform(0.002, 0.02, count if per_channel else 1).astype(np.float32)
        kind, zero_point = (np.uint8, self.number(100, 156)) if unsigned else (np.int8, 0)
        data = (self.random.integers(-127, 128, shape) + 128 * unsigned).astype(kind)
        weights = self.writer.tensor(
            f"w{len(self.writer.tensors)}", shape, kind, scales, zero_point, data=data, axis=axis
        )
        bias_type = np.int64 if self.dtype == np.int16 else np.int32
        spread = 74 * 74 * np.sqrt(sums) * (256 if self.dtype == np.int16 else 1)
        bias_data = self.random.normal(0, spread, count).astype(bias_type)
        bias_scales = (np.float32(x.scale) * scales).astype(np.float32)
        bias = self.writer.tensor(f"b{len(self.writer.tensors)}", (count,), bias_type, bias_scales, data=bias_data)
        half_range = 90 * (256 if self.dtype == np.int16 else 1)
        output = float(spread * x.scale * scales.mean() * 2 / half_range * self.random.uniform(0.5, 2))
        if activation:
            output = min(output, 6 / half_range)
        return [weights, bias], output

    def operator(
        self,
        name: str,
        inputs: Sequence[Value | int],
        outputs: Sequence[Value],
        options: str | None = None,
        **values: object,
    ) -> None:
        numbers = [one.index if isinstance(one, Value) else one for one in inputs]
        self.writer.operator(name, numbers, [one.index for one in outputs], options, **values)
        self.names.append(name)


@dataclass(frozen=True)
class Recipe:
    """How to append one operator to a chain.

    anywhere: Vela's program gives the reference's values, so other operators may follow.
    largest: how far the output may be from the reference, in steps. docs/npu_model.md says why it is not 0.
    optimised: the reference is LiteRT's other kernel: its reference kernel is missing, or wrong.
    not_after: operators after which Vela 5.2.0 compiles this one wrongly; docs/npu_model.md lists them.
    """

    name: str
    draw: Callable[[Sketch, Value], Value]
    anywhere: bool
    dtypes: tuple[str, ...]
    largest: int = 0
    optimised: bool = False
    not_after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """A drawn network: the TFLite file, what is in it, and its inputs."""

    data: bytes
    names: list[str]
    last: Recipe
    dtype: str
    inputs: list[NDArray[Any]]


# How often int8, int16 and uint8 are drawn, if a recipe has all three.
TYPE_SHARES = np.array([0.7, 0.2, 0.1])

# Rows of a large feature map flow through these in stripes and rolling buffers when memory is short.
CASCADED = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "RELU", "LEAKY_RELU")


def draw_network(random: np.random.Generator, recipes: Sequence[Recipe], last: Recipe) -> Network:
    """A chain of exact operators that ends with `last`."""
    shares = TYPE_SHARES[: len(last.dtypes)]
    dtype = str(random.choice(last.dtypes, p=shares / shares.sum()))
    while True:
        sketch = Sketch(random, np.dtype(dtype))
        chain = _draw_chain(sketch, recipes, last)
        if any(one.name in after.not_after for i, after in enumerate(chain) for one in chain[:i]):
            continue
        x = sketch.add_input(_input_shape(sketch, large=len(chain) > 2 and chain[0].name in CASCADED))
        try:
            for recipe in chain:
                x = recipe.draw(sketch, x)
        except NotPossibleError:
            continue
        break
    data = sketch.writer.finish([one.index for one in sketch.inputs], [x.index])
    inputs = [random_values(random, one.shape, sketch.dtype) for one in sketch.inputs]
    return Network(data, sketch.names, last, dtype, inputs)


def _draw_chain(sketch: Sketch, recipes: Sequence[Recipe], last: Recipe) -> list[Recipe]:
    exact = [r for r in recipes if r.anywhere and sketch.dtype.name in r.dtypes]
    if last.optimised:
        # LiteRT's optimised kernels round some of the other operators differently: such an operator stands alone.
        return [last]
    if sketch.chance(0.2):
        cascaded = [r for r in exact if r.name in CASCADED]
        return [sketch.pick(cascaded) for _ in range(sketch.number(2, 4))] + [last]
    return [sketch.pick(exact) for _ in range(sketch.pick((0, 0, 1, 2, 3)))] + [last]


def random_values(random: np.random.Generator, shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Mostly the whole range, sometimes a narrow band, with the extremes among them."""
    info = np.iinfo(dtype)
    values = random.integers(info.min, info.max, shape, endpoint=True)
    if random.random() < 0.3:
        values = values // 16 + random.integers(info.min // 2, info.max // 2 + 1)
    extremes = random.random(shape)
    values = np.where(extremes < 0.02, info.min, np.where(extremes > 0.98, info.max, values))
    return values.astype(dtype)


def _input_shape(sketch: Sketch, large: bool) -> tuple[int, int, int, int]:
    channels = sketch.pick((1, 3, 8, 16, 17, 32, sketch.number(1, 40), sketch.number(1, 80)))
    if large:
        return 1, sketch.number(24, 64), sketch.number(8, 48), min(channels, 24)
    return 1, sketch.number(1, 16), sketch.number(1, 20), channels
