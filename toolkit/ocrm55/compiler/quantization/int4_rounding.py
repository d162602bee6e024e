"""Round weights to four bits so that the layer's sums, not the weights themselves, have the least error.

Weights are rounded one input after the other. The weights of the remaining inputs make up for the loss of the sums, as
far as these inputs vary together (GPTQ, E. Frantar et al., arXiv 2210.17323). The calibration images show how they
vary. An output's mean is not part of this, because the bias corrects it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.quantization import calibration
from ocrm55.compiler.quantization.kinds import Family, has_weights, kind_of

LEAST, MOST = -8, 7
SHARES = np.linspace(1.0, 0.6, 9)  # shares of a channel's largest weight at which the range may end
SEEN = 256  # pixels of an image that count; neighbours are nearly equal
DAMPING = 0.01  # share of the inputs' mean variance that is added to each; it keeps the inverse stable
DAMPED_AGAIN = 6  # times, each ten times as much
BLOCK = 64  # inputs whose errors are passed on together

Array = np.ndarray


@dataclass(frozen=True)
class Inputs:
    """Statistics of a layer's inputs over the calibration images.

    taps: the weights of an output that ever meet more than the border: bool [weights of an output]. mean: [taps].
    covariance: [taps, taps].
    """

    taps: Array
    mean: Array
    covariance: Array


@dataclass(frozen=True)
class Rounded:
    """A layer's weights in int4, stored as int8 of the weights' own shape.

    scale: float32, one for each output. lost: the change of each sum's mean by rounding. snr: of the sums, in dB.
    """

    values: Array
    scale: Array
    lost: Array
    snr: float

    def real(self, axis: int) -> Array:
        """The real values of the weights: float32."""
        return (self.values * self.scale.reshape(_spread(self.values.ndim, axis))).astype(np.float32)


def inputs_of(graph: Graph, weights: Sequence[str], images: Sequence[Array]) -> dict[str, Inputs]:
    """Statistics of the inputs of the layers with these weights; a folded float network runs on `images`."""
    layers = {str(n.input[1]): n for n in graph.nodes if has_weights(graph, n) and n.input[1] in weights}
    windows = {name: _Window.of(node, graph) for name, node in layers.items()}
    sources = sorted({str(node.input[0]) for node in layers.values()})
    sums: dict[str, Array] = {}
    products: dict[str, Array] = {}
    counts = dict.fromkeys(layers, 0)
    for values in calibration.runs(graph.model(), sources, images):
        for name, node in layers.items():
            rows = windows[name].rows(values[str(node.input[0])])
            sums[name] = sums.get(name, 0) + rows.sum(axis=0, dtype=np.float64)
            products[name] = products.get(name, 0) + (rows.T @ rows).astype(np.float64)
            counts[name] += len(rows)
    found = {}
    for name, window in windows.items():
        mean = sums[name] / counts[name]
        found[name] = Inputs(window.taps, mean, products[name] / counts[name] - np.outer(mean, mean))
    return found


def rounded(
    weights: Array,
    axis: int,
    inputs: Inputs,
    fitted: Callable[[Array], Array],
    ends: tuple[int, int] = (LEAST, MOST),
    shares: Array = SHARES,
    keeps_borders: bool = False,
) -> Rounded:
    """Weights in int4; each output has the scale with the least error of its sums.

    ends: other integers than those of int4. shares: of the largest weight, at which the range may end.
    fitted: turns scales, float32 [outputs], into ones at least as large that the kernels requantise exactly.
    keeps_borders: weights that meet nothing but the border go to the nearest integer, not to zero.
    """
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.float64)
    live = rows[:, inputs.taps]
    reach = np.maximum(np.abs(rows).max(axis=1), 1e-8) / ends[1]
    scales = np.asarray([fitted((share * reach).astype(np.float32)) for share in shares])
    q = _compensated(np.tile(live, (len(scales), 1)), scales.reshape(-1).astype(np.float64), inputs.covariance, ends)
    q = q.reshape(len(scales), *live.shape)
    lost = live - q * scales[:, :, None].astype(np.float64)
    errors = _power(lost, inputs.covariance)
    best, each = errors.argmin(axis=0), np.arange(len(rows))
    whole = np.clip(np.rint(rows / scales[best, each, None]), *ends) if keeps_borders else np.zeros(rows.shape)
    whole[:, inputs.taps] = q[best, each]
    shape = (weights.shape[axis], *np.delete(weights.shape, axis))
    values = np.moveaxis(whole.reshape(shape), 0, axis).astype(np.int8)
    signal, noise = _power(live, inputs.covariance).sum(), errors[best, each].sum()
    snr = float(10 * np.log10(max(signal, 1e-30) / max(noise, 1e-30)))
    return Rounded(np.ascontiguousarray(values), scales[best, each], lost[best, each] @ inputs.mean, snr)


def _compensated(rows: Array, scales: Array, covariance: Array, ends: tuple[int, int]) -> Array:
    """Integers for real rows [rows, inputs], each row with its scale. Inputs that vary most come first."""
    order = np.argsort(-np.diagonal(covariance), kind="stable")
    upper = _upper(covariance[np.ix_(order, order)])
    left, q = rows[:, order], np.zeros(rows.shape)
    for start in range(0, len(order), BLOCK):
        end = min(start + BLOCK, len(order))
        errors = np.zeros((len(rows), end - start))
        for i in range(start, end):
            q[:, i] = np.clip(np.rint(left[:, i] / scales), *ends)
            error = (left[:, i] - q[:, i] * scales) / upper[i, i]
            left[:, i:end] -= np.outer(error, upper[i, i:end])
            errors[:, i - start] = error
        left[:, end:] -= errors @ upper[start:end, end:]
    return q[:, np.argsort(order)]


def _upper(covariance: Array) -> Array:
    """The upper Cholesky factor of the inverse; damped more where few pictures leave it without one."""
    damping = max(DAMPING * float(np.diagonal(covariance).mean()), 1e-12)
    for _ in range(DAMPED_AGAIN):
        try:
            inverse = np.linalg.inv(covariance + damping * np.eye(len(covariance)))
            return np.linalg.cholesky((inverse + inverse.T) / 2).T
        except np.linalg.LinAlgError:
            damping *= 10
    return np.eye(len(covariance))  # each input by itself


def _power(rows: Array, covariance: Array) -> Array:
    """Variance of the sums of rows [.., inputs] over inputs with this covariance."""
    return np.einsum("...i,...i->...", rows @ covariance, rows)


def _spread(axes: int, axis: int) -> list[int]:
    return [-1 if i == axis else 1 for i in range(axes)]


@dataclass(frozen=True)
class _Window:
    """The values of a layer's input that one output's weights multiply. kernel: None for a product.

    used: rows and columns of the window that ever meet more than the border.
    """

    kernel: tuple[int, int] | None = None
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    channels: int = 0
    used: tuple[slice, slice] = (slice(None), slice(None))

    @classmethod
    def of(cls, node: onnx.NodeProto, graph: Graph) -> _Window:
        weights = graph.constants[node.input[1]]
        if kind_of(graph, node).family is not Family.CONVOLUTION:
            return cls(channels=len(weights))
        given, kernel = attributes(node), (int(weights.shape[2]), int(weights.shape[3]))
        strides, pads = tuple(given.get("strides", (1, 1))), tuple(given.get("pads", (0, 0, 0, 0)))
        extents, outputs = graph.shape(node.input[0])[2:], graph.shape(node.output[0])[2:]
        rows, columns = (_meeting(kernel[i], strides[i], pads[i], extents[i], outputs[i]) for i in (0, 1))
        return cls(kernel, strides, pads, weights.shape[1], (rows, columns))

    @property
    def taps(self) -> Array:
        if self.kernel is None:
            return np.ones(self.channels, bool)
        used = np.zeros((self.channels, *self.kernel), bool)
        used[:, *self.used] = True
        return used.reshape(-1)

    def rows(self, values: Array) -> Array:
        """float32 [pixels that count, taps] of one image's tensor."""
        if self.kernel is None:
            return _some(values.reshape(-1, values.shape[-1]))
        top, left, bottom, right = self.pads
        padded = np.pad(values[0], ((0, 0), (top, bottom), (left, right)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (len(padded), *self.kernel))[
            0
        ]  # y, x, then a window
        windows = windows[:: self.strides[0], :: self.strides[1], :, *self.used]
        y, x = _some(np.indices(windows.shape[:2]).reshape(2, -1).T).T
        return windows[y, x].reshape(len(y), -1)


def _some(rows: Array) -> Array:
    return rows[:: -(-len(rows) // SEEN)]


def _meeting(kernel: int, stride: int, pad: int, extent: int, outputs: int) -> slice:
    """The places of the window that meet the picture for at least one output."""
    last = (outputs - 1) * stride - pad
    meets = [k for k in range(kernel) if k - pad < extent and last + k >= 0]
    return slice(meets[0], meets[-1] + 1)
