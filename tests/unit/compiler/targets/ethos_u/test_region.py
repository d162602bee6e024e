"""Where the NPU's arithmetic was too coarse or too narrow for real networks: numbers of PP-OCRv5's text detector."""

import numpy as np
import pytest

from ocrm55.compiler.memory import planner
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.base import assign
from ocrm55.compiler.targets.ethos_u import model, regions
from ocrm55.compiler.targets.ethos_u.options import NpuOptions
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.compiler.targets.m55.target import M55Target
from tests.unit.compiler.targets.ethos_u.drawn_networks import Sketch

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")

CHANNELS, OUTPUTS = 48, 8
TINY = 4.0745363e-08  # the factor of an output that hardly depends on its input


def on_npu(program: Program) -> Program:
    target = NpuTarget(NpuOptions("ethos-u55-128", fallback=True), [M55Target()])
    program = target.prepare(program)
    assign(program, [target, M55Target()])
    return program


def start(shape: tuple[int, ...], quantization: Quantization) -> Sketch:
    sketch = Sketch(np.random.default_rng(0))
    sketch.program = Program("drawn", "int8")
    sketch.last = sketch.program.add(Tensor("image", shape, "int8", "input", "image", quantization=quantization)).name
    return sketch


def gate() -> Program:
    """A hard-sigmoid behind a convolution: its middle is no zero point. Half of the outputs hardly move."""
    s = start((1, 2, 3, CHANNELS), Quantization(0.095, -128))
    weights = s.random.integers(-127, 128, (OUTPUTS, CHANNELS, 1, 1)).astype(np.int8)
    ratio = np.where(np.arange(OUTPUTS) % 2, TINY, 0.0005).astype(np.float32)
    bias = tables.fold_zero_point(weights, s.random.integers(-26000, 26000, OUTPUTS), -128)
    output = s.tensor((1, 2, 3, OUTPUTS), "gate", Quantization(1 / 254, -127))
    epilogue = Epilogue("clamp", OUTPUTS, 0, -127, 127)
    spec = Pointwise(CHANNELS, 2, 3, OUTPUTS, 2, 3, (1, 1), (1, 1), (0, 0), -128, epilogue)
    names = [s.weight(data, f"gate_{what}") for what, data in (("w", weights), ("b", bias), ("s", ratio))]
    s.operator(spec, ["image", *names], output)
    return s.finish()


def differences(core: Program, npu: Program, image: np.ndarray) -> np.ndarray:
    """The NPU's values of the region minus the core's."""
    (region,) = regions.regions_of(npu)
    assign(core, [M55Target()])
    slow, fast = IntegerReference(core), AcceleratorReference(npu)
    slow.run(image)
    fast.run(image)
    (name,) = region.outputs
    return fast.tensors[name].astype(int).reshape(-1) - slow.tensors[name].astype(int).reshape(-1)


def test_an_output_that_hardly_moves_stays_in_its_middle() -> None:
    """The bias that moves it there exceeded int32 and wrapped: it was 127 steps off."""
    image = np.random.default_rng(1).integers(-128, 128, (1, 2, 3, CHANNELS)).astype(np.int8)
    program = on_npu(gate())
    assert np.abs(differences(gate(), program, image)).max() <= 1
    region: Operator = regions.regions_of(program)[0]
    assert model.wrong_weights(region, program, planner.plan(program)) == 0
