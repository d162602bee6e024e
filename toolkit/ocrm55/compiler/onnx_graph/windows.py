"""Borders of convolutions and pools, written out: neither the integer kernels nor TVM know all ways to ask for them.

`auto_pad` and `ceil_mode` leave it to the size of the image how wide its border is. All sizes are known here.
"""

from __future__ import annotations

import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.errors import UnsupportedError

POOLS = ("MaxPool", "AveragePool")
DILATED = (*POOLS, "LpPool")


def write_borders_out(graph: Graph) -> None:
    """Edit a graph: `pads` where it had `auto_pad` or `ceil_mode`. Raises UnsupportedError for unclear borders."""
    for node in graph.nodes:
        _check_dilated(node)
        if node.op_type != "Conv" and node.op_type not in POOLS:
            continue
        given = attributes(node)
        auto, ceil = given.get("auto_pad", b"NOTSET").decode(), bool(given.get("ceil_mode", 0))
        size = graph.shape(node.input[0])[2:]
        kernel = given.get("kernel_shape") or graph.shape(node.input[1])[2:]
        if (auto == "NOTSET" and not ceil) or len(size) != len(kernel) or not all(size):
            continue
        if ceil and given.get("count_include_pad", 0):  # the border of `ceil_mode` is not counted, that of `pads` is
            continue
        strides, dilations = (given.get(name) or [1] * len(size) for name in ("strides", "dilations"))
        pads = list(given.get("pads") or [0] * 2 * len(size)) if auto == "NOTSET" else [0] * 2 * len(size)
        for axis, reach in enumerate((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)):
            if auto.startswith("SAME"):
                outputs = -(-size[axis] // strides[axis])
                border = max((outputs - 1) * strides[axis] + reach - size[axis], 0)
                first = (border + (auto == "SAME_LOWER")) // 2
                pads[axis], pads[axis + len(size)] = first, border - first
            elif ceil:
                pads[axis + len(size)] = _last_border(size[axis], reach, strides[axis], *pads[axis :: len(size)])
        _write(node, pads)


def _check_dilated(node: onnx.NodeProto) -> None:
    """Refuse a dilated pool with a border as wide as its output needs: ONNX Runtime forgets the dilation there."""
    given = attributes(node)
    auto = given.get("auto_pad", b"NOTSET").decode()
    if node.op_type in DILATED and auto.startswith("SAME") and any(each > 1 for each in given.get("dilations") or ()):
        raise UnsupportedError(
            f"pooling {node.name or node.output[0]} is dilated, and ONNX and ONNX Runtime disagree about its border by "
            f"auto_pad {auto}.",
            ["pads in place of auto_pad"],
        )


def _last_border(size: int, reach: int, stride: int, before: int, after: int) -> int:
    """The border behind an image with which the number of windows, rounded up, is a whole one."""
    outputs = -(-(size + before + after - reach) // stride) + 1
    if (outputs - 1) * stride >= size + before:  # a window that starts behind the image is none
        outputs -= 1
    return max((outputs - 1) * stride + reach - size - before, 0)


def _write(node: onnx.NodeProto, pads: list[int]) -> None:
    kept = [each for each in node.attribute if each.name not in ("auto_pad", "ceil_mode", "pads")]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("pads", pads)])
