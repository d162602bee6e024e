"""Random int8 networks of the operators that the NPU takes, drawn as the lowering leaves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ocrm55.compiler.operators.activations import real_function
from ocrm55.compiler.operators.float32 import Activation, Spec
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, Lookup, SumInt8
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization

STEPS = (0.02, 0.05, 0.09)


@dataclass
class Sketch:
    """A program that grows by one random operator after the other; `last` is the tensor that the next one reads."""

    random: np.random.Generator
    program: Program = field(default_factory=lambda: Program("drawn", "int8"))
    last: str = ""

    def __post_init__(self) -> None:
        height, width = self.number(3, 9), self.number(5, 12)
        self.last = self.tensor((1, height, width, self.pick((3, 8, 16, 24))), "image")
        self.program.tensors[self.last].role = "input"

    def number(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def pick(self, values: tuple[Any, ...]) -> Any:
        return values[self.number(0, len(values) - 1)]

    def tensor(self, shape: tuple[int, ...], name: str, like: Quantization | None = None) -> str:
        known = like or Quantization(float(np.float32(self.pick(STEPS))), self.number(-100, 100))
        return self.program.add(Tensor(name, shape, "int8", "activation", name, quantization=known)).name

    def weight(self, data: np.ndarray, name: str) -> str:
        return self.program.add(Tensor(name, data.shape, str(data.dtype), "weight", name, data)).name

    def operator(self, spec: Spec, inputs: list[str], output: str) -> None:
        self.program.operators.append(Operator(output, output, spec, inputs, [output]))
        self.last = output

    def shape(self) -> tuple[int, int, int]:
        _, height, width, channels = self.program.tensors[self.last].shape
        return height, width, channels

    def known(self, name: str = "") -> Quantization:
        found = self.program.tensors[name or self.last].quantization
        assert found is not None
        return found

    def finish(self) -> Program:
        """What follows on the core: the result as float32."""
        tensor = self.program.tensors[self.last]
        known = self.known()
        rows = (1, tensor.size // tensor.shape[-1], tensor.shape[-1])
        real = self.program.add(Tensor("real", rows, "float32", "output", "real")).name
        self.operator(Dequantize(tensor.size, known.step, known.zero_point), [self.last], real)
        return self.program


def convolution(s: Sketch, kind: type[Convolution] = Convolution) -> None:
    height, width, channels = s.shape()
    square = ((3, 3), (5, 5))
    kernel = (1, 1) if kind is Pointwise else s.pick(square if kind is Depthwise else (*square, (1, 3), (3, 1)))
    strides = (1, 1) if kind is Pointwise else s.pick(((1, 1), (2, 2), (2, 1), (1, 2)))
    pads = (kernel[0] // 2, kernel[1] // 2)
    outputs = channels if kind is Depthwise else s.pick((8, 16, 40))
    size = [(n + 2 * p - k) // t + 1 for n, p, k, t in zip((height, width), pads, kernel, strides, strict=True)]
    size[0] -= s.number(0, 1) if size[0] > 2 else 0  # a row that nobody reads
    known = s.known()
    output = s.tensor((1, *size, outputs), "conv")
    weights = s.random.integers(-127, 128, (outputs, 1 if kind is Depthwise else channels, *kernel)).astype(np.int8)
    taps = weights[0].size
    ratio = (s.random.uniform(0.4, 1.6, outputs) / (60 * np.sqrt(taps))).astype(np.float32)
    bias = tables.fold_zero_point(weights, s.random.integers(-4000, 4000, outputs), known.zero_point)
    zero = s.known(output).zero_point
    limits = s.pick(((-128, 127), (zero, 127), (zero, 40), (-128, 60), (-1, 125)))
    epilogue = Epilogue("clamp", outputs, zero, *limits)
    spec = kind(channels, height, width, outputs, *size, kernel, strides, pads, known.zero_point, epilogue)
    names = [s.weight(data, f"{output}_{what}") for what, data in (("w", weights), ("b", bias), ("s", ratio))]
    s.operator(spec, [s.last, *names], output)


def depthwise(s: Sketch) -> None:
    convolution(s, Depthwise)


def pointwise(s: Sketch) -> None:
    convolution(s, Pointwise)


def lookup(s: Sketch) -> None:
    function = s.pick(("relu", "hard_swish", "sigmoid", "swish"))
    gain, offset = s.pick(((1.0, 0.0), (1.0, 0.0), (1.3, 0.0), (0.7, -0.4), (-1.1, 0.6)))
    known, shape = s.known(), s.program.tensors[s.last].shape
    narrow = Quantization(1 / 256, -128)
    output = s.tensor(shape, function, narrow if function == "sigmoid" and gain == 1 else None)
    written = s.known(output)
    table = tables.table8(
        real_function(Activation(function, gain=gain, offset=offset)),
        known.step,
        known.zero_point,
        written.step,
        written.zero_point,
    )  # type: ignore[arg-type]
    s.operator(
        Lookup(int(np.prod(shape)), function, gain, offset), [s.last, s.weight(table, f"{output}_table")], output
    )


def pool(s: Sketch) -> None:
    height, width, channels = s.shape()
    kernel = (height, width) if s.number(0, 1) else (2, 2)
    strides = (1, 1) if kernel != (2, 2) else (2, 2)
    size = tuple((n - k) // t + 1 for n, k, t in zip((height, width), kernel, strides, strict=True))
    known = s.known()
    output = s.tensor((1, *size, channels), "pool", known if s.number(0, 1) else None)
    written = s.known(output)
    gain = float(np.float32(known.step / (np.prod(kernel) * written.step)))
    spec = AveragePool(channels, height, width, *size, kernel, strides, known.zero_point, written.zero_point, gain)  # type: ignore[arg-type]
    s.operator(spec, [s.last], output)


def max_pool(s: Sketch) -> None:
    height, width, channels = s.shape()
    kernel = s.pick(((2, 2), (3, 3), (3, 2)))
    strides = s.pick(((1, 1), (2, 2), (2, 1)))
    same = [
        (-(-n // t), max((-(-n // t) - 1) * t + k - n, 0))
        for n, k, t in zip((height, width), kernel, strides, strict=True)
    ]
    valid = [((n - k) // t + 1, 0) for n, k, t in zip((height, width), kernel, strides, strict=True)]
    size, padded = zip(*(same if s.number(0, 1) else valid), strict=True)
    spec = MaxPool(channels, height, width, *size, kernel, strides, tuple(p // 2 for p in padded))  # type: ignore[arg-type]
    s.operator(spec, [s.last], s.tensor((1, *size, channels), "max", s.known()))


def gate(s: Sketch) -> None:
    """Squeeze-and-excite: an average over the image, a gate of it, both multiplied."""
    height, width, channels = s.shape()
    image, known = s.last, s.known()
    mean = s.tensor((1, 1, 1, channels), "mean", known)
    gain = float(np.float32(1 / (height * width)))
    sizes = (channels, height, width, 1, 1, (height, width), (1, 1))
    s.operator(AveragePool(*sizes, known.zero_point, known.zero_point, gain), [image], mean)
    output = s.tensor(s.program.tensors[image].shape, "gated")
    written = s.known(output)
    product = float(np.float32(known.step * known.step / written.step))
    spec = ChannelMultiply(height * width, channels, known.zero_point, known.zero_point, written.zero_point, product)
    s.operator(spec, [image, mean], output)


def add(s: Sketch) -> None:
    """A tensor and what an activation makes of it."""
    before = s.last
    lookup(s)
    a, b, shape = s.known(before), s.known(), s.program.tensors[before].shape
    output = s.tensor(shape, "sum")
    written = s.known(output)
    steps = (a.step, a.zero_point, b.step, b.zero_point, written.step, written.zero_point)
    s.operator(SumInt8(int(np.prod(shape)), *steps), [before, s.last], output)


def concatenation(s: Sketch) -> None:
    """A tensor beside what a depthwise convolution makes of it, in the same scale."""
    before, (height, width, channels) = s.last, s.shape()
    known = s.known()
    beside = s.tensor((1, height, width, channels), "beside", known)
    table = np.arange(256).astype(np.uint8).view(np.int8)
    s.operator(Lookup(height * width * channels, "relu"), [before, s.weight(np.maximum(table, known.zero_point), "t")],
               beside)  # fmt: skip
    whole = s.tensor((1, height, width, 2 * channels), "concat", known)
    for first, part in ((0, before), (channels, beside)):
        view = Tensor("part", (height * width, channels), "int8", "activation", "part", None, whole, first)
        s.operator(CopyRows(height * width, channels, 2 * channels), [part], s.program.add(view).name)
    s.last = whole


OPERATORS: tuple[Callable[[Sketch], None], ...] = (
    convolution, depthwise, pointwise, lookup, pool, gate, add, concatenation, max_pool,
)  # fmt: skip


def draw(seed: int) -> Program:
    """A network of up to five operators; the first is each of them in turn."""
    sketch = Sketch(np.random.default_rng(seed))
    OPERATORS[seed % len(OPERATORS)](sketch)
    for _ in range(sketch.number(1, 4)):
        if min(sketch.shape()[:2]) > 2:
            sketch.pick(OPERATORS)(sketch)
    return sketch.finish()
