"""Functions of one value with a factor and an offset behind them, as tables of the NPU: the core's bits."""

from fractions import Fraction

import numpy as np
import pytest

from ocrm55.compiler.operators.activations import real_function
from ocrm55.compiler.operators.float32 import Activation
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.elementwise import Dequantize, Lookup
from ocrm55.compiler.operators.program import Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.targets.base import assign
from ocrm55.compiler.targets.ethos_u import lookup_tables, regions
from ocrm55.compiler.targets.ethos_u.options import NpuOptions
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.compiler.targets.ethos_u.tflite_file import StandIn
from ocrm55.compiler.targets.m55.target import M55Target
from ocrm55.errors import ToolchainError, UnsupportedError
from ocrm55.npu_model import vela_files
from tests.npu_networks import judge
from tests.unit.compiler.targets.ethos_u.drawn_networks import Sketch

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")

ALL = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
# PP-OCRv5's text detector has it: an offset of half a step, behind an input that is hardly ever negative.
READ, WRITTEN = Quantization(1.384809136390686, -125), Quantization(0.45002812147140503, -127)
GAIN, OFFSET = 0.6775133013725281, -0.22914814949035645
FUNCTIONS = ("hard_swish", "relu", "swish", "sigmoid")


Curve = tuple[str, float, float, Quantization]  # function, gain, offset, of the result


def network(read: Quantization, curves: list[Curve]) -> Program:
    """Functions of one image side by side. The core reads each result, so that all are results of the region."""
    s = Sketch(np.random.default_rng(0))
    s.program = Program("drawn", "int8")
    s.program.add(Tensor("image", ALL.shape, "int8", "input", "image", quantization=read))
    for number, (function, gain, offset, written) in enumerate(curves):
        places = (read.step, read.zero_point, written.step, written.zero_point)
        table = tables.table8(real_function(Activation(function, gain=gain, offset=offset)), *places)
        names = ["image", s.weight(table, f"table_{number}")]
        s.operator(Lookup(ALL.size, function, gain, offset), names, s.tensor(ALL.shape, f"curve_{number}", written))
    for number, (*_, written) in enumerate(curves):
        role = "output" if number == len(curves) - 1 else "activation"
        real = s.program.add(Tensor(f"real_{number}", ALL.shape, "float32", role, "real"))
        s.operator(Dequantize(ALL.size, written.step, written.zero_point), [f"curve_{number}"], real.name)
    return s.program


def on_npu(program: Program, accelerator: str = "ethos-u55-128") -> Program:
    target = NpuTarget(NpuOptions(accelerator, fallback=True), [M55Target()])
    program = target.prepare(program)
    assign(program, [target, M55Target()])
    return program


def results(program: Program) -> list[np.ndarray]:
    """What the NPU makes of all 256 values, int64, result by result."""
    reference = AcceleratorReference(program)
    reference.run(ALL)
    (region,) = regions.regions_of(program)
    return [reference.tensors[name].astype(np.int64).reshape(-1) for name in region.outputs]


def exact(function: str, read: Quantization, curve: Curve) -> list[int]:
    """The results in fractions, rounded once, halves to even."""
    _, gain, offset, written = curve
    steps = [Fraction(int(q) - read.zero_point) * Fraction(float(read.step)) for q in ALL.reshape(-1)]
    curves = {"relu": lambda x: max(x, 0), "hard_swish": lambda x: x * min(max(x + 3, 0), 6) / 6}
    values = [Fraction(gain) * Fraction(curves[function](x)) + Fraction(offset) for x in steps]
    return [min(max(round(y / Fraction(float(written.step))) + written.zero_point, -128), 127) for y in values]


@pytest.mark.parametrize(("function", "accelerator"), [("relu", "ethos-u55-32"), ("hard_swish", "ethos-u55-128")])
def test_all_256_values_are_rounded_once(function: str, accelerator: str) -> None:
    for read, gain, offset, written in (
        (READ, GAIN, OFFSET, WRITTEN),
        (Quantization(0.02259822, 5), 1.253522, -1.035149, Quantization(0.02, 40)),
        (Quantization(0.05, -128), -0.7, 0.3, Quantization(0.031, 100)),  # nothing is below 0 here
    ):
        curve = (function, gain, offset, written)
        (found,) = results(on_npu(network(read, [curve]), accelerator))
        np.testing.assert_array_equal(found, exact(function, read, curve))


def test_tables_are_not_taken_for_one_another_nor_for_tflite_s_own() -> None:
    """All of the same quantization: what Vela makes of their stand-ins differs in the slope alone."""
    read = Quantization(0.06, -100)
    curves = [(function, gain, 0.1, WRITTEN) for function in FUNCTIONS for gain in (0.7, 0.9, -0.8)]
    curves += [("hard_swish", 1.0, 0.0, WRITTEN), ("hard_swish", 0.7, 0.1, WRITTEN)]
    program = network(read, curves)
    wanted = [np.roll(t.data, 128) for name, t in program.tensors.items() if name.startswith("table_")]
    npu = on_npu(program)
    found = results(npu)
    for number, table in enumerate(wanted):
        most = 1 if curves[number][1] == 1.0 else 0  # TFLite's own hard-swish rounds twice
        assert np.abs(found[number] - table).max() <= most, curves[number]


def test_litert_reads_the_tables_themselves() -> None:
    pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    program = on_npu(network(READ, [(function, GAIN, OFFSET, WRITTEN) for function in FUNCTIONS]))
    (region,) = regions.regions_of(program)
    compiled = regions.compiled_of(region)
    for found, expected in zip(results(program), judge.reference(compiled.tflite, [ALL]), strict=True):
        np.testing.assert_array_equal(found, expected.reshape(-1))


def test_a_stand_in_that_vela_compiled_otherwise_is_an_error() -> None:
    program = on_npu(network(READ, [("hard_swish", GAIN, OFFSET, WRITTEN)]))
    compiled = regions.compiled_of(regions.regions_of(program)[0])
    other = StandIn(np.zeros(256, np.int8), np.ones(256, np.int8))
    with pytest.raises(ToolchainError, match="lacks 1 of its 1 tables"):
        lookup_tables.filled("region_0", compiled, [other])


def test_tables_that_cannot_be_told_apart_are_refused() -> None:
    """Where nothing is below 0, a slope there shows nothing."""
    curves = [("relu", gain, 0.0, WRITTEN) for gain in (0.5, 0.6)]
    with pytest.raises(UnsupportedError, match="cannot be told apart"):
        on_npu(network(Quantization(0.05, -128), curves))


def test_the_raw_file_takes_other_weights(tmp_path) -> None:  # type: ignore[no-untyped-def]
    program = on_npu(network(READ, [("hard_swish", GAIN, OFFSET, WRITTEN)]))
    compiled = regions.compiled_of(regions.regions_of(program)[0])
    (tmp_path / "raw.npz").write_bytes(compiled.raw)
    np.testing.assert_array_equal(vela_files.load(tmp_path / "raw.npz").weights, compiled.weights)
    changed = compiled.weights[::-1].copy()
    (tmp_path / "raw.npz").write_bytes(vela_files.with_weights(compiled.raw, changed))
    again = vela_files.load(tmp_path / "raw.npz")
    np.testing.assert_array_equal(again.weights, changed)
    np.testing.assert_array_equal(again.command_stream, compiled.commands)
