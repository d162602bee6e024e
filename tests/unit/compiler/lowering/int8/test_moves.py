"""int8 values in orders that no kernel walks are copied: random chains of moves against ONNX Runtime, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.compiler import artifact as artifacts
from ocrm55.compiler import pipeline
from ocrm55.compiler.artifact import Contents
from ocrm55.compiler.memory import planner
from ocrm55.compiler.operators import strided
from ocrm55.compiler.operators.int8.moves import AXES, Gather, Move
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.pipeline import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.base import assign
from ocrm55.compiler.targets.m55.target import M55Target
from tests.unit.compiler.graphs import quantised
from tests.unit.compiler.host_program import HostProgram, build_host
from tests.unit.compiler.onnx_networks import network, reference

INT8 = CompileOptions(precision="int8")
STEP, ZERO = np.float32(0.05), np.int8(-3)


@dataclass
class Chain:
    """A network of moves that grows; every tensor has one quantisation."""

    random: np.random.Generator
    shape: tuple[int, ...]
    nodes: list[tuple] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=lambda: {"s": STEP, "z": ZERO})
    last: str = "x"

    def __post_init__(self) -> None:
        self.input = self.shape
        self.quantise()

    def add(self, operator: str, inputs: list[str], **attributes: object) -> None:
        name = f"t{len(self.nodes)}"
        self.nodes.append((operator, inputs, name, attributes))
        self.last = name

    def constant(self, values: list[int]) -> str:
        name = f"c{len(self.weights)}"
        self.weights[name] = np.array(values, np.int64)
        return name

    def quantise(self) -> None:
        self.add("QuantizeLinear", [self.last, "s", "z"])
        self.add("DequantizeLinear", [self.last, "s", "z"])

    def transpose(self) -> None:
        order = [int(a) for a in self.random.permutation(len(self.shape))]
        self.add("Transpose", [self.last], perm=order)
        self.shape = tuple(self.shape[a] for a in order)

    def merge(self) -> None:
        """Two axes next to each other become one, and a new one of 1 stands in front."""
        at = int(self.random.integers(len(self.shape) - 1))
        self.shape = (1, *self.shape[:at], self.shape[at] * self.shape[at + 1], *self.shape[at + 2 :])
        self.add("Reshape", [self.last, self.constant(list(self.shape))])

    def slice(self) -> None:
        axis = int(np.argmax(self.shape))
        size, step = self.shape[axis], int(self.random.choice([1, 2]))
        begin = int(self.random.integers(0, max(size // 3, 1)))
        ends = [self.constant([value]) for value in (begin, size, axis, step)]
        self.add("Slice", [self.last, *ends])
        self.shape = (*self.shape[:axis], len(range(begin, size, step)), *self.shape[axis + 1 :])

    def concat(self) -> None:
        """With itself, or with a slice of itself where that fits."""
        axis, whole, shape = int(self.random.integers(len(self.shape))), self.last, self.shape
        self.slice()
        part = self.last
        if any(a != axis and n != m for a, (n, m) in enumerate(zip(shape, self.shape, strict=True))):
            whole, shape = part, self.shape
        self.shape = tuple(n + m if a == axis else m for a, (n, m) in enumerate(zip(shape, self.shape, strict=True)))
        self.add("Concat", [part, whole], axis=axis)
        self.quantise()

    def grow(self) -> None:
        self.random.choice(np.array([self.transpose, self.merge, self.slice, self.concat], object))()

    def model(self) -> onnx.ModelProto:
        self.quantise()
        nodes = [*self.nodes[:-1], (*self.nodes[-1][:2], "y", {})]
        return network(self.input, nodes, self.weights, self.shape)


def drawn(seed: int) -> Chain:
    random = np.random.default_rng(seed)
    chain = Chain(random, (1, *(int(n) for n in random.integers(2, 7, 3))))
    for _ in range(int(random.integers(1, 7))):
        chain.grow()
    return chain


def as_input(tensor: np.ndarray) -> np.ndarray:
    """Pixels by channels, as the program reads them."""
    return np.clip(np.rint(tensor / STEP) + ZERO, -128, 127).astype(np.int8).transpose(0, 2, 3, 1)


def in_c(program: Program, model: onnx.ModelProto, folder: Path) -> HostProgram:
    """The program as the host's C, under sanitizers."""
    targets = [M55Target()]
    assign(program, targets)
    written = artifacts.write(program, planner.plan(program), Contents(model, targets), folder / "artifact")
    return build_host(written, flags=("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))


def computed(program: Program, tensor: np.ndarray) -> np.ndarray:
    runner = IntegerReference(program)
    runner.run(as_input(tensor))
    return runner.tensors[program.output.name]


@pytest.mark.parametrize("seed", range(60))
def test_random_moves_equal_onnx_runtime(seed: int) -> None:
    chain = drawn(seed)
    model = chain.model()
    tensor = chain.random.normal(scale=2, size=chain.input).astype(np.float32)
    found = computed(pipeline.to_program(model, INT8), tensor)
    np.testing.assert_array_equal(found.reshape(-1), reference(model, tensor).reshape(-1))


@pytest.mark.parametrize("seed", range(0, 60, 12))
def test_random_moves_in_c(seed: int, tmp_path: Path) -> None:
    chain = drawn(seed)
    model = chain.model()
    program = pipeline.to_program(model, INT8)
    built = in_c(program, model, tmp_path)
    tensor = chain.random.normal(scale=2, size=chain.input).astype(np.float32)
    found = built.run_bytes(as_input(tensor).tobytes())
    np.testing.assert_array_equal(found.reshape(-1), computed(program, tensor).reshape(-1))


def test_an_order_without_strides_is_gathered() -> None:
    assert strided.axes(np.array([3, 0, 1, 2, 7])) is None
    chain = Chain(np.random.default_rng(0), (1, 3, 4, 5))
    chain.transpose()
    chain.shape = (1, 60)
    chain.add("Reshape", [chain.last, chain.constant([1, 60])])
    ends = [chain.constant([value]) for value in (1, 58, 1, 1)]
    chain.add("Slice", [chain.last, *ends])
    chain.shape = (1, 57)
    model = chain.model()
    program = pipeline.to_program(model, INT8)
    assert any(isinstance(operator.spec, Gather) for operator in program.operators)
    tensor = np.random.default_rng(1).normal(size=chain.input).astype(np.float32)
    np.testing.assert_array_equal(computed(program, tensor), reference(model, tensor))


@pytest.mark.parametrize("seed", range(30))
def test_axes_walk_what_they_were_found_in(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(1, 5, 4))
    index = np.arange(np.prod(shape)).reshape(shape).transpose(random.permutation(4))
    index = index[:: int(random.choice([1, -1]))].repeat(int(random.integers(1, 4)), axis=2)
    axes = strided.axes(index.reshape(-1))
    assert axes is not None and len(axes.sizes) <= AXES
    np.testing.assert_array_equal(index.reshape(-1)[0] + axes.index(), index.reshape(-1))
    move = Move(axes.sizes, axes.strides, axes.places, int(index.reshape(-1)[0]))
    assert move.elements == index.size


def test_a_part_that_lies_in_a_concatenation_is_read_again() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.integers(-127, 128, (4, 3, 1, 1)).astype(np.int8), "ws": np.full(4, 0.01, np.float32)}
    weights |= {"wz": np.zeros(4, np.int8), "s": STEP, "z": ZERO}
    nodes = [
        ("QuantizeLinear", ["x", "s", "z"], "xq", {}), ("DequantizeLinear", ["xq", "s", "z"], "xd", {}),
        ("DequantizeLinear", ["w", "ws", "wz"], "wd", {"axis": 0}), ("Conv", ["xd", "wd"], "c", {}),
        ("QuantizeLinear", ["c", "s", "z"], "cq", {}), ("DequantizeLinear", ["cq", "s", "z"], "cd", {}),
        ("Concat", ["cd", "xd"], "k", {"axis": 1}),
        ("QuantizeLinear", ["k", "s", "z"], "kq", {}), ("DequantizeLinear", ["kq", "s", "z"], "kd", {}),
        ("Concat", ["kd", "cd"], "l", {"axis": 1}),  # the first part again, after it was written into the whole
        ("QuantizeLinear", ["l", "s", "z"], "lq", {}), ("DequantizeLinear", ["lq", "s", "z"], "y", {}),
    ]  # fmt: skip
    model = network([1, 3, 4, 5], nodes, weights, [1, 11, 4, 5])
    tensor = rng.normal(size=(1, 3, 4, 5)).astype(np.float32)
    found = computed(pipeline.to_program(model, INT8), tensor).reshape(1, 11, 4, 5)
    assert np.abs(found - reference(model, tensor)).max() <= STEP * 1.001
    np.testing.assert_array_equal(found[:, :4], found[:, 7:])


def test_a_float32_output_has_the_order_that_it_is_said_to_have(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.integers(-127, 128, (4, 3, 1, 1)).astype(np.int8), "ws": np.full(4, 0.01, np.float32)}
    weights |= {"wz": np.zeros(4, np.int8), "s": STEP, "z": ZERO}
    nodes = [
        ("QuantizeLinear", ["x", "s", "z"], "xq", {}), ("DequantizeLinear", ["xq", "s", "z"], "xd", {}),
        ("DequantizeLinear", ["w", "ws", "wz"], "wd", {"axis": 0}), ("Conv", ["xd", "wd"], "y", {}),
    ]  # fmt: skip
    model = network([1, 3, 4, 5], nodes, weights, [1, 4, 4, 5])
    program = pipeline.to_program(model, INT8)
    tensor = rng.normal(size=(1, 3, 4, 5)).astype(np.float32)
    expected, found = reference(model, tensor), computed(program, tensor)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    built = in_c(program, model, tmp_path)
    np.testing.assert_array_equal(built.run_bytes(as_input(tensor).tobytes()).reshape(-1), found.reshape(-1))


CONCATENATIONS = {  # nodes, and the shape of the output
    "read by a depthwise convolution": (
        [("Concat", ["ar", "br"], "c", {"axis": 1}), ("Conv", ["c", "d"], "y", {"group": 10, "pads": [1] * 4})],
        (1, 10, 4, 6),
    ),
    "of a concatenation": (
        [
            ("Concat", ["ar", "br"], "k", {"axis": 1}),
            ("Concat", ["k", "ar"], "c", {"axis": 1}),
            ("Conv", ["c", "v"], "y", {}),
        ],
        (1, 2, 4, 6),
    ),
    "along the columns": ([("Concat", ["ar", "ar"], "c", {"axis": 3}), ("Conv", ["c", "w"], "y", {})], (1, 6, 4, 12)),
}


@pytest.mark.parametrize("name", CONCATENATIONS)
def test_concatenations_of_a_float_network(name: str) -> None:
    rng = np.random.default_rng(3)
    shapes = {"u": (4, 3, 1, 1), "w": (6, 4, 1, 1), "d": (10, 1, 3, 3), "v": (2, 14, 1, 1)}
    weights = {each: rng.normal(scale=0.4, size=shape).astype(np.float32) for each, shape in shapes.items()}
    head = [
        ("Conv", ["x", "u"], "a", {}), ("Relu", ["a"], "ar", {}),
        ("Conv", ["ar", "w"], "b", {}), ("HardSwish", ["b"], "br", {}),
    ]  # fmt: skip
    tail, shape = CONCATENATIONS[name]
    nodes = [*(node for node in head if "br" in str(tail) or node[2] in ("a", "ar")), *tail]
    used = {each: value for each, value in weights.items() if any(each in node[1] for node in nodes)}
    inputs = [np.clip(rng.normal(scale=0.4, size=(1, 3, 4, 6)), -1, 1).astype(np.float32) for _ in range(8)]
    float_model = network([1, 3, 4, 6], nodes, used, shape)
    program = pipeline.to_program(quantised(float_model, inputs).model(), INT8)
    known = program.input.quantization
    assert known is not None
    runner = IntegerReference(program)
    integers = np.clip(np.rint(inputs[0] / known.step) + known.zero_point, -128, 127).astype(np.int8)
    runner.run(integers.transpose(0, 2, 3, 1))
    expected = reference(float_model, inputs[0])
    found = runner.tensors[program.output.name].reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=np.abs(expected).max() / 40)
