"""One recipe an operator: how to append it, with random attributes, to a random network."""

from __future__ import annotations

import numpy as np

from tests.npu_networks.networks import NotPossibleError, Recipe, Sketch, Value

SAME, VALID = 0, 1
ACTIVATIONS = (0, 0, 1, 2, 3)  # NONE twice, RELU, RELU_N1_TO_1, RELU6
ALL = ("int8", "int16", "uint8")


def _nhwc(x: Value) -> tuple[int, int, int, int]:
    if len(x.shape) != 4 or x.shape[0] != 1:
        raise NotPossibleError
    _, height, width, channels = x.shape
    return 1, height, width, channels


def _window(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    span = (kernel - 1) * dilation + 1
    count = -(-size // stride) if padding == SAME else -(-(size - span + 1) // stride)
    if count < 1:
        raise NotPossibleError
    return count


# --- convolutions -----------------------------------------------------------------------------------------------------


def conv_2d(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    kernel = s.pick(((1, 1), (3, 3), (s.number(1, 5), s.number(1, 5)), (s.number(1, 9), s.number(1, 9))))
    padding, stride, dilation = s.pick((SAME, VALID)), (s.pick((1, 1, 2, 3)), s.pick((1, 1, 2, 3))), (1, 1)
    if s.chance(0.2):
        stride, dilation = (1, 1), (s.pick((1, 2)), s.pick((1, 2, 3)))
    outputs = s.pick((1, 8, 16, s.number(1, 40), s.number(1, 90)))
    activation = s.pick(ACTIVATIONS)
    shape = (
        1,
        *(_window(*a) for a in zip((height, width), kernel, stride, (padding,) * 2, dilation, strict=True)),
        outputs,
    )
    tensors, scale = s.filters(x, (outputs, *kernel, channels), 0, kernel[0] * kernel[1] * channels, activation)
    y = s.value(shape, scale)
    s.operator(
        "CONV_2D", [x, *tensors], [y], "Conv2DOptions", Padding=padding, StrideW=stride[1], StrideH=stride[0],
        DilationWFactor=dilation[1], DilationHFactor=dilation[0], FusedActivationFunction=activation,
    )  # fmt: skip
    return y


def depthwise_conv_2d(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    kernel = s.pick(((3, 3), (5, 5), (s.number(1, 7), s.number(1, 7))))
    padding, stride, dilation = s.pick((SAME, VALID)), s.pick((1, 1, 2, 3)), 1
    if s.chance(0.2):
        stride, dilation = 1, 2
    multiplier = s.number(1, 12) if channels == 1 else 1
    activation = s.pick(ACTIVATIONS)
    sizes = (_window(n, k, stride, padding, dilation) for n, k in zip((height, width), kernel, strict=True))
    tensors, scale = s.filters(x, (1, *kernel, channels * multiplier), 3, kernel[0] * kernel[1], activation)
    y = s.value((1, *sizes, channels * multiplier), scale)
    s.operator(
        "DEPTHWISE_CONV_2D", [x, *tensors], [y], "DepthwiseConv2DOptions", Padding=padding, StrideW=stride,
        StrideH=stride, DepthMultiplier=multiplier, FusedActivationFunction=activation,
        DilationWFactor=dilation, DilationHFactor=dilation,
    )  # fmt: skip
    return y


def transpose_conv(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    padding, stride = s.pick((SAME, VALID)), 2
    kernel = (s.number(2, 5), s.number(2, 5))
    outputs = s.number(1, 24)
    sizes = [n * stride + (k - stride if padding == VALID else 0) for n, k in zip((height, width), kernel, strict=True)]
    tensors, scale = s.filters(x, (outputs, *kernel, channels), 0, kernel[0] * kernel[1] * channels // 4 + 1)
    y = s.value((1, *sizes, outputs), scale)
    s.operator(
        "TRANSPOSE_CONV", [s.integers(y.shape), tensors[0], x, tensors[1]], [y], "TransposeConvOptions",
        Padding=padding, StrideW=stride, StrideH=stride,
    )  # fmt: skip
    return y


def fully_connected(s: Sketch, x: Value) -> Value:
    rows, depth = int(np.prod(x.shape[:-1])), x.channels
    if rows > 64:
        raise NotPossibleError
    outputs = s.pick((1, 16, s.number(1, 100)))
    activation = s.pick(ACTIVATIONS)
    tensors, scale = s.filters(x, (outputs, depth), 0, depth, activation, per_channel=False)
    y = s.value((rows, outputs), scale)
    s.operator(
        "FULLY_CONNECTED", [x, *tensors], [y], "FullyConnectedOptions", FusedActivationFunction=activation,
        KeepNumDims=False,
    )  # fmt: skip
    return y


def batch_matmul(s: Sketch, x: Value) -> Value:
    _, batch, rows, depth = _nhwc(x)
    columns = s.number(1, 12)
    transposed = s.chance(0.5)
    second = s.add_input((1, batch, columns, depth) if transposed else (1, batch, depth, columns))
    y = s.value((1, batch, rows, columns), x.scale * second.scale * np.sqrt(depth) * 120 * 74 / 90)
    s.operator("BATCH_MATMUL", [x, second], [y], "BatchMatMulOptions", AdjX=False, AdjY=transposed)
    return y


# --- pooling and reductions -------------------------------------------------------------------------------------------


def _pool(s: Sketch, x: Value, name: str, kernel: tuple[int, int], stride: tuple[int, int], padding: int) -> Value:
    _, height, width, channels = _nhwc(x)
    sizes = (_window(*a, padding) for a in zip((height, width), kernel, stride, strict=True))
    y = s.value_like(x, (1, *sizes, channels))
    s.operator(
        name, [x], [y], "Pool2DOptions", Padding=padding, StrideH=stride[0], StrideW=stride[1],
        FilterHeight=kernel[0], FilterWidth=kernel[1], FusedActivationFunction=s.pick(ACTIVATIONS),
    )  # fmt: skip
    return y


def max_pool_2d(s: Sketch, x: Value) -> Value:
    kernel = (s.number(1, 8), s.number(1, 8))
    return _pool(s, x, "MAX_POOL_2D", kernel, (s.number(1, 3), s.number(1, 3)), s.pick((SAME, VALID)))


def average_pool_2d(s: Sketch, x: Value) -> Value:
    kernel = (s.number(1, 8), s.number(1, 8))
    return _pool(s, x, "AVERAGE_POOL_2D", kernel, (s.number(1, 3), s.number(1, 3)), s.pick((SAME, VALID)))


def _reduce(s: Sketch, x: Value, name: str, axes: tuple[int, ...], y_scale: float | None) -> Value:
    _nhwc(x)
    # Vela 5.2.0 reads the wrong values for a REDUCE_MAX that drops its axis (docs/npu_model.md).
    keep = s.chance(0.7) or name in ("REDUCE_MAX", "REDUCE_MIN")
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes)
    y = s.value_like(x, shape) if y_scale is None else s.value(shape, y_scale)
    s.operator(name, [x, s.integers(axes)], [y], "ReducerOptions", KeepDims=keep)
    return y


def mean(s: Sketch, x: Value) -> Value:
    axes = s.pick(((1, 2), (1, 2), (1,), (2,)))
    return _reduce(s, x, "MEAN", axes, x.scale * s.pick((1.0, 1.0, 0.5, 0.31)))


def reduce_sum(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    axis = s.pick((1, 2, 3))
    return _reduce(s, x, "SUM", (axis,), x.scale * np.sqrt(x.shape[axis]) * s.random.uniform(0.7, 1.5))


def reduce_max(s: Sketch, x: Value) -> Value:
    return _reduce(s, x, "REDUCE_MAX", (s.pick((1, 2, 3)),), None)


def reduce_min(s: Sketch, x: Value) -> Value:
    return _reduce(s, x, "REDUCE_MIN", (s.pick((1, 2, 3)),), None)


def arg_max(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    if x.channels > 127:
        raise NotPossibleError
    index = s.writer.tensor("argmax", x.shape[:-1], np.int32)
    y = Value(index, x.shape[:-1], 0.0, 0)
    s.operator("ARG_MAX", [x, s.integers([3])], [y], "ArgMaxOptions", OutputType=2)
    return y


# --- elementwise ------------------------------------------------------------------------------------------------------


def _second(s: Sketch, x: Value, same: bool = False) -> Value:
    """A second operand: another input, or a constant, whole or repeated along some axes, or one number."""
    _nhwc(x)
    shape = tuple(1 if s.chance(0.3) else n for n in x.shape) if s.chance(0.5) else x.shape
    quantisation = (x.scale, x.zero_point) if same or s.chance(0.2) else (x.scale * s.random.uniform(0.2, 5), None)
    if s.chance(0.5):
        return s.constant((1, 1, 1, 1) if s.chance(0.3) else shape, *quantisation)
    second = s.value(shape, *quantisation)
    s.inputs.append(second)
    return second


def _binary(s: Sketch, x: Value, name: str, options: str, y_scale: float, second: Value) -> Value:
    y = s.value(x.shape, y_scale)
    operands = [second, x] if s.chance(0.3) else [x, second]
    s.operator(name, operands, [y], options, FusedActivationFunction=s.pick(ACTIVATIONS))
    return y


def add(s: Sketch, x: Value) -> Value:
    second = _second(s, x)
    return _binary(s, x, "ADD", "AddOptions", max(x.scale, second.scale) * s.random.uniform(0.7, 2), second)


def sub(s: Sketch, x: Value) -> Value:
    second = _second(s, x)
    return _binary(s, x, "SUB", "SubOptions", max(x.scale, second.scale) * s.random.uniform(0.7, 2), second)


def mul(s: Sketch, x: Value) -> Value:
    second = _second(s, x)
    wide = 256 if s.dtype == np.int16 else 1
    return _binary(s, x, "MUL", "MulOptions", x.scale * second.scale * wide * s.random.uniform(20, 120), second)


def _extreme(s: Sketch, x: Value, name: str) -> Value:
    second = _second(s, x, same=True)
    y = s.value_like(x)
    s.operator(name, [second, x] if s.chance(0.3) else [x, second], [y], "MaximumMinimumOptions")
    return y


def minimum(s: Sketch, x: Value) -> Value:
    return _extreme(s, x, "MINIMUM")


def maximum(s: Sketch, x: Value) -> Value:
    return _extreme(s, x, "MAXIMUM")


def squared_difference(s: Sketch, x: Value) -> Value:
    second = _second(s, x)
    y = s.value(x.shape, max(x.scale, second.scale) ** 2 * s.random.uniform(50, 150))
    s.operator("SQUARED_DIFFERENCE", [x, second], [y], "SquaredDifferenceOptions")
    return y


def absolute(s: Sketch, x: Value) -> Value:
    y = s.value(x.shape, x.scale * s.pick((1.0, 0.5, 1.7)))
    s.operator("ABS", [x], [y], "AbsOptions")
    return y


def negate(s: Sketch, x: Value) -> Value:
    if x.zero_point == -128:
        raise NotPossibleError
    # LiteRT negates the stored values, so that -128 wraps round to itself, where the NPU saturates: keep it out.
    kept, y = s.value_like(x), s.value(x.shape, x.scale, -x.zero_point)
    lowest = s.constant((1, 1, 1, 1), x.scale, x.zero_point, np.array([-127]))
    s.operator("MAXIMUM", [x, lowest], [kept], "MaximumMinimumOptions")
    s.operator("NEG", [kept], [y], "NegOptions")
    return y


def leaky_relu(s: Sketch, x: Value) -> Value:
    y = s.value_like(x) if s.chance(0.3) else s.value(x.shape, x.scale * s.random.uniform(0.5, 2))
    s.operator("LEAKY_RELU", [x], [y], "LeakyReluOptions", Alpha=float(np.float32(s.random.uniform(0.01, 0.9))))
    return y


def prelu(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    alpha = s.constant((1, 1, x.channels), 0.004)
    y = s.value(x.shape, x.scale * s.random.uniform(0.7, 1.5))
    s.operator("PRELU", [x, alpha], [y])
    return y


def _rectify(name: str):  # type: ignore[no-untyped-def]
    def draw(s: Sketch, x: Value) -> Value:
        y = s.value_like(x) if s.chance(0.5) else s.value(x.shape, x.scale * s.random.uniform(0.5, 2))
        s.operator(name, [x], [y])
        return y

    return draw


def quantize(s: Sketch, x: Value) -> Value:
    y = s.value(x.shape, x.scale * s.random.uniform(0.3, 3))
    s.operator("QUANTIZE", [x], [y], "QuantizeOptions")
    return y


# --- functions by table -----------------------------------------------------------------------------------------------


def _rsqrt(s: Sketch, x: Value) -> Value:
    if x.zero_point > 100:
        raise NotPossibleError
    # LiteRT refuses values that are not positive.
    positive, y = s.value_like(x), s.value(x.shape, s.random.uniform(0.5, 1.5) * x.scale**-0.5 / 127)
    lowest = s.constant((1, 1, 1, 1), x.scale, x.zero_point, np.array([x.zero_point + 1]))
    s.operator("MAXIMUM", [x, lowest], [positive], "MaximumMinimumOptions")
    s.operator("RSQRT", [positive], [y])
    return y


def _exponential(s: Sketch, x: Value) -> Value:
    # Beyond this LiteRT's own table overflows.
    if x.scale * (127 - x.zero_point) > 14:
        raise NotPossibleError
    y = s.value(x.shape, x.scale * s.random.uniform(0.5, 1.5))
    s.operator("EXP", [x], [y], "ExpOptions")
    return y


def _unary(name: str, output: tuple[float, int] | None, options: str | None = None, **values: object):  # type: ignore[no-untyped-def]
    """`output`: the quantisation that the reference demands, for int8; for uint8 the zero point is 128 more."""

    def draw(s: Sketch, x: Value) -> Value:
        if output is None:
            y = s.value(x.shape, x.scale * s.random.uniform(0.5, 1.5))
        elif s.dtype == np.int16:
            y = s.value(x.shape, 1 / 32768, 0)
        else:
            y = s.value(x.shape, output[0], output[1] + 128 * (s.dtype == np.uint8))
        s.operator(name, [x], [y], options, **values)
        return y

    return draw


def softmax(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    y = s.value(x.shape, 1 / 32768 if s.dtype == np.int16 else 1 / 256, -128 if s.dtype == np.int8 else 0)
    s.operator("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=s.pick((1.0, 1.0, 0.5)))
    return y


# --- moving values ----------------------------------------------------------------------------------------------------


def concatenation(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    axis = s.pick((1, 2, 3))
    parts = [x]
    for _ in range(s.number(1, 2)):
        shape = tuple(s.number(1, 20) if i == axis else n for i, n in enumerate(x.shape))
        part = s.value_like(x, shape)
        s.inputs.append(part)
        parts.append(part)
    size = sum(p.shape[axis] for p in parts)
    y = s.value_like(x, tuple(size if i == axis else n for i, n in enumerate(x.shape)))
    s.operator("CONCATENATION", parts, [y], "ConcatenationOptions", Axis=axis, FusedActivationFunction=0)
    return y


def _paddings(s: Sketch, x: Value, limit: int) -> list[list[int]]:
    return [[0, 0], *([min(s.number(0, limit), n - 1), min(s.number(0, limit), n - 1)] for n in x.shape[1:3]), [0, 0]]


def pad(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    paddings = [[0, 0], *([s.number(0, 3), s.number(0, 3)] for _ in range(2)), [0, 0]]
    if s.chance(0.3):
        paddings[3] = [s.number(0, 3), s.number(0, 3)]
    y = s.value_like(x, [n + sum(p) for n, p in zip(x.shape, paddings, strict=True)])
    s.operator("PAD", [x, s.integers(paddings)], [y], "PadOptions")
    return y


def pad_v2(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    paddings = [[0, 0], *([s.number(0, 3), s.number(0, 3)] for _ in range(2)), [0, 0]]
    y = s.value_like(x, [n + sum(p) for n, p in zip(x.shape, paddings, strict=True)])
    s.operator("PADV2", [x, s.integers(paddings), s.constant((1,), x.scale, x.zero_point)], [y], "PadV2Options")
    return y


def mirror_pad(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    paddings = _paddings(s, x, 3)
    y = s.value_like(x, [n + sum(p) for n, p in zip(x.shape, paddings, strict=True)])
    s.operator("MIRROR_PAD", [x, s.integers(paddings)], [y], "MirrorPadOptions", Mode=s.pick((0, 1)))
    return y


def reshape(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    shape = s.pick(((1, width, height, channels), (1, 1, height * width, channels), (1, height, 1, width * channels)))
    y = s.value_like(x, shape)
    s.operator("RESHAPE", [x, s.integers(shape)], [y], "ReshapeOptions", NewShape=list(shape))
    return y


def slice_(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    begin = [0, *(s.number(0, n - 1) for n in x.shape[1:])]
    size = [s.number(1, n - b) for n, b in zip(x.shape, begin, strict=True)]
    y = s.value_like(x, size)
    s.operator("SLICE", [x, s.integers(begin), s.integers(size)], [y], "SliceOptions")
    return y


def strided_slice(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    begin = [0, *(s.number(0, n - 1) for n in x.shape[1:])]
    end = [s.number(b + 1, n) for n, b in zip(x.shape, begin, strict=True)]
    strides = [1, s.pick((1, 1, 2)), s.pick((1, 1, 2)), 1]
    y = s.value_like(x, [-(-(e - b) // t) for b, e, t in zip(begin, end, strides, strict=True)])
    s.operator(
        "STRIDED_SLICE", [x, s.integers(begin), s.integers(end), s.integers(strides)], [y], "StridedSliceOptions",
        BeginMask=0, EndMask=0, EllipsisMask=0, NewAxisMask=0, ShrinkAxisMask=0,
    )  # fmt: skip
    return y


def split(s: Sketch, x: Value) -> Value:
    """Two halves, added again: the network keeps one output."""
    _nhwc(x)
    axis = s.pick([i for i in (1, 2, 3) if x.shape[i] % 2 == 0] or [0])
    if axis == 0:
        raise NotPossibleError
    shape = tuple(n // 2 if i == axis else n for i, n in enumerate(x.shape))
    halves = [s.value_like(x, shape), s.value_like(x, shape)]
    s.operator("SPLIT", [s.integers([axis]), x], halves, "SplitOptions", NumSplits=2)
    y = s.value(shape, x.scale * 1.5)
    s.operator("ADD", halves, [y], "AddOptions", FusedActivationFunction=0)
    return y


def split_v(s: Sketch, x: Value) -> Value:
    """Two unequal parts, of which one is padded to the other's size and added."""
    _, height, width, channels = _nhwc(x)
    if width < 3:
        raise NotPossibleError
    small = s.number(1, (width - 1) // 2)
    parts = [s.value_like(x, (1, height, small, channels)), s.value_like(x, (1, height, width - small, channels))]
    s.operator("SPLIT_V", [x, s.integers([small, width - small]), s.integers([2])], parts, "SplitVOptions", NumSplits=2)
    padded = s.value_like(x, parts[1].shape)
    s.operator("PAD", [parts[0], s.integers([[0, 0], [0, 0], [0, width - 2 * small], [0, 0]])], [padded], "PadOptions")
    y = s.value(padded.shape, x.scale * 1.5)
    s.operator("ADD", [padded, parts[1]], [y], "AddOptions", FusedActivationFunction=0)
    return y


def pack(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    flat = s.value_like(x, (height, width, channels))
    s.operator("RESHAPE", [x, s.integers(flat.shape)], [flat], "ReshapeOptions", NewShape=list(flat.shape))
    other = s.value_like(x, flat.shape)
    s.inputs.append(other)
    y = s.value_like(x, (2, height, width, channels))
    s.operator("PACK", [flat, other], [y], "PackOptions", ValuesCount=2, Axis=0)
    return y


def unpack(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    if height != 2:
        raise NotPossibleError
    parts = [s.value_like(x, (1, width, channels)) for _ in range(2)]
    s.operator("UNPACK", [x], parts, "UnpackOptions", Num=2, Axis=1)
    y = s.value(parts[0].shape, x.scale * 1.5)
    s.operator("ADD", parts, [y], "AddOptions", FusedActivationFunction=0)
    return y


def tile(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    times = [1, s.number(1, 2), s.number(1, 3), s.number(1, 2)]
    y = s.value_like(x, [n * t for n, t in zip(x.shape, times, strict=True)])
    s.operator("TILE", [x, s.integers(times)], [y], "TileOptions")
    return y


def transpose(s: Sketch, x: Value) -> Value:
    _nhwc(x)
    order = s.pick(((0, 2, 1, 3), (0, 1, 3, 2), (0, 3, 2, 1), (0, 3, 1, 2), (0, 2, 3, 1)))
    y = s.value_like(x, [x.shape[i] for i in order])
    s.operator("TRANSPOSE", [x, s.integers(order)], [y], "TransposeOptions")
    return y


def _resize(s: Sketch, x: Value, name: str, options: str, **values: object) -> Value:
    _, height, width, channels = _nhwc(x)
    factor = 2 if values["HalfPixelCenters"] else s.pick((2, 2, 4))
    if height * width > 100 or min(height, width) < 2:
        raise NotPossibleError
    if values["AlignCorners"]:
        size = [(n - 1) * factor + 1 for n in (height, width)]
    else:
        size = [n * factor for n in (height, width)]
    y = s.value_like(x, (1, *size, channels))
    s.operator(name, [x, s.integers(size)], [y], options, **values)
    return y


def resize_bilinear(s: Sketch, x: Value) -> Value:
    align, half = s.pick(((False, False), (True, False), (False, True)))
    return _resize(s, x, "RESIZE_BILINEAR", "ResizeBilinearOptions", AlignCorners=align, HalfPixelCenters=half)


def resize_nearest_neighbor(s: Sketch, x: Value) -> Value:
    options = "ResizeNearestNeighborOptions"
    return _resize(s, x, "RESIZE_NEAREST_NEIGHBOR", options, AlignCorners=s.chance(0.3), HalfPixelCenters=False)


def expand_dims(s: Sketch, x: Value) -> Value:
    _, height, width, channels = _nhwc(x)
    if height != 1:
        raise NotPossibleError
    flat, y = s.value_like(x, (1, width, channels)), s.value_like(x, (1, 1, width, channels))
    s.operator("SQUEEZE", [x], [flat], "SqueezeOptions", SqueezeDims=[1])
    s.operator("EXPAND_DIMS", [flat, s.integers([1])], [y], "ExpandDimsOptions")
    return y


ANYWHERE, LAST = True, False
RECIPES = [
    Recipe("CONV_2D", conv_2d, ANYWHERE, ALL),
    Recipe("DEPTHWISE_CONV_2D", depthwise_conv_2d, ANYWHERE, ALL),
    Recipe("TRANSPOSE_CONV", transpose_conv, ANYWHERE, ALL, not_after=("SLICE",)),
    Recipe("FULLY_CONNECTED", fully_connected, LAST, ALL, 1),
    Recipe("BATCH_MATMUL", batch_matmul, LAST, ("int8",), not_after=("SLICE",)),
    Recipe("MAX_POOL_2D", max_pool_2d, ANYWHERE, ALL),
    Recipe("AVERAGE_POOL_2D", average_pool_2d, LAST, ALL),
    Recipe("MEAN", mean, LAST, ALL),
    Recipe("SUM", reduce_sum, LAST, ("int8",), optimised=True),
    Recipe("REDUCE_MAX", reduce_max, LAST, ("int8",), not_after=("SLICE",)),
    Recipe("REDUCE_MIN", reduce_min, LAST, ("int8",), not_after=("SLICE",)),
    Recipe("ARG_MAX", arg_max, LAST, ("int8",)),
    Recipe("ADD", add, ANYWHERE, ALL),
    Recipe("SUB", sub, ANYWHERE, ALL),
    Recipe("MUL", mul, ANYWHERE, ALL),
    Recipe("MINIMUM", minimum, ANYWHERE, ALL),
    Recipe("MAXIMUM", maximum, ANYWHERE, ALL),
    Recipe("SQUARED_DIFFERENCE", squared_difference, LAST, ("int8",)),
    Recipe("ABS", absolute, LAST, ("int8", "int16")),
    Recipe("NEG", negate, LAST, ("int8",)),
    Recipe("LEAKY_RELU", leaky_relu, ANYWHERE, ALL),
    Recipe("PRELU", prelu, LAST, ("int8",)),
    Recipe("RELU", _rectify("RELU"), ANYWHERE, ALL),
    Recipe("RELU6", _rectify("RELU6"), ANYWHERE, ALL),
    Recipe("RELU_N1_TO_1", _rectify("RELU_N1_TO_1"), ANYWHERE, ("int8",)),
    Recipe("RELU_0_TO_1", _rectify("RELU_0_TO_1"), ANYWHERE, ("int8",)),
    Recipe("QUANTIZE", quantize, ANYWHERE, ALL),
    Recipe("HARD_SWISH", _unary("HARD_SWISH", None, "HardSwishOptions"), ANYWHERE, ("int8",)),
    Recipe("LOGISTIC", _unary("LOGISTIC", (1 / 256, -128)), LAST, ALL),
    Recipe("TANH", _unary("TANH", (1 / 128, 0)), LAST, ALL),
    Recipe("ELU", _unary("ELU", None), LAST, ("int8",), 1, optimised=True),
    Recipe("EXP", _exponential, LAST, ("int8", "int16")),
    Recipe("LOG", _unary("LOG", None), LAST, ("int8", "int16"), 1),
    Recipe("RSQRT", _rsqrt, LAST, ("int8", "int16")),
    Recipe("GELU", _unary("GELU", None, "GeluOptions", Approximate=False), LAST, ("int8",)),
    Recipe("SOFTMAX", softmax, LAST, ALL),
    Recipe("CONCATENATION", concatenation, ANYWHERE, ALL),
    Recipe("PAD", pad, ANYWHERE, ALL),
    Recipe("PADV2", pad_v2, ANYWHERE, ("int8",)),
    Recipe("MIRROR_PAD", mirror_pad, LAST, ALL),
    Recipe("RESHAPE", reshape, ANYWHERE, ALL),
    Recipe("SLICE", slice_, ANYWHERE, ALL),
    Recipe("STRIDED_SLICE", strided_slice, LAST, ALL),
    Recipe("SPLIT", split, ANYWHERE, ALL),
    Recipe("SPLIT_V", split_v, ANYWHERE, ("int8",)),
    Recipe("PACK", pack, ANYWHERE, ("int8",)),
    Recipe("UNPACK", unpack, ANYWHERE, ("int8",)),
    Recipe("TILE", tile, ANYWHERE, ("int8",)),
    Recipe("TRANSPOSE", transpose, LAST, ("int8", "int16")),
    Recipe("RESIZE_BILINEAR", resize_bilinear, LAST, ALL),
    Recipe("RESIZE_NEAREST_NEIGHBOR", resize_nearest_neighbor, ANYWHERE, ALL),
    Recipe("EXPAND_DIMS", expand_dims, ANYWHERE, ("int8",)),
]
