"""Single calls of CMSIS-NN on the board: a program that holds inputs and expected outputs and counts what differs.

It follows the contract of an artifact, so that the firmware's own build links it with the library. Output 3 i of the
"network" is how many bytes of case i differ, 3 i + 1 the scratch bytes that the library itself asks for, 3 i + 2 how
many bytes behind the workspace were written to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.reference.cmsis_nn.network import CmsisNnReference
from ocrm55.compiler.targets.cmsis_nn.int4 import in_int4
from ocrm55.compiler.targets.cmsis_nn.target import NAME, CmsisNnTarget
from tests.target import fake_artifact

GUARD = 32  # bytes behind a workspace that must stay as they are
LIMIT = fake_artifact.STEPS * fake_artifact.CLASSES // 3


@dataclass
class Case:
    """One operator with data. inputs, weights: in the order of the operator's inputs."""

    label: str
    spec: Spec
    inputs: list[np.ndarray]
    weights: list[np.ndarray]
    shape: tuple[int, ...]

    def program(self) -> Program:
        """A program of this operator alone, given to CMSIS-NN."""
        program = Program("case", "int8")
        names = []
        for index, data in enumerate([*self.inputs, *self.weights]):
            role = "activation" if index < len(self.inputs) else "weight"
            kept = data if role == "weight" else None
            names.append(program.add(Tensor(f"in_{index}", data.shape, str(data.dtype), role, "case", kept)).name)
        output = program.add(Tensor("out", self.shape, "int8", "output", "case")).name
        program.operators.append(Operator("case", "case", self.spec, names, [output]))
        target, operator = CmsisNnTarget(), program.operators[0]
        assert target.refusal(operator, program) is None, (self.label, target.refusal(operator, program))
        operator.target = NAME
        target.emit(operator, program)
        return program

    def expected(self, program: Program, rounds_once: bool) -> np.ndarray:
        reference = CmsisNnReference(program, rounds_once=rounds_once)
        reference.tensors = {t.name: t.data for t in program.tensors.values() if t.data is not None}
        reference.tensors |= {f"in_{i}": data for i, data in enumerate(self.inputs)}
        return reference.step(program.operators[0])


class Cases:
    """Random operators; extreme: all values at one end of their range."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def int8(self, *shape: int, extreme: bool = False) -> np.ndarray:
        low, high = (-128, 128)
        if extreme:
            return self.rng.choice(np.array([-128, 127], np.int8), shape)
        return self.rng.integers(low, high, shape).astype(np.int8)

    def convolution(
        self, kind: type[Convolution], size: tuple[int, int], channels: int, outputs: int,
        kernel: tuple[int, int] = (1, 1), strides: tuple[int, int] = (1, 1), pads: tuple[int, int] = (0, 0),
        extreme: bool = False, int4: bool = False,
    ) -> Case:  # fmt: skip
        high, wide = ((s + 2 * p - k) // t + 1 for s, k, t, p in zip(size, kernel, strides, pads, strict=True))
        zero, out = (int(v) for v in self.rng.integers(-128, 128, 2))
        low, top = sorted(int(v) for v in self.rng.integers(-128, 128, 2)) if self.rng.random() < 0.3 else (-128, 127)
        depth = np.prod(kernel) * (1 if kind is Depthwise else channels)
        epilogue = Epilogue("clamp", outputs, out, low, top)
        spec = kind(channels, *size, outputs, high, wide, kernel, strides, pads, zero, epilogue)
        weights = self.int8(outputs, 1 if kind is Depthwise else channels, *kernel, extreme=extreme)
        if int4:
            weights = self.rng.integers(-8, 8, weights.shape).astype(np.int8)
        bias = self.rng.integers(-(2**14), 2**14, outputs).astype(np.int32) >> (4 if int4 else 0)
        scale = (self.rng.uniform(0.3, 2, outputs) / (np.sqrt(depth) * (4.6 if int4 else 73))).astype(np.float32)
        image = self.int8(1, *size, channels, extreme=extreme)
        label = f"{'int4 ' if int4 else ''}{spec.kind} {size} {channels}->{outputs} {kernel} {strides} {pads}"
        return Case(label, spec, [image], [weights, bias, scale], (1, high, wide, outputs))

    def product(self, heads: int, rows: int, columns: int, depth: int, across: bool) -> Case:
        """Heads side by side, as attention has them; across: the right side transposed, as its values lie."""
        zero = int(self.rng.integers(-128, 128))
        scale = np.full(1, 1 / (np.sqrt(depth) * 80), np.float32)
        a_row, b_row = heads * depth + 8, (heads * (columns if across else depth)) + 24
        offset_a, offset_b = 8, 24
        if across:
            b = (columns, 1, b_row)
            epilogue, y_batch = Epilogue("clamp", heads * columns, -3), columns
        else:
            b = (depth, b_row, 1)
            epilogue, y_batch = Epilogue("clamp", columns, -3), rows * columns
        spec = Product(heads, rows, columns, depth, depth, a_row, *b, y_batch, zero, epilogue, offset_a, offset_b)
        left = self.int8(rows, a_row)
        right = self.int8(depth if across else columns, b_row)
        left, right = (np.concatenate([v.reshape(-1), self.int8(64)]) for v in (left, right))
        return Case(f"product {heads} {rows} {columns} {depth} {across}", spec, [left, right], [scale],
                    (heads, rows, columns))  # fmt: skip

    def pool(self, size: tuple[int, int], channels: int, kernel: tuple[int, int], strides: tuple[int, int]) -> Case:
        high, wide = ((s - k) // t + 1 for s, k, t in zip(size, kernel, strides, strict=True))
        gain = float(np.float32(1 / np.prod(kernel)))
        spec = AveragePool(channels, *size, high, wide, kernel, strides, -7, -7, gain)
        return Case(f"pool {size} {channels}", spec, [self.int8(1, *size, channels)], [], (1, high, wide, channels))

    def largest(
        self,
        size: tuple[int, int],
        channels: int,
        kernel: tuple[int, int],
        strides: tuple[int, int],
        pads: tuple[int, int],
    ) -> Case:
        high, wide = ((s + 2 * p - k) // t + 1 for s, k, t, p in zip(size, kernel, strides, pads, strict=True))
        spec = MaxPool(channels, *size, high, wide, kernel, strides, pads)
        return Case(f"largest {size} {channels}", spec, [self.int8(1, *size, channels)], [], (1, high, wide, channels))


def network_like() -> list[Case]:
    """Tails of every kind: channels and pixels that are no multiple of anything, strides, borders, extremes."""
    source = Cases(55)
    cases = [
        source.convolution(Pointwise, (1, pixels), inputs, outputs)
        for pixels, inputs, outputs in ((1, 16, 8), (1, 64, 33), (7, 5, 3), (13, 33, 17), (40, 120, 97), (6, 256, 4))
    ]
    cases.append(source.convolution(Pointwise, (1, 5), 320, 9, extreme=True))
    for pixels, inputs, outputs in ((1, 64, 5), (6, 34, 9), (7, 48, 4), (8, 30, 3), (21, 256, 7)):
        cases.append(source.convolution(Pointwise, (1, pixels), inputs, outputs, int4=True))
    for size, channels, kernel, strides in (
        ((1, 16), 64, (1, 3), (1, 1)),
        ((5, 7), 6, (3, 3), (2, 1)),
        ((4, 5), 10, (3, 3), (1, 1)),
    ):
        cases.append(
            source.convolution(Convolution, size, channels, 5, kernel, strides, (kernel[0] // 2, 1), int4=True)
        )
    for kernel, strides, pads in (((3, 3), (2, 2), (1, 1)), ((3, 3), (1, 1), (1, 1)), ((2, 3), (1, 2), (0, 1))):
        cases.append(source.convolution(Convolution, (7, 9), 3, 5, kernel, strides, pads))
    cases.append(source.convolution(Convolution, (1, 40), 24, 7, (1, 3), (1, 1), (0, 1)))
    cases.append(source.convolution(Convolution, (1, 16), 64, 5, (1, 3), (1, 1), (0, 1), extreme=True))
    for kernel, strides in (((3, 3), (1, 1)), ((3, 3), (2, 1)), ((5, 5), (1, 1)), ((5, 5), (2, 1)), ((3, 3), (2, 2))):
        pads = (kernel[0] // 2, kernel[1] // 2)
        cases.append(source.convolution(Depthwise, (6, 11), 19, 19, kernel, strides, pads))
    cases.append(source.convolution(Depthwise, (4, 5), 130, 130, (3, 3), (1, 1), (1, 1), extreme=True))
    cases += [
        source.product(3, 10, 10, 15, False),
        source.product(3, 10, 15, 10, True),
        source.product(1, 5, 6, 16, False),
    ]
    cases += [source.pool((3, 20), 33, (3, 20), (1, 1)), source.pool((3, 8), 16, (2, 2), (2, 2))]
    cases += [source.largest((6, 9), 19, (2, 2), (2, 2), (0, 0)), source.largest((5, 7), 33, (3, 3), (2, 1), (1, 1))]
    return cases + elementwise(source)


def elementwise(source: Cases) -> list[Case]:
    from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, SumInt8
    from ocrm55.compiler.operators.int8.moves import CopyRows
    from ocrm55.compiler.operators.int8.rows import SoftmaxInt8

    cases = []
    for count in (4, 33, 120):
        spec = SumInt8(count * 3, 0.05, -11, 0.031, 17, 0.06, 3)
        cases.append(Case(f"add {count}", spec, [source.int8(3, count), source.int8(3, count)], [], (3, count)))
        gate = ChannelMultiply(3, count, 5, -127, -9, float(np.float32(1 / 254)))
        cases.append(Case(f"multiply {count}", gate, [source.int8(3, count), source.int8(count)], [], (3, count)))
        cases.append(Case(f"copy {count}", CopyRows(3, count, count), [source.int8(3, count)], [], (3, count)))
    for step, count in ((0.05, 40), (0.3, 40), (0.01, 97), (0.1, 3)):
        softmax = SoftmaxInt8(6, count, step)
        cases.append(Case(f"softmax {step} {count}", softmax, [source.int8(6, count)], [], (1, 6, count)))
    return cases


# --- C ----------------------------------------------------------------------------------------------------------------


def write(folder: Path, cases: list[Case], *, rounds_once: bool = True) -> Path:
    """The artifact: the emitted functions, their data, and a run that compares."""
    assert len(cases) <= LIMIT
    folder = fake_artifact.write(folder)
    parts = ['#include "ocrm55_model.h"', '#include "arm_nnfunctions.h"', '#include "ocrm55_kernels.h"',
             "#include <stddef.h>", "#include <string.h>",
             "static uint8_t scratch[65536] __attribute__((aligned(16)));",
             "static int8_t y[65536] __attribute__((aligned(16)));"]  # fmt: skip
    runs = [one for index, case in enumerate(cases) for one in _case(index, case, parts, rounds_once)]
    text = (folder / "src/model.c").read_text()
    end = text.index("static const float *output_of")
    image = text[text.index("static void set_image") : text.index("#ifdef __ARM_ARCH")]
    body = [
        "static void run_network(uint8_t *arena, ocrm55_hook hook, void *context)",
        "{",
        "    float *output = (float *)(void *)(arena + OUTPUT);",
        "    memset(output, 0, sizeof(float) * OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES);",
        *runs,
        "    for (unsigned op = 0; hook && op < 3; op++) hook(context, op);",
        "}",
    ]
    parts += ["#define OUTPUT 256", image, *body, text[end:]]
    (folder / "src/model.c").write_text("\n".join(parts))
    (folder / "sources.cmake").write_text(
        'set(OCRM55_MODEL_SOURCES "src/model.c" "src/recognizer.c" "src/weights.c")\nset(OCRM55_MODEL_KERNELS "copy")\n'
        'set(OCRM55_MODEL_LIBRARIES "cmsis-nn")\n'
    )
    return folder


def _array(kind: str, name: str, data: np.ndarray) -> str:
    values = ",".join(str(v) for v in data.reshape(-1).tolist())
    place = '__attribute__((aligned(16), section(".ocrm55.weights")))'
    return f"extern const {kind} {name}[];\nconst {kind} {name}[{data.size}] {place} = {{{values}}};"


def _case(index: int, case: Case, parts: list[str], rounds_once: bool) -> list[str]:
    """Adds a case's data and function to `parts`; returns the lines that run it."""
    program = case.program()
    operator, prefix = program.operators[0], f"c{index}_"
    function = program.functions[operator.function]
    parts.append("static " + function.source.replace(f"void {function.name}(", f"void {prefix}run(", 1))
    names = []
    for name in operator.arguments:
        tensor = program.tensors[name]
        if tensor.role == "output":
            names.append("y")
            continue
        data = case.inputs[int(name.removeprefix("in_"))] if tensor.data is None else tensor.data
        kind = "int8_t" if data.dtype == np.int8 else "int32_t"
        parts.append(_array(kind, prefix + name, data))
        names.append(prefix + name)
    size = sum(w.size for w in operator.workspaces)
    if size:
        names.append("scratch")
    parts.append(_array("int8_t", f"{prefix}expected", case.expected(program, rounds_once)))
    few = isinstance(case.spec, Convolution) and in_int4(case.spec, case.weights[0])
    parts.append(f"static int32_t {prefix}size(void)\n{{\n{asked_size(case.spec, few)}\n}}\n")
    count = int(np.prod(case.shape))
    return [f"    /* {case.label} */", f"    memset(y, 0x55, sizeof y); memset(scratch, 0x55, {size} + {GUARD});",
            f"    {prefix}run({', '.join(names)});",
            f"    for (int i = 0; i < {count}; i++) output[{3 * index}] += y[i] != {prefix}expected[i];",
            f"    output[{3 * index + 1}] = (float){prefix}size();",
            f"    for (int i = 0; i < {GUARD}; i++) {{",
            f"        output[{3 * index + 2}] += scratch[{size} + i] != 0x55 || y[{count} + i] != 0x55;",
            "    }"]  # fmt: skip


def asked_size(spec: Spec, few: bool) -> str:
    """C that asks the library how much scratch memory it wants."""
    if isinstance(spec, Product):
        return f"    const cmsis_nn_dims f = {{1, 1, 1, {spec.columns}}};\n" + _ask("arm_fully_connected_s8", "&f")
    if isinstance(spec, AveragePool):
        return _ask("arm_avgpool_s8", f"{spec.output_width}, {spec.channels}")
    if few and isinstance(spec, Convolution) and not isinstance(spec, Pointwise):
        (kh, kw), c = spec.kernel, spec.channels
        dims = f"    const cmsis_nn_dims i = {{1, 1, 1, {c}}}, f = {{1, {kh}, {kw}, {c}}};\n"
        return dims + _ask("arm_convolve_s4", "&i, &f")
    if not isinstance(spec, Convolution) or spec.output_height * spec.output_width == 1:
        return "    return 0;"
    depthwise = isinstance(spec, Depthwise)
    multiplier = "1, " if depthwise else ""
    (sy, sx), (py, px), (kh, kw) = spec.strides, spec.pads, spec.kernel
    lines = [
        f"    const cmsis_nn_{'dw_' if depthwise else ''}conv_params p = {{{-spec.zero_point}, 0, {multiplier}"
        f"{{{sx}, {sy}}}, {{{px}, {py}}}, {{1, 1}}, {{-128, 127}}}};",
        f"    const cmsis_nn_dims i = {{1, {spec.height}, {spec.width}, {spec.channels}}};",
        f"    const cmsis_nn_dims f = {{{1 if depthwise else spec.outputs}, {kh}, {kw}, {spec.channels}}};",
        f"    const cmsis_nn_dims o = {{1, {spec.output_height}, {spec.output_width}, {spec.outputs}}};",
    ]
    name = "arm_depthwise_conv_wrapper_s8" if depthwise else "arm_convolve_wrapper_s8"
    return "\n".join([*lines, _ask(name, "&p, &i, &f, &o")])


def _ask(function: str, arguments: str) -> str:
    return f"    return {function}_get_buffer_size({arguments});"
