"""Write a region as an int8 TFLite file. Vela reads it, and LiteRT can run it as a check.

Fully connected layers become convolutions of 1x1, which the NPU and TFLite round alike. TFLite has two kinds of
padding; any other becomes a PAD in front, which Vela folds into the convolution. Rows that nobody reads are cut off in
front as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Lookup, SumInt8
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.targets.ethos_u.region import Region
from ocrm55.compiler.targets.ethos_u.support import padding
from ocrm55.errors import Ocrm55Error
from ocrm55.npu_model.tflite_writer import TFLiteWriter

Shape = tuple[int, int, int, int]
SAME, VALID = 0, 1  # TFLite's Padding
PADDINGS = {"SAME": SAME, "VALID": VALID}
# Suffixes of tensors that only the file has.
HELPERS = ("_sigmoid", "_curve", "_mean", "_padded", "_rows", "_reshaped")
NONE, RELU = 0, 1  # TFLite's ActivationFunctionType
# The nominal scale if a convolution's channels differ in scale; only ratios of scales enter the arithmetic.
NOMINAL = 2.0**-5
SIGMOID = Quantization(1 / 256, -128)  # what TFLite prescribes for the result of LOGISTIC


@dataclass(frozen=True)
class Image:
    """An int8 tensor of the file, [1, rows, columns, channels]."""

    index: int
    shape: Shape
    quantization: Quantization


def write(region: Operator, program: Program) -> bytes:
    """The file of a region; its inputs and outputs stand in the region's order."""
    assert isinstance(region.spec, Region)
    file = _File(program, region.spec)
    inputs = [file.tensor(name).index for name in region.inputs]
    for operator in region.spec.operators:
        _WRITE[type(operator.spec)](file, operator)
    return file.writer.finish(inputs, [file.images[name].index for name in region.outputs])


class _File:
    """The file under construction. images: tensor of the program -> tensor of the file."""

    def __init__(self, program: Program, region: Region) -> None:
        self.program = program
        self.region = region
        self.writer = TFLiteWriter()
        self.images: dict[str, Image] = {}
        self.parts: dict[str, dict[int, Image]] = {}

    def tensor(self, name: str, shape: Shape | None = None) -> Image:
        """Add a tensor of the program."""
        tensor = self.program.tensors[name]
        quantization = tensor.quantization
        if quantization is None and tensor.view_of is not None:
            quantization = self.program.tensors[tensor.view_of].quantization
        if quantization is None:
            quantization = Quantization(NOMINAL, self._zero_point(name))
        self.images[name] = self.new(name, shape or _four(tensor.shape), quantization)
        return self.images[name]

    def _zero_point(self, name: str) -> int:
        """The scales of a tensor whose channels differ in scale; a convolution wrote it."""
        specs = [o.spec for o in self.region.operators if name in o.outputs]
        return next((s.epilogue.zero_point for s in specs if isinstance(s, Convolution)), 0)

    def new(self, name: str, shape: Shape, quantization: Quantization) -> Image:
        index = self.writer.tensor(name, shape, np.int8, quantization.step, quantization.zero_point)
        return Image(index, shape, quantization)

    def constant(self, name: str, data: np.ndarray, scale: Any = 0.0, axis: int = 0) -> int:
        return self.writer.tensor(name, data.shape, data.dtype, scale, 0, data=data, axis=axis)

    def weights(self, operator: Operator) -> list[np.ndarray]:
        found = [self.program.tensors[name] for name in operator.inputs]
        return [tensor.data for tensor in found if tensor.role == "weight" and tensor.data is not None]

    def image(self, name: str, shape: Shape) -> Image:
        """A tensor under its reader's shape, without the rows that the reader leaves out."""
        image = self.images[name]
        if image.shape == shape:
            return image
        rows, wanted = image.shape, shape
        if rows[2:] == wanted[2:] and wanted[1] < rows[1]:
            cut = self.new(f"{name}_rows", shape, image.quantization)
            begin, size = (self.constant(f"{name}_{what}", np.asarray(v, np.int32))
                           for what, v in (("begin", (0, 0, 0, 0)), ("size", shape)))  # fmt: skip
            self.writer.operator("SLICE", [image.index, begin, size], [cut.index], "SliceOptions")
            return cut
        if np.prod(rows) != np.prod(wanted):
            raise Ocrm55Error(f"{name} is {rows}, its reader wants {wanted}")
        moved = self.new(f"{name}_reshaped", shape, image.quantization)
        to = self.constant(f"{name}_shape", np.asarray(shape, np.int32))
        self.writer.operator("RESHAPE", [image.index, to], [moved.index], "ReshapeOptions", NewShape=list(shape))
        return moved

    def write_output(self, operator: Operator, shape: Shape) -> Image:
        """The tensor that an operator writes; a part of a wider tensor joins the other parts."""
        name = operator.outputs[0]
        tensor = self.program.tensors[name]
        stored = _four(tensor.shape)
        image = self.tensor(name, stored if np.prod(stored) == np.prod(shape) and stored[3] == shape[3] else shape)
        if image.shape != shape:
            raise Ocrm55Error(f"{name} is {image.shape}, its writer gives {shape}")
        if tensor.view_of is not None:
            self.join(tensor.view_of, tensor.view_offset, image)
        return image

    def join(self, whole: str, first: int, part: Image) -> None:
        """Note a part of a concatenation; the last one completes it."""
        parts = self.parts.setdefault(whole, {})
        parts[first] = part
        shape = _four(self.program.tensors[whole].shape)
        if sum(p.shape[3] for p in parts.values()) == shape[3]:
            result = self.tensor(whole)
            ordered = [parts[first].index for first in sorted(parts)]
            self.writer.operator(
                "CONCATENATION", ordered, [result.index], "ConcatenationOptions", Axis=3, FusedActivationFunction=NONE
            )


def _four(shape: tuple[int, ...]) -> Shape:
    """A shape with four axes."""
    rows = (1,) * (4 - len(shape)) + shape
    return rows[0], rows[1], rows[2], rows[3]


def _convolution(file: _File, operator: Operator) -> None:
    spec = operator.spec
    assert isinstance(spec, Convolution)
    weights, bias, ratio = file.weights(operator)
    source = file.program.tensors[operator.inputs[0]]
    rows = _rows_read(spec)
    image = file.image(operator.inputs[0], (1, min(rows, spec.height), spec.width, spec.channels))
    padding, image = _padded(file, operator, spec, image)
    result = file.write_output(operator, (1, spec.output_height, spec.output_width, spec.outputs))
    assert source.quantization is not None
    step_in, step_out = source.quantization.step, result.quantization.step
    # The scale of weights that gives the factor of the sums.
    scale = (ratio.astype(np.float64) * step_out / step_in).astype(np.float32)
    shifted = spec.epilogue.zero_point - result.quantization.zero_point  # hard-sigmoid's middle
    sums = weights.reshape(spec.outputs, -1).astype(np.int64).sum(1)
    whole = (
        bias.astype(np.int64) + spec.zero_point * sums + np.rint(shifted / ratio.astype(np.float64)).astype(np.int64)
    )
    names = [f"{operator.outputs[0]}_{what}" for what in ("weights", "bias")]
    bias_index = file.constant(names[1], whole.astype(np.int32), step_in * scale.astype(np.float64))
    kernel = weights.reshape(spec.outputs, -1, *spec.kernel)
    options: dict[str, Any] = {
        "Padding": padding, "StrideH": spec.strides[0], "StrideW": spec.strides[1],
        "DilationHFactor": 1, "DilationWFactor": 1,
        "FusedActivationFunction": RELU if spec.epilogue.low > -128 else NONE,
    }  # fmt: skip
    if isinstance(spec, Depthwise):
        data = np.ascontiguousarray(kernel.transpose(1, 2, 3, 0))
        index = file.constant(names[0], data, scale, axis=3)
        name, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        options["DepthMultiplier"] = 1
    else:
        index = file.constant(names[0], np.ascontiguousarray(kernel.transpose(0, 2, 3, 1)), scale)
        name, table = "CONV_2D", "Conv2DOptions"
    file.writer.operator(name, [image.index, index, bias_index], [result.index], table, **options)


def _rows_read(spec: Convolution) -> int:
    """Rows of the input that the output's rows need."""
    return (spec.output_height - 1) * spec.strides[0] + spec.kernel[0] - spec.pads[0]


def _padded(file: _File, operator: Operator, spec: Convolution, image: Image) -> tuple[int, Image]:
    """The convolution's padding: TFLite's SAME or VALID where possible, else VALID behind a PAD."""
    before, sizes = spec.pads, image.shape[1:3]
    outputs = (spec.output_height, spec.output_width)
    known = padding(sizes, outputs, spec.kernel, spec.strides, before)
    if known is not None:
        return PADDINGS[known], image
    geometry = zip(sizes, outputs, spec.kernel, spec.strides, strict=True)
    totals = [max((count - 1) * stride + taps - size, 0) for size, count, taps, stride in geometry]
    paddings = [(pad, total - pad) for total, pad in zip(totals, before, strict=True)]
    shape = (1, sizes[0] + totals[0], sizes[1] + totals[1], image.shape[3])
    name = f"{operator.outputs[0]}_padded"
    padded = file.new(name, shape, image.quantization)
    amounts = np.asarray([(0, 0), *paddings, (0, 0)], np.int32)
    file.writer.operator("PAD", [image.index, file.constant(f"{name}_by", amounts)], [padded.index], "PadOptions")
    return VALID, padded


def _average_pool(file: _File, operator: Operator) -> None:
    spec = operator.spec
    assert isinstance(spec, AveragePool)
    rows = (spec.output_height - 1) * spec.strides[0] + spec.kernel[0]
    image = file.image(operator.inputs[0], (1, min(rows, spec.height), spec.width, spec.channels))
    result = file.write_output(operator, (1, spec.output_height, spec.output_width, spec.channels))
    if not spec.keeps_scale and spec.kernel == image.shape[1:3]:
        axes = file.constant(f"{operator.outputs[0]}_axes", np.asarray((1, 2), np.int32))
        file.writer.operator("MEAN", [image.index, axes], [result.index], "ReducerOptions", KeepDims=True)
        return
    mean = result
    if not spec.keeps_scale:
        mean = file.new(f"{operator.outputs[0]}_mean", result.shape, image.quantization)
    file.writer.operator(
        "AVERAGE_POOL_2D", [image.index], [mean.index], "Pool2DOptions", Padding=VALID,
        StrideH=spec.strides[0], StrideW=spec.strides[1], FilterHeight=spec.kernel[0], FilterWidth=spec.kernel[1],
        FusedActivationFunction=NONE,
    )  # fmt: skip
    if mean is not result:
        file.writer.operator("QUANTIZE", [mean.index], [result.index], "QuantizeOptions")


def _max_pool(file: _File, operator: Operator) -> None:
    spec = operator.spec
    assert isinstance(spec, MaxPool)
    sizes, outputs = (spec.height, spec.width), (spec.output_height, spec.output_width)
    known = padding(sizes, outputs, spec.kernel, spec.strides, spec.pads)
    assert known is not None
    image = file.image(operator.inputs[0], (1, *sizes, spec.channels))
    result = file.write_output(operator, (1, *outputs, spec.channels))
    file.writer.operator(
        "MAX_POOL_2D", [image.index], [result.index], "Pool2DOptions", Padding=PADDINGS[known],
        StrideH=spec.strides[0], StrideW=spec.strides[1], FilterHeight=spec.kernel[0], FilterWidth=spec.kernel[1],
        FusedActivationFunction=NONE,
    )  # fmt: skip


def _channel_multiply(file: _File, operator: Operator) -> None:
    image = file.images[operator.inputs[0]]
    gate = file.image(operator.inputs[1], (1, 1, 1, image.shape[3]))
    result = file.write_output(operator, image.shape)
    file.writer.operator("MUL", [image.index, gate.index], [result.index], "MulOptions", FusedActivationFunction=NONE)


def _add(file: _File, operator: Operator) -> None:
    left = file.images[operator.inputs[0]]
    right = file.image(operator.inputs[1], left.shape)
    result = file.write_output(operator, left.shape)
    file.writer.operator("ADD", [left.index, right.index], [result.index], "AddOptions", FusedActivationFunction=NONE)


def _copy(file: _File, operator: Operator) -> None:
    """A part of a concatenation. There is no copy; the concatenation reads it itself."""
    part = file.program.tensors[operator.outputs[0]]
    assert part.view_of is not None
    rows = _four(file.program.tensors[part.view_of].shape)
    file.join(part.view_of, part.view_offset, file.image(operator.inputs[0], (*rows[:3], part.shape[-1])))


def _lookup(file: _File, operator: Operator) -> None:
    """A function of one value. TFLite has no swish: x times sigmoid(x)."""
    spec = operator.spec
    assert isinstance(spec, Lookup)
    image, name = file.images[operator.inputs[0]], operator.outputs[0]
    result = file.write_output(operator, image.shape)
    curve = result
    if (spec.gain, spec.offset) != (1.0, 0.0):
        curve = file.new(f"{name}_curve", image.shape, _before_affine(spec, image.quantization, result.quantization))
    if spec.function == "relu":
        file.writer.operator("RELU", [image.index], [curve.index])
    elif spec.function == "hard_swish":
        file.writer.operator("HARD_SWISH", [image.index], [curve.index], "HardSwishOptions")
    else:
        sigmoid = file.new(f"{name}_sigmoid", image.shape, SIGMOID)
        file.writer.operator("LOGISTIC", [image.index], [sigmoid.index])
        if spec.function == "swish":
            pair = [image.index, sigmoid.index]
            file.writer.operator("MUL", pair, [curve.index], "MulOptions", FusedActivationFunction=NONE)
        else:
            file.writer.operator("QUANTIZE", [sigmoid.index], [curve.index], "QuantizeOptions")
    if curve is not result:
        _affine(file, name, curve, result, spec.gain, spec.offset)


def _before_affine(spec: Lookup, read: Quantization, written: Quantization) -> Quantization:
    """The scale of a function's result before its factor and offset: it covers the values that are kept."""
    x = (np.arange(-128, 128) - read.zero_point) * read.step
    reached = _CURVES[spec.function](x)
    ends = [((q - written.zero_point) * written.step - spec.offset) / spec.gain for q in (-128, 127)]
    values = np.clip(reached, min(ends), max(ends))
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32(max(high - low, 1e-6) / 255))
    return Quantization(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))


_CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
}


def _affine(file: _File, name: str, image: Image, result: Image, gain: float, offset: float) -> None:
    """gain * x + offset, rounded once: a depthwise convolution of 1x1."""
    channels = image.shape[3]
    step = float(np.float32(abs(gain) / 127))
    weights = np.full((1, 1, 1, channels), 127 if gain > 0 else -127, np.int8)
    bias = np.full(channels, round(offset / (image.quantization.step * step)), np.int32)
    index = file.constant(f"{name}_gain", weights, np.full(channels, step, np.float32), axis=3)
    offsets = file.constant(f"{name}_offset", bias, np.full(channels, image.quantization.step * step, np.float32))
    file.writer.operator(
        "DEPTHWISE_CONV_2D", [image.index, index, offsets], [result.index], "DepthwiseConv2DOptions", Padding=VALID,
        StrideH=1, StrideW=1, DilationHFactor=1, DilationWFactor=1, DepthMultiplier=1, FusedActivationFunction=NONE,
    )  # fmt: skip


_WRITE: dict[type[Spec], Callable[[_File, Operator], None]] = {
    Pointwise: _convolution,
    Convolution: _convolution,
    Depthwise: _convolution,
    AveragePool: _average_pool,
    MaxPool: _max_pool,
    ChannelMultiply: _channel_multiply,
    SumInt8: _add,
    CopyRows: _copy,
    Lookup: _lookup,
}
