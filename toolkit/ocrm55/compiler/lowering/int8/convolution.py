"""Convolutions and fully connected layers, with the bias and the activation that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ocrm55.compiler.lowering.flat import Node, shape_of
from ocrm55.compiler.lowering.functions import function_after
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, has_one_step, step_of
from ocrm55.compiler.lowering.int8.epilogues import (
    channel_tables,
    epilogue_of,
    function_table,
    needs_tables,
    prefers_tables,
)
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, image_index, rows_by_channels
from ocrm55.compiler.operators.dead_taps import trim
from ocrm55.compiler.operators.float32 import Conv2d, DepthwiseConv2d
from ocrm55.compiler.operators.groups import dense, is_computed
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError


def _convolution(s: Lowering, node: Node) -> None:
    attrs, (image, weight) = node.value.attrs, node.args
    layer = s.function.layer(node)
    weights = s.weights(weight, 0, layer)
    source = s.values[image.name]
    _, channels, height, width = shape_of(image)
    if weights is None or attrs.data_layout != "NCHW" or any(int(d) != 1 for d in attrs.dilation):
        raise UnsupportedError(f"convolution {layer} is not quantised, or dilated.", TRIES)
    q, scale = weights
    groups, outputs = int(attrs.groups), len(q)
    if not is_computed(groups, channels, outputs):
        q, groups = dense(q, groups), 1
    bias, bias_scale, biased = s.bias(node, outputs, 1)
    activation, last, absorbed = function_after(s.function, biased)
    kind = Conv2d if groups == 1 else DepthwiseConv2d
    top, left, bottom, right = (int(p) for p in attrs.padding)
    spec: Conv2d = kind(
        channels, height, width, outputs, (int(q.shape[2]), int(q.shape[3])),
        (int(attrs.strides[0]), int(attrs.strides[1])), (top, left, bottom, right), activation,
    )  # fmt: skip
    if groups == 1:  # dead rows of kernels, such as 3x3 over an image of one row
        spec, q = trim(spec, q)
    origin = Origin(spec.output_height * spec.output_width, outputs, layer)
    index = image_index(spec.output_height, spec.output_width, outputs)
    if (pixels := _pixel_order(source)) is not None and _kind(spec) is Pointwise:
        source = _in_stored_order(source)
        index = (pixels[..., None] * outputs + np.arange(outputs)).transpose(0, 3, 1, 2)
    origin.write = convolution_writer(s.build, origin, source, spec, Factor(q, scale, bias, bias_scale))
    s.absorb(last, [node, biased, *absorbed])
    s.bind(last, origin, index)


def _pixel_order(source: Value) -> np.ndarray | None:
    """Which pixel of the stored tensor each pixel of an image is, [1, height, width], if that holds the same pixels in
    another order; None for any other value. A layer that sees one pixel at a time may follow the stored order.
    """
    order = rows_by_channels(source.index)
    channels = order.shape[-1]
    if order.size != source.origin.count or source.is_scaled or not has_one_step(source.origin):
        return None
    pixels = order[..., 0] // channels
    if source.origin.gaps is not None or not np.array_equal(order, pixels[..., None] * channels + np.arange(channels)):
        return None
    is_other = not np.array_equal(pixels.reshape(-1), np.arange(pixels.size))
    return pixels if is_other and np.array_equal(np.unique(pixels), np.arange(pixels.size)) else None


def _in_stored_order(source: Value) -> Value:
    """An image of the same pixels as they are stored."""
    _, channels, height, width = source.index.shape
    found = source.origin
    assert found.quantised is not None
    quantised = Quantization(np.full(channels, found.quantised.step, np.float32), found.quantised.zero_point)
    origin = Origin(height * width, channels, found.layer, int8=found.int8, quantised=quantised)
    return Value(origin, image_index(height, width, channels))


def fully_connected(s: Lowering, node: Node) -> None:
    """A product with a weight: a convolution with a window of one pixel, whose pixels are the left side's rows."""
    left, right = node.args
    a, layer = s.value(left), s.function.layer(node)
    weights = s.weights(right, 1, layer)
    if a is None or weights is None or weights[0].ndim != 2:
        raise UnsupportedError(f"product {layer} is not quantised.", TRIES)
    q, scale = weights
    depth, columns = q.shape
    rows = prod(shape_of(left)[:-1])
    bias, bias_scale, biased = s.bias(node, columns, -1)
    activation, last, absorbed = function_after(s.function, biased)
    spec = Conv2d(depth, 1, rows, columns, (1, 1), (1, 1), (0, 0, 0, 0), activation)
    origin = Origin(rows, columns, layer)
    factor = Factor(np.ascontiguousarray(q.T).reshape(columns, depth, 1, 1), scale, bias, bias_scale)
    origin.write = convolution_writer(s.build, origin, a, spec, factor, image=False)
    s.absorb(last, [node, biased, *absorbed])
    s.bind(last, origin, np.arange(rows * columns).reshape(last.shape))


SAME_BIAS = 1e-6  # of a bias's scale, in parts: more than float32 rounds it by
_FAR = 2.0**40  # beyond any int32


@dataclass(frozen=True)
class Factor:
    """The constant side of a product: weights int8 in ONNX's order, a scale for each output, bias int32.

    bias_scale: of the bias, as the model says it; None without a bias.
    """

    weights: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    bias_scale: np.ndarray | None = None

    def bias_in(self, step: np.ndarray) -> np.ndarray:
        """The bias in steps of the sums, int64. Most models have it so, but for float32's rounding."""
        if self.bias_scale is None:
            return self.bias.astype(np.int64)
        ratio = self.bias_scale.astype(np.float64) / step
        moved = np.nan_to_num(np.rint(self.bias * ratio), nan=0.0, posinf=_FAR, neginf=-_FAR)
        return np.where(np.abs(ratio - 1) < SAME_BIAS, self.bias, np.clip(moved, -_FAR, _FAR)).astype(np.int64)


def _checked(bias: np.ndarray, weights: np.ndarray, layer: str) -> np.ndarray:
    """The bias as int32. Raises UnsupportedError where a sum of products and bias could leave int32."""
    largest = 128 * np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1)
    if (np.abs(bias.astype(np.int64)) + largest).max() >= 1 << 31:
        raise _overflow(layer)
    return bias.astype(np.int32)


def _folded(factor: Factor, step: np.ndarray, zero_point: int, layer: str) -> np.ndarray:
    try:
        return tables.fold_zero_point(factor.weights, factor.bias_in(step), zero_point)
    except ValueError as trouble:
        raise _overflow(layer) from trouble


def _overflow(layer: str) -> UnsupportedError:
    return UnsupportedError(
        f"the sums of layer {layer} can leave 32 bits: its bias is too large for its scale.",
        ["--precision float32", "quantise the model with a larger scale in front of this layer"],
    )


def convolution_writer(
    build: Builder, origin: Origin, source: Value, spec: Conv2d, factor: Factor, *, image: bool = True
) -> Writer:
    """A convolution, or a fully connected layer, with its bias and activation. image: or the source is rows."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        layer = origin.layer
        name, read = build.integers(source, layer, image=image)
        if isinstance(spec, DepthwiseConv2d) and len(read.scale) == spec.outputs:
            step = read.scale.astype(np.float64)
        else:
            step = np.full(spec.outputs, step_of(read, source.origin.layer), np.float64)
        step = step * factor.scale.astype(np.float64)
        bias = _folded(factor, step, read.zero_point, layer)
        sums = 255 * np.abs(factor.weights.astype(np.int64)).reshape(spec.outputs, -1).sum(1) + np.abs(bias)
        reach = sums * np.abs(step)
        if quantised is not None and (prefers_tables(spec, quantised) or needs_tables(spec, quantised)):
            epilogue, arrays, centre = channel_tables(spec.activation, step, quantised, reach)
            bias = bias - centre
        elif quantised is not None and spec.activation.kind == "table":
            epilogue, arrays, centre = function_table(spec.activation, step, quantised, float(reach.max()))
            bias = bias - centre
        else:
            epilogue, arrays = epilogue_of(spec.activation, step, quantised, spec.outputs)
        bias = _checked(bias, factor.weights, layer)
        shape = (1, spec.output_height, spec.output_width, spec.outputs)
        dtype = "int8" if quantised is not None else "float32"
        operator = _kind(spec)(
            spec.channels, spec.height, spec.width, spec.outputs, spec.output_height, spec.output_width,
            spec.kernel, spec.strides, (spec.pads[0], spec.pads[1]), read.zero_point, epilogue,
        )  # fmt: skip
        inputs = [name, build.weight(factor.weights, layer, "weights"), build.weight(bias, layer, "bias")]
        inputs += [build.weight(data, layer, what) for what, data in arrays.items()]
        return build.operator(operator, inputs, build.tensor(shape, dtype, layer), layer)

    return write


def _kind(spec: Conv2d) -> type[Convolution]:
    if isinstance(spec, DepthwiseConv2d):
        return Depthwise
    plain = spec.kernel == (1, 1) and spec.strides == (1, 1) and not any(spec.pads)
    return Pointwise if plain else Convolution


VISITORS: dict[str, Visitor] = {
    "relax.nn.conv2d": _convolution,
}
