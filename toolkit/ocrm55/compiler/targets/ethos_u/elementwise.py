"""Sums, factors and functions of single elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, Lookup, Quantize, Sum, SumInt8
from ocrm55.compiler.operators.program import Operator, Quantization
from ocrm55.compiler.targets.ethos_u.npu_operator import NpuOperator, refused
from ocrm55.compiler.targets.ethos_u.padding import VALID
from ocrm55.compiler.targets.ethos_u.tflite_file import NONE, File, Image

SIGMOID = Quantization(1 / 256, -128)  # what TFLite prescribes for the result of LOGISTIC

WIDER = np.linspace(1, 1.1, 101).tolist()  # scales to choose from: a tenth wider at the most
NEAR, FAR = 40, 0.02  # steps of int8 that count as near 0; what a value far from it weighs


def _channel_multiply(file: File, operator: Operator) -> None:
    image = file.images[operator.inputs[0]]
    gate = file.image(operator.inputs[1], (1, 1, 1, image.shape[3]))
    result = file.write_output(operator, image.shape)
    file.writer.operator("MUL", [image.index, gate.index], [result.index], "MulOptions", FusedActivationFunction=NONE)


def _add(file: File, operator: Operator) -> None:
    left = file.images[operator.inputs[0]]
    right = file.image(operator.inputs[1], left.shape)
    result = file.write_output(operator, left.shape)
    file.writer.operator("ADD", [left.index, right.index], [result.index], "AddOptions", FusedActivationFunction=NONE)


def _lookup(file: File, operator: Operator) -> None:
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
    """The scale of a function's result before its factor and offset: it covers the values that are kept.

    Two roundings, one behind the other: if both steps are alike, an offset of half a step moves all values to one side,
    and the layers behind multiply that. So of scales a little wider the one is taken whose errors are few and even,
    above all around 0, where most values are.
    """
    steps = np.arange(-128, 128) - read.zero_point
    share = np.exp(-0.5 * (steps / NEAR) ** 2) + FAR
    x = steps * read.step
    reached = _CURVES[spec.function](x)
    ends = [((q - written.zero_point) * written.step - spec.offset) / spec.gain for q in (-128, 127)]
    values = np.clip(reached, min(ends), max(ends))
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    wanted = _rounded(spec.gain * reached + spec.offset, written)

    def errors(curve: Quantization) -> float:
        once = (_rounded(reached, curve) - curve.zero_point) * curve.step
        off = _rounded(spec.gain * once + spec.offset, written) - wanted
        return float((share * np.abs(off)).sum() + abs((share * off).sum()))

    return min((_covering(low, high, wider) for wider in WIDER), key=errors)


def _covering(low: float, high: float, wider: float) -> Quantization:
    scale = float(np.float32(max(high - low, 1e-6) / 255 * wider))
    return Quantization(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))


def _rounded(values: np.ndarray, quantization: Quantization) -> np.ndarray:
    return np.clip(np.rint(values / quantization.step) + quantization.zero_point, -128, 127)


_CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
}


def _affine(file: File, name: str, image: Image, result: Image, gain: float, offset: float) -> None:
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


def _lookup_refusal(spec: Lookup) -> str | None:
    return None if spec.function in _CURVES else f"has no table for {spec.function or 'this function'}"


OPERATORS: dict[type[Spec], NpuOperator] = {
    ChannelMultiply: NpuOperator(_channel_multiply),
    SumInt8: NpuOperator(_add),
    Lookup: NpuOperator(_lookup, _lookup_refusal),
    Dequantize: refused("computes integers, this gives float32"),
    Quantize: refused("computes integers, this reads float32"),
    Sum: refused("computes integers, this sum is float32"),
}
