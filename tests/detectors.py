"""Small text detectors with random weights: PP-OCR's parts (residual backbone, neck with gates, DB head)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NECK = 16  # channels of the neck's maps; each of the four that are joined has a fourth


class _Network:
    """An ONNX graph under construction, as paddle2onnx writes it: hard-swish in four operators, batch norms apart."""

    def __init__(self, seed: int, *, affine: bool) -> None:
        self.affine = affine
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.channels = {"x": 3}

    def constant(self, value: np.ndarray | list[float]) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def node(self, kind: str, inputs: list[str], channels: int | None = None, **given: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], f"{kind.lower()}_{len(self.nodes)}", **given))
        self.channels[name] = self.channels[inputs[0]] if channels is None else channels
        return name

    def conv(self, x: str, outputs: int, kernel: int = 1, stride: int = 1, *, depthwise: bool = False) -> str:
        """A convolution with a batch norm."""
        inputs = 1 if depthwise else self.channels[x]
        weight = self.rng.normal(0, 1 / np.sqrt(inputs * kernel * kernel), (outputs, inputs, kernel, kernel))
        pads, group = [kernel // 2] * 4, outputs if depthwise else 1
        made = self.node(
            "Conv", [x, self.constant(weight)], outputs,
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=group,
        )  # fmt: skip
        return self.norm(made)

    def norm(self, x: str) -> str:
        count = self.channels[x]
        numbers = (self.rng.uniform(0.6, 1.4, count), self.rng.normal(0, 0.3, count), self.rng.normal(0, 0.2, count))
        variance = self.rng.uniform(0.5, 1.5, count)
        return self.node("BatchNormalization", [x, *map(self.constant, (*numbers, variance))])

    def hard_swish(self, x: str) -> str:
        clipped = self.node("Clip", [self.node("Add", [x, self.constant([3])]), *map(self.constant, (0, 6))])
        made = self.node("Div", [self.node("Mul", [x, clipped]), self.constant([6])])
        if not self.affine:
            return made
        gain, offset = self.rng.uniform(0.4, 1.5), self.rng.uniform(-0.9, 0.3)
        return self.node("Add", [self.node("Mul", [made, self.constant([gain])]), self.constant([offset])])

    def gated(self, x: str) -> str:
        """x + x * gate, with a hard-sigmoid of Paddle's older slope."""
        channels = self.channels[x]
        means = self.node("Relu", [self.conv(self.node("GlobalAveragePool", [x]), channels // 4)])
        gate = self.node("HardSigmoid", [self.conv(means, channels)], alpha=0.2, beta=0.5)
        return self.node("Add", [x, self.node("Mul", [x, gate])])

    def up(self, x: str, factor: int) -> str:
        scales = self.constant([1, 1, factor, factor])
        how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.node("Resize", [x, self.constant([]), scales], **how)

    def transposed(self, x: str, outputs: int) -> str:
        weight = self.rng.normal(0, 1 / np.sqrt(self.channels[x]), (self.channels[x], outputs, 2, 2))
        names = [self.constant(weight), self.constant(self.rng.normal(0, 0.2, outputs))]
        return self.node("ConvTranspose", [x, *names], outputs, kernel_shape=[2, 2], strides=[2, 2])


def detector(seed: int, opset: int = 11, *, affine: bool = False) -> onnx.ModelProto:
    """A detector for pictures of any height and width, multiples of 32.

    opset: 11 or newer. affine: with PPLCNetV3's factor and offset behind each hard-swish.
    """
    n = _Network(seed, affine=affine)
    x = n.hard_swish(n.conv("x", 8, 3, 2))
    maps = []
    for channels in (8, 12, 16, 20):
        inner = n.hard_swish(n.conv(n.hard_swish(n.conv(x, 2 * channels)), 2 * channels, 3, 2, depthwise=True))
        x = n.conv(inner, channels)
        wide = n.node("Relu", [n.conv(x, 2 * channels)])
        inner = n.node("Relu", [n.conv(wide, 2 * channels, 5, depthwise=True)])
        x = n.node("Add", [x, n.conv(inner, channels)])
        maps.append(x)
    inputs = [n.gated(n.conv(each, NECK)) for each in maps]
    sums = inputs[-1:]
    for each in inputs[-2::-1]:
        sums.insert(0, n.node("Add", [each, n.up(sums[0], 2)]))
    parts = [n.gated(n.conv(each, NECK // 4, 3)) for each in sums]
    raised = [each if place == 0 else n.up(each, 1 << place) for place, each in enumerate(parts)]
    joined = n.node("Concat", raised[::-1], NECK, axis=1)
    head = n.node("Relu", [n.conv(joined, NECK // 4, 3)])
    head = n.node("Relu", [n.norm(n.transposed(head, NECK // 4))])
    n.node("Sigmoid", [n.transposed(head, 1)])
    n.nodes[-1].output[0] = "map"
    sizes = ["batch", 3, "height", "width"], ["batch", 1, "height", "width"]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
        for name, size in zip(("x", "map"), sizes, strict=True)
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in n.constants.items()]
    graph = helper.make_graph(n.nodes, "detector", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write(path: Path, seed: int, opset: int = 11, *, affine: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(detector(seed, opset, affine=affine), str(path))
    return path
