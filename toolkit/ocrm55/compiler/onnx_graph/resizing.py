"""Resizing written out: which values an output is made of, and their shares, are known when sizes are.

TVM derives the places of values from the sizes alone. ONNX takes them from the scales, and has its own way with halves.
Where both may differ, every axis becomes a gather of the nearest values, or a sum of two (linear) or four (cubic)
gathers times their shares. Elsewhere TVM's one loop over the image takes less memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.graph import Graph, attributes

Places = npt.NDArray[np.int64]
Float = npt.NDArray[np.float32]
WHOLE = ("asymmetric/floor", "half_pixel/round_prefer_floor", "half_pixel/round_prefer_ceil")
_HALF, _ONE = np.float32(0.5), np.float32(1)
_NEAR_A_HALF = 1e-6  # ONNX Runtime takes a place for a half that differs from it by rounding


@dataclass(frozen=True)
class _Axis:
    """An axis of `size` values that gets `outputs`. scale: as ONNX takes it, which may differ from their quotient."""

    axis: int
    size: int
    outputs: int
    scale: np.float32


@dataclass(frozen=True)
class _Tap:
    """For each output of an axis, the place of a value and its share."""

    places: Places
    shares: Float


def write_out(graph: Graph, node: onnx.NodeProto) -> str:
    """Edit a graph: a Resize becomes gathers and sums, or stays. Returns why it cannot be compiled; empty if it can."""
    given, shape = _text_attributes(node), graph.shape(node.input[0])
    axes = _axes(graph, node, given, shape)
    if axes is None:
        return ""  # TVM's importer refuses sizes that are computed
    mode, way = given.get("mode", "nearest"), given.get("coordinate_transformation_mode", "half_pixel")
    shrinks = any(each.scale < 1 for each in axes)
    if way not in _COORDINATES or mode not in ("nearest", "linear", "cubic"):
        return f"it resizes by {way}" if way not in _COORDINATES else f"its mode is {mode}"
    if given.get("antialias", 0) and shrinks and mode != "nearest":
        return "it makes an image smaller with antialias"
    rounding = given.get("nearest_mode", "round_prefer_floor")
    if mode == "nearest":
        stays = f"{way}/{rounding}" in WHOLE and _is_whole(axes, shape)  # kernels read each value several times
    else:
        before = graph.producer(node.input[0])
        is_int8 = before is not None and before.op_type == "DequantizeLinear"  # which lowering refuses
        stays = is_int8 or _is_known_to_tvm(axes, way, given)
    if stays:
        return ""
    same = all(each.outputs == each.size for each in axes)  # whatever the scales: ONNX Runtime copies it
    changed = sorted((each for each in axes if each.scale != 1 and not same), key=lambda each: each.outputs / each.size)
    taps = [(each, _taps(each, mode, way, rounding, given)) for each in changed]
    _replace(graph, node, taps)
    return ""


def _text_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {name: each.decode() if isinstance(each, bytes) else each for name, each in attributes(node).items()}


def _axes(graph: Graph, node: onnx.NodeProto, given: dict[str, Any], shape: Sequence[int]) -> list[_Axis] | None:
    """All axes of the input; None where sizes are not known."""
    names = [*node.input, "", "", ""]
    scales, sizes = (graph.constants.get(name) for name in names[2:4])
    outputs = graph.shape(node.output[0])
    if not shape or not all(shape) or len(outputs) != len(shape) or not all(outputs):
        return None
    chosen = [int(axis) % len(shape) for axis in given.get("axes", range(len(shape)))]
    factors = np.ones(len(shape), np.float32)
    if scales is not None and scales.size == len(chosen):
        factors[chosen] = scales.reshape(-1)
    elif sizes is not None and sizes.size == len(chosen):
        policy = given.get("keep_aspect_ratio_policy", "stretch")
        wanted = sizes.reshape(-1).astype(np.float32) / np.asarray([shape[axis] for axis in chosen], np.float32)
        kept = {"not_larger": wanted.min(), "not_smaller": wanted.max()}.get(policy)
        factors[chosen] = wanted if kept is None else kept
    else:
        return None
    return [_Axis(axis, *each) for axis, each in enumerate(zip(shape, outputs, factors, strict=True))]


def _is_whole(axes: Sequence[_Axis], shape: Sequence[int]) -> bool:
    """Whether an image is enlarged by whole factors in its height and width."""
    kept = all(each.outputs == each.size for each in axes[:2])
    return len(shape) == 4 and kept and all(each.outputs == each.size * int(each.scale) for each in axes)


def _is_known_to_tvm(axes: Sequence[_Axis], way: str, given: dict[str, Any]) -> bool:
    """Whether TVM computes the same, linear or cubic: the scales of an image's height and width are those of sizes."""
    exact = all(each.scale == np.float32(each.outputs) / np.float32(each.size) for each in axes)
    is_image = len(axes) == 4 and all(each.outputs == each.size for each in axes[:2])
    lines = any(each.outputs == 1 for each in axes[2:])
    plain = not {"axes", "exclude_outside", "cubic_coeff_a"}.intersection(given)
    return exact and is_image and plain and not lines and way in ("half_pixel", "asymmetric", "align_corners")


# --- coordinates -----------------------------------------------------------------------------------------------------


def _half_pixel(x: Float, axis: _Axis) -> Float:
    return (x + _HALF) / axis.scale - _HALF


def _pytorch(x: Float, axis: _Axis) -> Float:
    return _half_pixel(x, axis) if axis.outputs > 1 else np.zeros_like(x)


def _symmetric(x: Float, axis: _Axis) -> Float:
    lost = _ONE - np.float32(axis.outputs) / (axis.scale * np.float32(axis.size))
    first = np.float32(axis.size) / np.float32(2) * lost
    return (float(first) + (x.astype(np.float64) + 0.5) / float(axis.scale) - 0.5).astype(np.float32)


def _corners(x: Float, axis: _Axis) -> Float:
    return np.zeros_like(x) if axis.outputs == 1 else x * np.float32(axis.size - 1) / np.float32(axis.outputs - 1)


_COORDINATES: dict[str, Callable[[Float, _Axis], Float]] = {  # of an output's centre, in the input; float32 as ONNX's
    "half_pixel": _half_pixel,
    "pytorch_half_pixel": _pytorch,
    "half_pixel_symmetric": _symmetric,
    "asymmetric": lambda x, axis: x / axis.scale,
    "align_corners": _corners,
    "tf_half_pixel_for_nn": lambda x, axis: (x + _HALF) / axis.scale,
}


def _rounded(x: Float, rounding: str) -> Places:
    if rounding == "floor":
        return np.floor(x).astype(np.int64)
    if rounding == "ceil":
        return np.ceil(x).astype(np.int64)
    below, fraction = np.floor(x).astype(np.int64), x.astype(np.float64) - np.floor(x)
    is_half = np.abs(fraction - 0.5) <= _NEAR_A_HALF
    return below + np.where(is_half, rounding == "round_prefer_ceil", fraction > 0.5)


# --- values and shares -----------------------------------------------------------------------------------------------


def _taps(axis: _Axis, mode: str, way: str, rounding: str, given: dict[str, Any]) -> list[_Tap]:
    """What the outputs of an axis are made of: places in 0 .. size - 1, and shares."""
    x = _COORDINATES[way](np.arange(axis.outputs, dtype=np.float32), axis).astype(np.float32)
    last = axis.size - 1
    if mode == "nearest":
        return [_Tap(np.clip(_rounded(x, rounding), 0, last), np.ones_like(x))]
    if mode == "linear":
        x = np.clip(x, 0, last)
        low = np.floor(x).astype(np.int64)
        share = x - low.astype(np.float32)
        taps = [_Tap(low, _ONE - share), _Tap(np.minimum(low + 1, last), share)]
    else:
        low = np.floor(x).astype(np.int64)
        shares = _cubic(x - low.astype(np.float32), float(given.get("cubic_coeff_a", -0.75)))
        places = [low + step for step in (-1, 0, 1, 2)]
        if given.get("exclude_outside", 0):
            shares = [np.where((0 <= at) & (at <= last), s, 0) for at, s in zip(places, shares, strict=True)]
            shares = [each / sum(shares) for each in shares]
        taps = [_Tap(np.clip(at, 0, last), s.astype(np.float32)) for at, s in zip(places, shares, strict=True)]
    return [tap for tap in taps if tap.shares.any()]


def _cubic(share: Float, a: float) -> list[npt.NDArray[np.float64]]:
    """The shares of the values at -1, 0, 1 and 2, for one between 0 and 1; a: the cubic's coefficient."""
    t = share.astype(np.float64)

    def far(d: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    def near(d: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


# --- nodes -----------------------------------------------------------------------------------------------------------


def _replace(graph: Graph, node: onnx.NodeProto, axes: Sequence[tuple[_Axis, list[_Tap]]]) -> None:
    name, rank, nodes = str(node.output[0]), len(graph.shape(node.input[0])), []
    current = str(node.input[0])
    for axis, taps in axes:
        parts = []
        for number, tap in enumerate(taps):
            part = f"{name}.{axis.axis}.{number}"
            graph.constants[f"{part}.places"] = tap.places
            nodes.append(helper.make_node("Gather", [current, f"{part}.places"], [part], node.name, axis=axis.axis))
            if not (tap.shares == 1).all():
                shape = [-1 if place == axis.axis else 1 for place in range(rank)]
                graph.constants[f"{part}.shares"] = tap.shares.reshape(shape)
                nodes.append(helper.make_node("Mul", [part, f"{part}.shares"], [f"{part}.times"], node.name))
                part = f"{part}.times"
            parts.append(part)
        current = parts[0]
        for number, part in enumerate(parts[1:]):
            total = f"{name}.{axis.axis}.sum{number}"
            nodes.append(helper.make_node("Add", [current, part], [total], node.name))
            current = total
    if not nodes:
        nodes.append(helper.make_node("Identity", [current], [current], node.name))
    nodes[-1].output[0] = name
    graph.replace(node, nodes, {})
    graph.forget_shapes()
