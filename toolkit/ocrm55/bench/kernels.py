"""Every kernel at the shapes of a network: instructions counted on QEMU, and llvm-mca's estimate of the inner loops.

The layers come from the network's ONNX file. Each is given to the kernel that the int8 lowering chooses for it, with
activations fused; the numbers are random, because no kernel's path depends on them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import shape_inference

from ocrm55 import console, resources, temporary
from ocrm55.bench.runner import STATUS, Case, build_target, run_qemu
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.targets.m55 import packing
from ocrm55.errors import TargetError

Array = npt.NDArray
CLAMP, HARD_SWISH, TABLE16, REAL = range(4)  # enum ocrm55_activation
TABLE_SHIFT = 4
SHALLOW = 31  # products in a sum; below this, hard-swish in float costs more than the bars allow
MCA = ("llvm-mca-19", "-mtriple=thumbv8.1m.main-none-eabihf", "-mcpu=cortex-m55", "-iterations=100")


@dataclass(frozen=True)
class Row:
    """One layer's figures. macs: multiplications of the kernel. instructions: of the whole call."""

    layer: str
    kernel: str
    shape: str
    macs: int
    instructions: int
    loops: str

    @property
    def per_mac(self) -> float | None:
        return self.instructions / self.macs if self.macs else None


@dataclass(frozen=True)
class Loop:
    """llvm-mca's estimate for one pass of an inner loop. macs: multiplications of that pass."""

    name: str
    instructions: int
    cycles: float
    macs: int


# MACs that one pass of a marked loop makes.
_LOOP_MACS = {
    "tile_core": 128,
    "depthwise_5x5_stride1": 200,
    "depthwise_5x5_stride2": 200,
    "depthwise_3x3_stride1": 72,
    "depthwise_3x3_stride2": 72,
}


class _Cases:
    """Turns layers into calls of kernels."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def int8(self, *shape: int) -> Array:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def epilogue(self, channels: int, activation: int, depth: int) -> tuple[list[int], list[Array]]:
        if activation == HARD_SWISH and depth <= SHALLOW:
            return self._tables(channels)
        table = self.int8(1 << (16 - TABLE_SHIFT))
        scale = packing.scale(self.rng.uniform(0.5, 1, channels) * 1e-3, channels)
        extra = scale if activation == HARD_SWISH else table
        return [activation, 3, -128, 127, TABLE_SHIFT, 0], [scale, extra]

    def _tables(self, channels: int) -> tuple[list[int], list[Array]]:
        """Hard-swish's tables, one for each channel, for layers that float arithmetic would dominate."""
        shift, entries = 5, 2048
        scale = packing.scale(self.rng.uniform(0.5, 1, channels), channels)
        return [TABLE16, 3, -128, 127, shift, entries], [scale, self.int8(len(scale) * entries)]

    def pointwise(self, pixels: int, inputs: int, outputs: int, activation: int) -> Case:
        integers, blobs = self.epilogue(outputs, activation, inputs)
        weights = packing.pointwise(self.int8(outputs, inputs), np.zeros(outputs, np.int32))
        return Case(
            "pointwise",
            [*integers, pixels, inputs, outputs, outputs],
            [self.int8(pixels, inputs), weights, *blobs],
            (pixels, outputs),
            np.float32 if activation == REAL else np.int8,
            f"{pixels} x {inputs} -> {outputs}",
            pixels * inputs * outputs,
        )

    def conv(self, node: _Node, activation: int) -> Case:
        outputs, inputs, kh, kw = node.weights
        (_, _, height, width), (_, _, high, wide) = node.input, node.output
        top, left = node.pads[:2]
        if height == 1:  # rows of the window that only ever meet the border
            kh, top = 1, 0
        integers, blobs = self.epilogue(outputs, activation, inputs * kh * kw)
        weights = packing.conv(self.int8(outputs, inputs, kh, kw), np.zeros(outputs, np.int32))
        shape = [inputs, height, width, outputs, high, wide, kh, kw, *node.strides, top, left, outputs, 3]
        return Case(
            "conv",
            [*integers, *shape],
            [self.int8(height, width, inputs), weights, *blobs],
            (high, wide, outputs),
            label=f"{height}x{width}x{inputs} -> {high}x{wide}x{outputs}, {kh}x{kw}",
            macs=high * wide * outputs * inputs * kh * kw,
        )

    def depthwise(self, node: _Node, activation: int) -> Case:
        channels, _, k, _ = node.weights
        (_, _, height, width), (_, _, high, wide) = node.input, node.output
        integers, blobs = self.epilogue(channels, activation, SHALLOW + 1)
        weights = packing.depthwise(self.int8(channels, 1, k, k))
        shape = [channels, height, width, high, wide, k, *node.strides, *node.pads[:2], 3, 0]
        return Case(
            "depthwise",
            [*integers, *shape],
            [self.int8(height, width, channels), weights, np.zeros(channels, np.int32), *blobs],
            (high, wide, channels),
            label=f"{height}x{width}x{channels} -> {high}x{wide}, {k}x{k}",
            macs=high * wide * channels * k * k,
        )

    def matmul(self, node: _Node) -> Case:
        *_, batches, rows, depth = node.input
        columns = node.output[-1]
        transposed = columns < depth  # of q k', k lies ready row by row; of a v, v does not
        integers, blobs = self.epilogue(columns, CLAMP, depth)
        where = [columns, 1, batches * columns] if transposed else [depth, batches * depth, 1]
        b = self.int8(depth if transposed else columns, batches * (columns if transposed else depth))
        return Case(
            "matmul",
            [*integers, batches, rows, columns, depth, depth, batches * depth, *where, columns, batches * columns, 3],
            [self.int8(rows, batches * depth), b, *blobs],
            (rows, batches * columns),
            label=f"{batches} x {rows} x {depth} x {columns}",
            macs=batches * rows * columns * depth,
        )

    def average_pool(self, node: _Node) -> Case:
        (_, channels, height, width), (_, _, high, wide) = node.input, node.output
        kernel, strides = node.kernel or (height, width), node.strides
        bits = int(np.float32(1 / (kernel[0] * kernel[1])).view(np.int32))
        return Case(
            "average_pool",
            [channels, height, width, high, wide, *kernel, *strides, channels, 3, -3, bits],
            [self.int8(height, width, channels)],
            (high, wide, channels),
            label=f"{height}x{width}x{channels} -> {high}x{wide}",
        )

    def broadcast_multiply(self, node: _Node) -> Case:
        _, channels, height, width = node.input
        bits = int(np.float32(0.01).view(np.int32))
        return Case(
            "multiply",
            [height * width, channels, 0, 3, -128, 5, bits],
            [self.int8(height * width, channels), self.int8(channels)],
            (height * width, channels),
            label=f"{height}x{width}x{channels} by {channels}",
        )

    def add(self, node: _Node) -> Case:
        """The residual stream, which is float32."""
        count = int(np.prod(node.input))
        a, b = self.rng.normal(size=(2, count)).astype(np.float32)
        return Case("add_f32", [count], [a, b], (count,), np.float32, str(count))

    def layer_norm(self, node: _Node) -> Case:
        _, rows, count = node.input
        epsilon, gain = (int(np.float32(v).view(np.int32)) for v in (1e-5, 20))
        ones, x = np.ones(count, np.float32), self.rng.normal(size=(rows, count)).astype(np.float32)
        integers = [rows, count, 0, epsilon, 4, gain]
        return Case("layer_norm", integers, [x, ones, ones], (rows, count), label=f"{rows} x {count}")

    def softmax(self, node: _Node) -> Case:
        count, last = node.input[-1], node.last
        rows = int(np.prod(node.input)) // count
        x = self.rng.normal(size=(rows, count)).astype(np.float32) if last else self.int8(rows, count)
        return Case(
            "softmax",
            [rows, count, int(last), int(last)],
            [x, tables.softmax_powers(0.1)],
            (rows, count),
            np.float32 if last else np.int8,
            label=f"{rows} x {count}" + (", float" if last else ""),
        )


@dataclass(frozen=True)
class _Node:
    """The facts about an ONNX node that a case needs."""

    operator: str
    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    weights: tuple[int, ...]
    other: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    kernel: tuple[int, ...]
    follower: str
    last: bool


def _nodes(path: Path) -> Iterable[_Node]:
    graph = shape_inference.infer_shapes(onnx.load(str(path))).graph
    infos = [*graph.value_info, *graph.input, *graph.output]
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in infos}
    constants = {i.name: tuple(i.dims) for i in graph.initializer}
    readers: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    for index, node in enumerate(graph.node):
        lists = {a.name: tuple(a.ints) for a in node.attribute if a.ints}
        second = node.input[1] if len(node.input) > 1 else ""
        following = readers.get(node.output[0], [])
        if following == ["Add"] and node.op_type == "MatMul":  # its bias: look at the node behind it
            adds = [n for n in graph.node if n.op_type == "Add" and node.output[0] in n.input]
            following = readers.get(adds[0].output[0], [])
        yield _Node(
            node.op_type,
            re.sub(r"[/.](_?conv|hardswish|mul|add)$", "", node.output[0]),
            shapes.get(node.input[0], ()),
            shapes[node.output[0]],
            constants.get(second, ()),
            shapes.get(second, ()),
            lists.get("strides", (1, 1)),
            lists.get("pads", (0, 0, 0, 0)),
            lists.get("kernel_shape", ()) if "Pool" in node.op_type else (),
            next((f for f in following if f in ("HardSwish", "Sigmoid", "HardSigmoid", "Softmax")), ""),
            index == len(graph.node) - 1,
        )


def _case(node: _Node, make: _Cases) -> Case | None:  # noqa: PLR0911
    """The call for a node; None if it is fused into another or costs nothing."""
    activation = {"": CLAMP, "Softmax": REAL, "HardSwish": HARD_SWISH}.get(node.follower, TABLE16)
    match node.operator:
        case "Conv":
            outputs, inputs, *kernel = node.weights
            if inputs == 1 and outputs > 1:
                return make.depthwise(node, activation)
            if kernel == [1, 1] and node.strides == (1, 1):
                return make.pointwise(node.input[2] * node.input[3], inputs, outputs, activation)
            return make.conv(node, activation)
        case "MatMul":
            if not node.weights:
                return make.matmul(node)
            inputs, outputs = node.weights
            return make.pointwise(node.input[1], inputs, outputs, activation)
        case "GlobalAveragePool" | "AveragePool":
            return make.average_pool(node)
        case "Mul" if node.other[2:] == (1, 1) and node.input[2:] != (1, 1):
            return make.broadcast_multiply(node)
        case "Add" if node.other == node.input:
            return make.add(node)
        case "LayerNormalization":
            return make.layer_norm(node)
        case "Softmax":
            return make.softmax(node)
    return None


def network_cases(onnx_path: Path) -> list[tuple[str, Case]]:
    """(name of the layer, call of its kernel) for all layers of a recognizer's float ONNX file, in order."""
    make = _Cases()
    found = ((node.name, _case(node, make)) for node in _nodes(onnx_path))
    return [(name, case) for name, case in found if case is not None]


def measure(onnx_path: Path, compiler: str = "gcc") -> list[Row]:
    """Count the instructions of every layer on QEMU. Equal layers are run once."""
    layers = network_cases(onnx_path)
    keys = {_key(case): case for _, case in layers}
    with temporary.folder() as folder:
        elf = build_target(folder, compiler)
        answers = dict(zip(keys, run_qemu(elf, list(keys.values()), folder), strict=True))
    rows = []
    for name, case in layers:
        answer = answers[_key(case)]
        if answer.status != 0:
            raise TargetError(f"{case.kernel} {case.label}: {STATUS.get(answer.status, answer.status)}.")
        rows.append(Row(name, case.kernel, case.label, case.macs, answer.instructions, _loop_of(case)))
    return rows


def _key(case: Case) -> tuple[str, tuple[int, ...], str]:
    return case.kernel, tuple(case.integers), case.label


def _loop_of(case: Case) -> str:
    """The marked loop in which a kernel spends its time."""
    if case.kernel == "depthwise":
        kernel, stride = case.integers[11], case.integers[13]
        return f"depthwise_{kernel}x{kernel}_stride{stride}"
    core = ("pointwise", "conv", "matmul")
    return "tile_core" if case.kernel in core else case.kernel if case.kernel in ("multiply", "average_pool") else ""


def estimate_loops() -> dict[str, Loop] | None:
    """llvm-mca's estimates for the marked inner loops; None if it is not installed."""
    if shutil.which(MCA[0]) is None:
        return None
    loops: dict[str, Loop] = {}
    options = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-O3", "-ffp-contract=off", "-std=gnu11")
    command = ["arm-none-eabi-gcc", *options, "-DOCRM55_MARK_LOOPS", f"-I{resources.kernel_folder()}", "-S"]
    with temporary.folder() as folder:
        for source in resources.kernels().values():
            if "MARK" not in source.read_text():
                continue
            assembly = folder / f"{source.stem}.s"
            console.command([*command, source, "-o", assembly])
            regions = _regions(assembly.read_text())
            for name, lines in regions.items():
                snippet = folder / f"{name}.s"
                snippet.write_text(".syntax unified\n.thumb\n" + "\n".join(lines) + "\n")
                printed = console.command([*MCA, snippet])
                count, cycles = (_figure(label, printed) / 100 for label in ("Instructions", "Total Cycles"))
                loops[name] = Loop(name, round(count), cycles, _LOOP_MACS.get(name, 0))
    return loops


def _regions(assembly: str) -> dict[str, list[str]]:
    """The instructions of each marked region, without labels, directives and the branch that closes a loop."""
    regions: dict[str, list[str]] = {}
    name = ""
    for line in assembly.splitlines():
        mark = re.search(r"LLVM-MCA-(BEGIN|END) (\w+)", line)
        if mark:
            name = mark[2] if mark[1] == "BEGIN" and mark[2] not in regions else ""
            if name:
                regions[name] = []
        elif name and re.match(r"\s+[a-z]|^[a-z]+[. ]", line) and not re.match(r"\s*(b|bne|le|bne\.w)\s", line):
            regions[name].append(line.split("@")[0])
    return {name: lines for name, lines in regions.items() if lines}


def _figure(label: str, printed: str) -> int:
    found = re.search(rf"{label}:\s+(\d+)", printed)
    if found is None:
        raise TargetError(f"llvm-mca printed no line `{label}:`.")
    return int(found[1])


def print_table(rows: Sequence[Row], loops: dict[str, Loop] | None) -> None:
    """Rows of layers with their sums, then the loops with llvm-mca's estimates."""
    columns = ("layer", "kernel", "shape", "MAC", "instructions", "instr/MAC", "inner loop")
    body = [
        (
            row.layer,
            row.kernel,
            row.shape,
            f"{row.macs:,}",
            f"{row.instructions:,}",
            "" if row.per_mac is None else f"{row.per_mac:.3f}",
            row.loops,
        )
        for row in rows
    ]
    macs, instructions = sum(r.macs for r in rows), sum(r.instructions for r in rows)
    body.append(("all", "", "", f"{macs:,}", f"{instructions:,}", f"{instructions / macs:.3f}", ""))
    console.table("Instructions on QEMU", columns, body, right=("MAC", "instructions", "instr/MAC"))
    console.result()
    if loops is None:
        console.result(f"No estimate of cycles: {MCA[0]} is not installed (Debian: llvm-19).")
        return
    title = "Inner loops: cycles of one pass by llvm-mca's model of the Cortex-M55, an estimate"
    estimates = [
        (
            loop.name,
            str(loop.instructions),
            f"{loop.cycles:.1f}",
            str(loop.macs or ""),
            f"{loop.macs / loop.cycles:.2f}" if loop.macs else "",
        )
        for loop in loops.values()
    ]
    names = ("loop", "instructions", "cycles", "MAC", "MAC/cycle")
    console.table(title, names, estimates, right=names[1:])
