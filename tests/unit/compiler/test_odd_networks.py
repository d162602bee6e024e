"""Small networks with odd forms of operators, in which such networks found faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.compiler import check, pipeline
from ocrm55.compiler.lowering.int8.epilogues import channel_tables, epilogue_of, function_table
from ocrm55.compiler.operators.float32 import Activation
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.arithmetic import finish
from ocrm55.compiler.targets import choice
from ocrm55.errors import UnsupportedError
from ocrm55.export import onnx_model
from tests.random_networks import odd, trial
from tests.random_networks.networks import Case
from tests.random_networks.programs import Builder
from tests.unit.compiler.onnx_networks import network, reference

COUNT, FIRST = 200, 760501
INT8 = ["fused", "unfused", "library"]
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("odd-networks"))


@pytest.mark.slow
def test_odd_networks(builder: Builder) -> None:
    results = list(trial.run((odd.case(FIRST + number) for number in range(COUNT)), builder, odd.compiled))
    wrong = [f"{each.seed} {each.style}: {each.reason}" for each in results if each.kind == "wrong"]
    assert wrong == [], "python -m tests.random_networks --odd --count 1 --seed SEED tries one of them"
    assert sum(each.kind == "right" for each in results) >= COUNT // 8


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def rows(nodes: list[tuple], constants: dict[str, np.ndarray], shape: list[int]) -> onnx.ModelProto:
    """An image 1 x 3 x 4 x 6 as 24 rows, `r`, and nodes that give `y` of these."""
    first = [("Transpose", ["x"], "t", {"perm": [0, 2, 3, 1]}), ("Reshape", ["t", "rows"], "r", {})]
    constants = {"rows": np.array([1, 24, 3]), "w": numbers(3, 5), **constants}
    return network([1, 3, 4, 6], [*first, *nodes], constants, shape)


BIASES = {"()": (), "1": (1,), "1x1x1": (1, 1, 1), "5": (5,), "1x5": (1, 5), "1x1x5": (1, 1, 5)}


@pytest.mark.parametrize("style", INT8)
@pytest.mark.parametrize("form", BIASES)
def test_a_bias_may_have_any_form(form: str, style: str, builder: Builder) -> None:
    """One number for all outputs was a traceback."""
    nodes = [("MatMul", ["r", "w"], "m", {}), ("Add", ["b", "m"], "y", {})]
    model = rows(nodes, {"b": np.asarray(numbers(*BIASES[form]))}, [1, 24, 5])
    (result,) = trial.run([Case(0, style, model)], builder, odd.compiled)
    assert (result.kind, result.reason) == ("right", "")


@pytest.mark.parametrize("style", INT8)
@pytest.mark.parametrize("shape", [(24, 5), (24, 1), (1, 1, 1, 5)])
def test_what_is_added_to_rows_is_no_bias(shape: tuple[int, ...], style: str, builder: Builder) -> None:
    """Positions that are added behind a layer were a traceback."""
    nodes = [("MatMul", ["r", "w"], "m", {}), ("Add", ["m", "b"], "y", {})]
    model = rows(nodes, {"b": numbers(*shape)}, [1] * (len(shape) == 4) + [1, 24, 5])
    (result,) = trial.run([Case(0, style, model)], builder, odd.compiled)
    assert result.kind == "refused"
    assert "has no int_ operator" in result.reason


def test_limits_turn_around_behind_a_factor_below_0() -> None:
    """The limits of a ReLU stayed where they were, and all values became 0."""
    step, below = np.full(2, 0.01), Quantization(np.full(2, -0.1, np.float32), 27)
    relu, _ = epilogue_of(Activation("relu"), step, below, 2)
    assert (relu.low, relu.high, relu.zero_point) == (-128, 27, 27)
    gate = Quantization(np.full(2, -1 / 254, np.float32), 127)
    sigmoid, _ = epilogue_of(Activation("hard_sigmoid", alpha=1 / 6, beta=0.5), step, gate, 2)
    assert (sigmoid.low, sigmoid.high, sigmoid.zero_point) == (-127, 127, 0)
    both = Quantization(np.array([0.1, -0.1], np.float32), 0)
    with pytest.raises(UnsupportedError, match="both signs"):
        epilogue_of(Activation("relu"), step, both, 2)


@pytest.mark.parametrize("style", ["float32", *INT8])
@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_one_channel_may_be_spread_in_front_of_a_convolution(op: str, style: str, builder: Builder) -> None:
    """The constant was folded into the weights, and the convolution then read one channel of three."""
    nodes = [
        ("Conv", ["x", "one"], "a", {}),
        (op, ["a", "three"], "b", {}),
        ("Conv", ["b", "w"], "y", {}),
    ]
    constants = {"one": numbers(1, 3, 1, 1), "three": numbers(3, 1, 1), "w": numbers(4, 3, 1, 1)}
    (result,) = trial.run(
        [Case(0, style, network([1, 3, 4, 6], nodes, constants, [1, 4, 4, 6]))], builder, odd.compiled
    )
    assert result.kind == ("right" if style == "float32" else "refused")


def test_an_index_that_is_one_number_takes_its_axis_away(tmp_path: Path) -> None:
    """A constant without axes got one when a file was read."""
    model = network([1, 3, 4, 6], [("Gather", ["x", "i"], "y", {"axis": 2})], {"i": np.asarray(1)}, [1, 3, 6])
    onnx.save(model, tmp_path / "model.onnx")
    tensor = numbers(1, 3, 4, 6)
    found = reference(onnx_model.static_file(tmp_path / "model.onnx", (1, 3, 4, 6)), tensor)
    np.testing.assert_array_equal(found, tensor[:, :, 1])


def test_constants_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    """Old exporters list them there; the model "had no input `None`"."""
    model = network([1, 3, 4, 6], [("Mul", ["x", "w"], "y", {})], {"w": numbers(3, 1, 1)}, [1, 3, 4, 6])
    model.graph.input.append(onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [3, 1, 1]))
    onnx.save(model, tmp_path / "model.onnx")
    cleaned = onnx_model.static_file(tmp_path / "model.onnx", (1, 3, 4, 6))
    assert [each.name for each in cleaned.graph.input] == ["x"]


def test_an_output_that_is_a_constant_is_a_sentence(tmp_path: Path) -> None:
    """It was a traceback of ONNX's checker."""
    nodes = [("Relu", ["x"], "z", {}), ("Neg", ["c"], "y", {})]
    onnx.save(network([1, 3, 4, 6], nodes, {"c": numbers(2, 3)}, [2, 3]), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedError, match="nothing to compile"):
        onnx_model.static_file(tmp_path / "model.onnx", (1, 3, 4, 6))


@pytest.mark.parametrize("name", ["w", "layer.weight"])
def test_convolutions_that_share_weights_keep_their_batch_norms(name: str, tmp_path: Path) -> None:
    """One took the weights of the other."""
    norm = ["one", "two", "two", "one"]
    nodes = [
        ("Conv", ["x", name], "a", {}),
        ("BatchNormalization", ["a", *norm], "b", {}),
        ("Conv", ["x", name], "c", {}),
        ("BatchNormalization", ["c", *norm[::-1]], "d", {}),
        ("Conv", ["x", name], "e", {}),
        ("Sum", ["b", "d", "e"], "y", {}),
    ]
    constants = {name: numbers(4, 3, 1, 1), "one": np.float32([1, 2, 3, 4]), "two": np.float32([2, 0.5, 1, 3])}
    model, tensor = network([1, 3, 4, 6], nodes, constants, [1, 4, 4, 6]), numbers(1, 3, 4, 6)
    wanted = reference(model, tensor)
    onnx.save(model, tmp_path / "model.onnx")
    found = reference(onnx_model.static_file(tmp_path / "model.onnx", (1, 3, 4, 6)), tensor)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


SCALES = {"s": np.float32([1, 1, 1.5, 1.25])}


@pytest.mark.parametrize("style", ["float32", *INT8])
def test_an_image_grows_by_a_part_to_the_nearest_pixels(style: str, builder: Builder) -> None:
    """TVM took the quotients of the sizes for the scales; int8 refused it."""
    nodes = [
        ("Conv", ["x", "w3"], "c", {"pads": [1] * 4}),
        ("Resize", ["c", "", "s"], "z", {}),
        ("Conv", ["z", "w4"], "y", {}),
    ]
    constants = {"w3": numbers(4, 3, 3, 3), "w4": numbers(5, 4, 1, 1), **SCALES}
    model = network([1, 3, 5, 6], nodes, constants, [1, 5, 7, 7])
    (result,) = trial.run([Case(1, style, model)], builder, odd.compiled)
    assert (result.kind, result.reason) == ("right", "")


STEPS = {
    "sign": np.sign,
    "positive": lambda x: (x > 0).astype(np.float64),
    "not-negative": lambda x: (x >= 0).astype(np.float64),
    "ceil": np.ceil,
    "floor": np.floor,
    "with-a-slope": lambda x: x / 4 + np.sign(x),
}


@pytest.mark.parametrize("by_channel", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_a_sum_of_0_is_exact_where_a_function_jumps(name: str, by_channel: bool) -> None:
    """The table gave its neighbour's value: in a blank part of a picture, all outputs were wrong."""
    step, activation = np.array([0.01, 0.013]), Activation("table", function=STEPS[name])
    if by_channel:
        quantised = Quantization(np.array([0.05, 0.04], np.float32), 3)
        epilogue, arrays, centre = channel_tables(activation, step, quantised, np.array([3.0, 4.0]))
    else:
        quantised = Quantization(np.full(2, 0.05, np.float32), 3)
        epilogue, arrays, centre = function_table(activation, step, quantised, 4.0)
    sums = np.array([[-233], [-1], [0], [1], [233]]) - centre
    found = finish(sums, epilogue, arrays["scale"], arrays["table"])
    wanted = np.rint(STEPS[name](np.array([[-233], [-1], [0], [1], [233]]) * step) / quantised.scale) + 3
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_an_image_grows_by_a_part_between_pixels(mode: str, builder: Builder) -> None:
    nodes = [("Relu", ["x"], "r", {}), ("Resize", ["r", "", "s"], "y", {"mode": mode})]
    model = network([1, 3, 5, 6], nodes, SCALES, [1, 3, 7, 7])
    (result,) = trial.run([Case(1, "float32", model)], builder, odd.compiled)
    assert (result.kind, result.reason) == ("right", "")


@pytest.mark.parametrize(
    ("seed", "style", "kind", "reason"),
    [
        # Columns became images of a pool: an array that did not fit was a traceback.
        (760145, "fused", "refused", "layer input/averagepool gives _ images; int_ has kernels for one."),
        # A PReLU whose slope has five axes: the comparison looked at ONNX Runtime's five as rows.
        (760215, "fused", "right", ""),
        # One number in front of a table: its histogram was a traceback.
        (760274, "fused", "refused", "operator sum of layer input/reducesumsquare has no int_ operator."),
        # That PReLU in front of a Resize, whose shape nobody can tell: a traceback of ONNX's checker.
        (760672, "float32", "refused", ""),
        # A constant times another, transposed: a view of bytes that the arena does not have was a traceback.
        (762037, "float32", "right", ""),
        # The sign of exactly 0 was 1, by a table: a blank part of a picture was wrong.
        (762150, "fused", "right", ""),
        # The remainder of float32 was C's %.
        (760376, "float32", "right", ""),
        (751007, "float32", "refused", "pooling input/maxpool is dilated, and ONNX and ONNX Runtime disagree about its "
         "border by auto_pad SAME_UPPER."),
    ],
)  # fmt: skip
def test_what_was_found(seed: int, style: str, kind: str, reason: str, builder: Builder) -> None:
    (result,) = trial.run([odd.case(seed, style)], builder, odd.compiled)
    assert result.kind == kind
    assert reason in result.reason


@pytest.mark.parametrize("style", ["m55", "cmsis-nn"])
def test_a_sum_that_gives_halves_may_round_them(style: str) -> None:
    """Two images with one scale, and the sum with twice that: up to half of the outputs are halves."""
    scales = {"one": np.float32(1 / 127), "two": np.float32(2 / 127), "part": np.float32(1 / 64), "zero": np.int8(0)}
    stored = [
        ("QuantizeLinear", ["x", "one", "zero"], "xq", {}),
        ("DequantizeLinear", ["xq", "one", "zero"], "xd", {}),
        ("MaxPool", ["xd"], "m", {"kernel_shape": [2, 1], "pads": [0, 0, 1, 0]}),
        ("QuantizeLinear", ["m", "one", "zero"], "mq", {}),
        ("DequantizeLinear", ["mq", "one", "zero"], "md", {}),
        ("Add", ["xd", "md"], "s", {}),
        ("QuantizeLinear", ["s", "two", "zero"], "sq", {}),
        ("DequantizeLinear", ["sq", "two", "zero"], "sd", {}),
        ("DequantizeLinear", ["w", "part", "zero"], "wd", {}),
        ("Conv", ["sd", "wd"], "y", {}),
    ]
    weights = RNG.integers(-64, 64, (4, 3, 1, 1), np.int8)
    model = trial.read(network([1, 3, 8, 12], stored, {**scales, "w": weights}, [1, 4, 8, 12]))
    options = CompileOptions(precision="int8", kernels=(style,))
    program, _ = pipeline.planned(model, choice.targets_for(options), options)
    rng, known = np.random.default_rng(0), program.input.quantization
    # Neighbours one above the other have 0 and 1, or 4 and 5: the half goes to even below, and to the next above.
    levels = rng.integers(0, 6, (1, 3, 1, 12)) * 4 + np.arange(8)[:, None] % 2
    tensor = (levels / 127).astype(np.float32)
    assert known is not None
    image = np.rint(tensor / np.float32(known.step)).astype(np.int8).transpose(0, 2, 3, 1)
    check.check_tensors(program, model, [tensor], lambda _: image)
