"""The parts of the CMSIS-NN target that need no library: multipliers, layouts, which operators it takes, QDQ."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ocrm55 import libraries
from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import Sum, SumInt8
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.pool import MaxPool
from ocrm55.compiler.operators.int8.rows import SoftmaxInt8
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.pipeline import to_program
from ocrm55.compiler.quantization import exact_scales, unfused
from ocrm55.compiler.reference.cmsis_nn.fixed_point import rounded_once, rounded_twice
from ocrm55.compiler.reference.cmsis_nn.network import CmsisNnReference
from ocrm55.compiler.reference.cmsis_nn.rows import power
from ocrm55.compiler.targets import choice, costs
from ocrm55.compiler.targets.base import assign
from ocrm55.compiler.targets.cmsis_nn import int4 as cmsis_nn_int4
from ocrm55.compiler.targets.cmsis_nn.fixed_point import multiplier_and_shift
from ocrm55.compiler.targets.cmsis_nn.target import CmsisNnTarget
from ocrm55.compiler.targets.m55.target import M55Target
from ocrm55.errors import InputError, ToolchainError, UnsupportedError
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.graphs import quantised_for_a_library
from tests.unit.compiler.onnx_networks import network

CLAMP = Epilogue("clamp", 8)


def operator(spec) -> Operator:
    return Operator("layer", "layer", spec, [], [])


def refusal(spec) -> str | None:
    return CmsisNnTarget().refusal(operator(spec), Program("test", "int8"))


def pointwise(epilogue: Epilogue = CLAMP, pixels: int = 40) -> Pointwise:
    return Pointwise(16, 1, pixels, 8, 1, pixels, (1, 1), (1, 1), (0, 0), 3, epilogue)


def test_multipliers_stand_for_their_scales():
    scales = np.concatenate([np.geomspace(1e-8, 100, 200), [0.5, 1.0, 2.0**-20]])
    multiplier, shift = multiplier_and_shift(scales)
    assert (multiplier >= 2**30).all()
    np.testing.assert_allclose(multiplier * 2.0 ** (shift - 31.0), scales, rtol=1e-9)


def test_a_scale_next_to_a_power_of_two_carries():
    multiplier, shift = multiplier_and_shift(np.nextafter(1.0, 0.0))
    assert (int(multiplier[0]), int(shift[0])) == (2**30, 1)


def test_two_roundings_take_halves_away_from_zero_and_one_takes_them_up():
    v = np.asarray([-6, -2, 2, 6])
    assert rounded_twice(v, 2**30, -1).tolist() == [-2, -1, 1, 2]  # a quarter of each, -1.5 and -0.5 among them
    assert rounded_once(v, 2**30, -1).tolist() == [-1, 0, 1, 2]
    assert (int(rounded_twice(np.asarray(5), 2**30, -2)), int(rounded_once(np.asarray(5), 2**30, -2))) == (1, 1)
    assert (int(rounded_twice(np.asarray(3), 2**30, -2)), int(rounded_once(np.asarray(3), 2**30, -2))) == (1, 0)


def test_power_is_exp():
    v = -np.geomspace(1, 2**31 - 1, 500).astype(np.int64)
    found = power(v) / 2.0**31
    np.testing.assert_allclose(found, np.exp(v / 2.0**26), atol=1e-6)


@pytest.mark.parametrize("step", [0.02, 0.1, 0.4])
def test_softmax_is_within_a_step_of_softmax(step):
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (1, 9, 40)).astype(np.int8)
    program = Program("test", "int8")
    program.add(Tensor("x", x.shape, "int8", "activation", "x"))
    program.add(Tensor("y", x.shape, "int8", "output", "y"))
    only = Operator("y", "y", SoftmaxInt8(9, 40, step), ["x"], ["y"])
    program.operators.append(only)
    assign(program, [CmsisNnTarget()])
    reference = CmsisNnReference(program)
    reference.tensors["x"] = x
    real = np.exp(step * (x - x.max(-1, keepdims=True).astype(np.float64)))
    exact = real / real.sum(-1, keepdims=True) * 256 - 128
    assert np.abs(reference.step(only) - np.clip(exact, -128, 127)).max() <= 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (pointwise(Epilogue("hard_swish", 8)), "fuses no hard_swish"),
        (pointwise(Epilogue("table16", 8)), "fuses no table"),
        (pointwise(Epilogue("real", 8)), "float32"),
        (pointwise(Epilogue("clamp", 16)), "a part of another"),
        (Sum(12), "float32"),
    ],
)
def test_says_why_it_takes_no(spec, words):
    assert words in (refusal(spec) or "")


@pytest.mark.parametrize(
    "spec",
    [
        pointwise(),
        Convolution(4, 1, 40, 8, 1, 40, (1, 3), (1, 1), (0, 1), 3, CLAMP),
        Depthwise(8, 6, 6, 8, 6, 6, (3, 3), (1, 1), (1, 1), 3, CLAMP),
        SumInt8(12, 0.1, 0, 0.1, 0, 0.1, 0),
        MaxPool(8, 6, 6, 3, 3, (2, 2), (2, 2), (0, 0)),
    ],
)
def test_takes(spec):
    assert refusal(spec) is None


def test_the_cheaper_takes_an_operator(monkeypatch):
    table = {"cmsis-nn": {"pointwise_int8 1x1 many": {"mac": 0.2}}, "m55": {"pointwise_int8 1x1 many": {"mac": 0.1}}}
    monkeypatch.setattr(costs, "table", lambda: table)
    chooser, program = costs.WhereCheaper(CmsisNnTarget(), M55Target()), Program("test", "int8")
    assert "1,024 instructions, m55 512" in (chooser.refusal(operator(pointwise()), program) or "")
    table["m55"]["pointwise_int8 1x1 many"]["mac"] = 0.4
    taken = operator(pointwise())
    assert chooser.refusal(taken, program) is None
    assert "2,048" in taken.why_not["m55"]


def test_costs_are_found_again_from_counts():
    specs = [pointwise(pixels=p) for p in (2, 10, 40, 200)]
    counted = [("m55", spec, round(spec.macs * 0.2 + 300)) for spec in specs]
    rates = costs.fit(counted)["m55"]["pointwise_int8 1x1 many"]
    for spec in specs:
        estimate = sum(rates.get(name, 0.0) * value for name, value in costs.features(spec).items())
        assert abs(estimate / (spec.macs * 0.2 + 300) - 1) < 0.02


def hard_swish_network() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(8, 3, 3, 3)).astype(np.float32), "b": rng.normal(size=8).astype(np.float32)}
    weights["v"] = rng.normal(size=(5, 8, 1, 1)).astype(np.float32)
    nodes = [
        ("Conv", ["x", "w", "b"], "c", {"pads": [1, 1, 1, 1]}),
        ("HardSwish", ["c"], "h", {}),
        ("GlobalAveragePool", ["h"], "p", {}),
        ("Conv", ["p", "v"], "d", {}),
        ("Relu", ["d"], "y", {}),
    ]
    return network((1, 3, 6, 7), nodes, weights, (1, 5, 1, 1))


def test_activations_are_quantised_on_both_sides_and_clamps_are_not():
    names = unfused.tensors(Graph(hard_swish_network()))
    assert names == ["x", "c", "h", "p"]


def test_averages_over_an_image_keep_their_scale_but_for_a_lift():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(8, 1, 3, 6, 7)).astype(np.float32)
    graph = quantised_for_a_library(hard_swish_network(), inputs)
    assert graph.constants["h.scale"] < graph.constants["p.scale"] < graph.constants["h.scale"] * 1.0001
    assert graph.constants["h.zero_point"] == graph.constants["p.zero_point"]
    graph = quantised_for_a_library(hard_swish_network(), inputs, halves_down=False)
    assert graph.constants["h.scale"] == graph.constants["p.scale"]


def test_small_averages_become_depthwise_convolutions_of_the_same_values():
    from ocrm55.compiler.quantization.calibration import open_session

    nodes = [("AveragePool", ["x"], "y", {"kernel_shape": [2, 2], "strides": [2, 2]})]
    before = network((1, 3, 5, 8), nodes, {}, (1, 3, 2, 4))
    graph = Graph(before)
    unfused.small_pools_as_convolutions(graph)
    assert [n.op_type for n in graph.nodes] == ["Conv"]
    x = np.random.default_rng(2).normal(size=(1, 3, 5, 8)).astype(np.float32)
    wanted, found = (open_session(m).run(None, {"x": x})[0] for m in (before, graph.model()))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_range_in_front_of_hard_swish_ends_where_it_is_zero():
    inputs = np.random.default_rng(1).normal(size=(8, 1, 3, 6, 7)).astype(np.float32)
    graph = quantised_for_a_library(hard_swish_network(), inputs)
    low = (-128 - int(graph.constants["c.zero_point"])) * float(graph.constants["c.scale"])
    assert -3.6 < low < -2.4


def test_factors_leave_no_halves():
    rng = np.random.default_rng(5)
    scales = (rng.uniform(0.3, 2, 300) * 1e-3).astype(np.float32)
    outputs = np.full(300, 0.043, np.float32)
    fitted = exact_scales.of_weights(scales, 0.0171, outputs)
    assert (fitted >= scales).all() and (fitted < scales * 1.2).all() and (fitted / scales).mean() < 1.05
    ratio = (np.float32(0.0171) * fitted) / outputs  # as ONNX Runtime has it
    factor = ratio.astype(np.float64) * 2.0 ** (8 - np.frexp(ratio)[1])
    assert (factor == np.rint(factor)).mean() > 0.9
    exact = factor[factor == np.rint(factor)]
    assert (exact % 4 == 3).all()


def test_a_product_takes_a_factor_too():
    scale = exact_scales.of_product(0.021, 0.0173, 1 / 254)
    assert 0.021 <= scale < 0.0225
    factor = np.float32(0.0173) * np.float32(1 / 254) / np.float32(scale)
    p = float(factor) * 2.0 ** (8 - np.frexp(factor)[1])
    assert p == round(p)


def test_two_int4_in_a_byte():
    assert cmsis_nn_int4.packed(np.asarray([1, -8, -1, 7], np.int8)).view(np.uint8).tolist() == [0x81, 0x7F]


def test_int4_needs_the_library():
    with pytest.raises(UnsupportedError, match="only CMSIS-NN"):
        choice.check(CompileOptions(precision="int8", weights="int4"))
    with pytest.raises(UnsupportedError, match="--int4-max-drop"):
        choice.check(CompileOptions(precision="int8", kernels=("cmsis-nn",), int4_max_drop=0.1))


def test_a_copy_says_its_revision(tmp_path):
    with pytest.raises(InputError, match="is no CMSIS-NN"):
        libraries.version(tmp_path)
    (tmp_path / "Include").mkdir()
    header = tmp_path / "Include" / "arm_nnfunctions.h"
    header.write_text(" * $Revision: V.16.2.0\n")
    with pytest.raises(InputError, match=r"16\.2\.0 of CMSIS-NN's functions, too old"):
        libraries.version(tmp_path)
    header.write_text(" * $Revision: V.18.0.0\n")
    assert libraries.version(tmp_path) == "revision 18.0.0"


def test_what_is_built_with_the_firmware_rounds_once(tmp_path):
    (tmp_path / "Source").mkdir()
    (tmp_path / "CMakeLists.txt").touch()
    assert libraries.archive(tmp_path) is None
    assert libraries.rounds_once(tmp_path)


def test_every_operator_of_the_recognizer_that_it_has(int8_separate):
    kinds = {o.kind for o in int8_separate.steps if o.target == "m55"}
    assert kinds == {"lookup_int8", "dequantize", "layer_norm_rows", "softmax_rows"}
    assert all(o.target == "cmsis-nn" for o in int8_separate.steps if o.macs)
    assert not any("has nothing for" in o.why_not.get("cmsis-nn", "") for o in int8_separate.steps)


def test_rows_that_nobody_reads_are_not_computed(int8_separate):
    """The last pool is 2x2 over three rows."""
    pool = next(o for o in int8_separate.steps if o.name.endswith("/averagepool"))
    assert isinstance(pool.spec, Depthwise) and pool.spec.height == 2
    lookup = next(o for o in int8_separate.steps if pool.inputs[0] in o.outputs)
    conv = next(o for o in int8_separate.steps if lookup.inputs[0] in o.outputs)
    assert conv.spec.output_height == 2 and lookup.spec.count == 2 * conv.spec.output_width * conv.spec.outputs


@pytest.fixture(scope="module")
def int8_separate():
    """The bundled recognizer as CMSIS-NN's operators, calibrated on a few images: enough to see who takes what."""
    from ocrm55 import resources

    network = RECOGNIZER.network(resources.folder("models") / "en_ppocrv3_rec")
    model = pipeline.load(network)
    inputs = pipeline.calibration_inputs(model, network, RECOGNIZER.calibration)[:8]
    graph = quantised_for_a_library(model, inputs)
    program = to_program(graph.model(), CompileOptions(precision="int8"))
    assign(program, choice.on_core("int8", ("cmsis-nn",)))
    return program


def test_names_of_kernels():
    assert libraries.kernels("m55") == ("m55",)
    assert libraries.kernels("m55, cmsis-nn") == ("cmsis-nn", "m55")
    with pytest.raises(InputError, match="no kernels `neon`"):
        libraries.kernels("neon")


def test_the_library_must_be_named(monkeypatch, tmp_path):
    monkeypatch.delenv(libraries.VARIABLE, raising=False)
    assert libraries.defines(("m55",)) == {}
    with pytest.raises(ToolchainError, match="no copy of it is named"):
        libraries.defines(("cmsis-nn",))
    with pytest.raises(InputError, match="there is no folder"):
        libraries.defines(("cmsis-nn",), tmp_path / "missing")
    monkeypatch.setenv(libraries.VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="is no CMSIS-NN"):
        libraries.defines(("cmsis-nn",))
    (tmp_path / "Include").mkdir()
    (tmp_path / "Include" / "arm_nnfunctions.h").write_text("/* $Revision: V.18.0.0 */")
    assert libraries.defines(("cmsis-nn",)) == {"OCRM55_CMSIS_NN": str(tmp_path.resolve())}


def test_sums_of_a_turned_sign_are_left_to_other_kernels():
    assert refusal(SumInt8(8, 0.1, 0, 0.2, 0, 0.3, 0)) is None
    for steps in ((-0.1, 0.2, 0.3), (0.1, 0.0, 0.3), (0.1, 0.2, -0.3)):
        assert "positive" in (refusal(SumInt8(8, steps[0], 0, steps[1], 0, steps[2], 0)) or "")


def test_factors_beyond_all_shifts_are_refused():
    with pytest.raises(UnsupportedError, match="2\\^30"):
        multiplier_and_shift(2.0**31)
