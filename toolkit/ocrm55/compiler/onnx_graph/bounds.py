"""Checks of a graph whose shapes are known: axes and indices lie inside of their tensors, and tensors have sane sizes.

TVM takes indices as they are. Its C then reads outside of the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph.graph import attributes
from ocrm55.compiler.operators import advice
from ocrm55.errors import InputError, UnsupportedError

MOST_VALUES = 1 << 25  # of one tensor; those of detectors for 960 x 960 pixels have 1.1e7
MOST_COMPUTED = 1 << 24  # of constants, by one operator, and what all of them add: TVM computes them at once
Shapes = dict[str, tuple[int, ...]]
Constants = dict[str, np.ndarray]
_TRIES = [advice.REPLACE]


def check(model: onnx.ModelProto) -> None:
    """Check a model whose shapes were inferred, as far as they are known.

    Raises InputError for axes and indices outside of their tensors, UnsupportedError for tensors that are too large and
    for indices that are computed.
    """
    graph = model.graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    shapes: Shapes = {name: value.shape for name, value in constants.items()}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    for name, shape in shapes.items():
        if math.prod(shape) > MOST_VALUES:
            text = "x".join(map(str, shape))
            raise UnsupportedError(f"the tensor {name} is {text}; {MOST_VALUES:,} values are the most.", _TRIES)
    _check_constants(graph, shapes, set(constants))
    for node in graph.node:
        _check_axes(node, shapes)
        for index, size in _indices(node, shapes, constants):
            _check_index(node, index, size)


def least_arena(model: onnx.ModelProto, *, whole: bool) -> int:
    """Bytes that an arena has at least, by the shapes alone: of the largest image that a convolution writes.

    whole: float32, which is there whole. Of int8, which may go stripe by stripe, a row is.
    Of a model whose shapes were inferred, as far as they are known.
    """
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    needed, least = {each.name for each in model.graph.output}, 0
    for node in reversed(model.graph.node):
        if not needed.intersection(node.output):
            continue
        needed.update(node.input)
        shape = shapes.get(node.output[0], []) if node.op_type == "Conv" else []
        if len(shape) == 4:
            least = max(least, 4 * math.prod(shape) if whole else shape[1] * shape[3])
    return least


def _check_constants(graph: onnx.GraphProto, shapes: Shapes, known: set[str]) -> None:
    """Bound the values by which results of operators on constants outnumber their inputs. known: the constants."""
    added = 0
    for node in graph.node:
        if known.issuperset(filter(None, node.input)):
            known.update(node.output)
            after, before = (sum(math.prod(shapes.get(n, (0,))) for n in names) for names in (node.output, node.input))
            added += max(after - before, 0)
    check_added(added, _TRIES)


def check_added(values: int, tries: Sequence[str]) -> None:
    """Raise UnsupportedError for more values than operators on constants may add."""
    if values > MOST_COMPUTED:
        raise UnsupportedError(f"operators on constants add {values:,} values; {MOST_COMPUTED:,} are the most.", tries)


def _check_axes(node: onnx.NodeProto, shapes: Shapes) -> None:
    """The axes that an operator names in its attributes lie in what it reads; those of Unsqueeze in what it writes."""
    values = attributes(node)
    named = shapes.get(node.output[0] if node.op_type == "Unsqueeze" else next(iter(node.input), ""))
    if named is None:
        return
    rank = len(named)
    axes = [values[name] for name in ("axis",) if isinstance(values.get(name), int)]
    axes += [each for name in ("axes", "perm") for each in values.get(name, ())]
    one_more = node.op_type == "Flatten"
    for axis in axes:
        if rank and not -rank <= axis < rank + one_more:
            raise InputError(f"{_named(node)} names the axis {axis} of a tensor that has {rank}.", _TRIES)


def _named(node: onnx.NodeProto) -> str:
    return f"operator {node.op_type} of layer {node.name or node.output[0]}"


def _check_index(node: onnx.NodeProto, index: np.ndarray, size: int) -> None:
    if size and index.size and not -size <= int(index.min()) <= int(index.max()) < size:
        outside = int(index.max()) if int(index.max()) >= size else int(index.min())
        raise InputError(f"{_named(node)} reads the index {outside} of an axis of {size}.", _TRIES)


def _indices(node: onnx.NodeProto, shapes: Shapes, constants: Constants) -> Iterator[tuple[np.ndarray, int]]:
    """Each array of indices of a node, with the size of the axis that it goes along."""
    find = _FINDERS.get(node.op_type)
    if find is None or len(node.input) < 2 or node.input[0] in constants:
        return
    shape, index = shapes.get(node.input[0]), constants.get(node.input[1])
    if index is None:
        raise UnsupportedError(f"{_named(node)} reads at places that are computed.", _TRIES)
    if shape:
        yield from find(attributes(node).get("axis", 0), shape, index)


def _along(axis: int, shape: tuple[int, ...], index: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    yield index, shape[axis]


def _of_each_axis(_axis: int, shape: tuple[int, ...], index: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    for axis in range(min(index.shape[-1] if index.ndim else 0, len(shape))):
        yield index[..., axis], shape[axis]


_FINDERS: dict[str, Callable[[int, tuple[int, ...], np.ndarray], Iterator[tuple[np.ndarray, int]]]] = {
    "Gather": _along,
    "GatherElements": _along,
    "ScatterElements": _along,
    "Scatter": _along,
    "GatherND": _of_each_axis,
    "ScatterND": _of_each_axis,
}
