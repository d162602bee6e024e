"""Other PaddleOCR recognizers than the bundled one, with random weights: float32 and int8 on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ocrm55.compiler import artifact as artifacts
from ocrm55.compiler import pipeline
from ocrm55.compiler.artifact import Contents, Written
from ocrm55.compiler.onnx_graph import entrance, frontend
from ocrm55.compiler.operators.int8.pool import MaxPool
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import choice
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.inference import PaddleRecognizer
from ocrm55.tasks.recognizer.model import RecognizerFolder
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests import networks
from tests.once import Once
from tests.unit.compiler.graphs import folded
from tests.unit.compiler.host_program import HostProgram, build_host
from tests.unit.compiler.onnx_networks import network, reference

from .operator_comparison import compare

SMALL = ("small_ppocrv4", "small_plain")
TOLERANCE = 1e-4  # of a probability, against Paddle


@pytest.fixture(scope="module")
def folders(once: Once) -> dict[str, Path]:
    """Paddle inference folders of the small networks, by name."""
    names = (*SMALL, "logits", "lstm")
    return once("small-networks", lambda root: {name: networks.RECIPES[name].write(root / name) for name in names})


@pytest.fixture(scope="module")
def programs(folders: dict[str, Path], once: Once) -> dict[tuple[str, str], HostProgram]:
    """The small networks as programs of the host, by name and precision."""

    def make(root: Path) -> dict[tuple[str, str], HostProgram]:
        hosts = {}
        for name in SMALL:
            float32 = pipeline.compile_model(
                folders[name], root / f"{name}-float32", RECOGNIZER, CompileOptions(precision="float32")
            )
            int8 = in_int8(float32, root / f"{name}-int8")
            hosts |= {(name, "float32"): build_host(float32), (name, "int8"): build_host(int8)}
        return hosts

    return once("small-programs", make)


def in_int8(float32: Written, destination: Path) -> Written:
    """The network of a float32 artifact in int8, without another conversion from Paddle."""
    options = CompileOptions(precision="int8")
    source = float32.directory / "model.onnx"
    network = RECOGNIZER.network(source)
    model = pipeline.quantised(entrance.read(source), network, RECOGNIZER.calibration, options)
    targets = choice.on_core("int8")
    program, plan = pipeline.planned(model, targets, options)
    return artifacts.write(program, plan, Contents(model, targets), destination)


def pixels_of(name: str, sample: str = "wide", columns: int | None = None) -> np.ndarray:
    recipe = networks.RECIPES[name]
    picture = Path(__file__).parents[3] / "models" / "samples" / f"{sample}.png"
    return image.resize(read_image(picture), recipe.height, columns or recipe.width)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("sample", ["wide", "digit", "noisy"])
def test_float32_equals_paddle(name, sample, programs, folders):
    pixels = pixels_of(name, sample)
    expected = PaddleRecognizer(folders[name]).probabilities(image.normalise(pixels, networks.RECIPES[name].width))
    assert np.abs(programs[name, "float32"].read(pixels)[0] - expected).max() <= TOLERANCE


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("columns", [1, 33, None])
def test_int8_equals_the_integer_reference_bit_for_bit(name, columns, programs):
    program = programs[name, "int8"]
    pixels = pixels_of(name, columns=columns)
    expected = IntegerReference(program.artifact.program).probabilities(pixels)
    found = program.read(pixels).reshape(expected.shape)
    assert (found.view(np.int32) == expected.view(np.int32)).all()


@pytest.mark.parametrize(("name", "least"), [("small_ppocrv4", 45), ("small_plain", 30)])
def test_each_int8_operator_equals_onnx_runtime_on_the_same_inputs(name, least, programs):
    artifact = programs[name, "int8"].artifact
    model = onnx.load(artifact.directory / "model.onnx")
    assert compare(IntegerReference(artifact.program), model, pixels_of(name)) >= least


def test_a_layer_without_activation_keeps_both_ends(programs):
    """PPLCNetV3's first convolution: what hard-swish would have cut off below, the depthwise layer behind it reads."""
    artifact = programs["small_ppocrv4", "int8"].artifact
    model = onnx.load(artifact.directory / "model.onnx")
    written = next(node.output[0] for node in model.graph.node if node.op_type == "Conv")
    quantise = next(node for node in model.graph.node if node.op_type == "QuantizeLinear" and written in node.input)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    scale, zero = constants[quantise.input[1]], constants[quantise.input[2]].reshape(-1)[0]
    float32 = entrance.read(programs["small_ppocrv4", "float32"].artifact.directory / "model.onnx")
    tensor = image.normalise(pixels_of("small_ppocrv4"), 64)
    float32.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(written, 1, None))
    values = reference(float32, tensor)[0].reshape(len(scale), -1)
    assert (values.min(axis=1) < 0).any()
    q = np.rint(values / scale[:, None]) + zero
    assert ((q < -128) | (q > 127)).mean() < 0.01


def test_an_affine_block_costs_no_operator(programs):
    kinds = [operator.kind for operator in programs["small_ppocrv4", "int8"].artifact.program.steps]
    assert kinds.count("multiply_int8") == 2  # the gates of squeeze and excite
    titles = [
        o.spec.title for o in programs["small_ppocrv4", "float32"].artifact.program.steps if o.kind == "primitive"
    ]
    assert sum("add" in title for title in titles) == 4  # the residual stream of two blocks
    assert sum("multiply" in title for title in titles) == 2 + 2  # the gates, and the queries of two blocks


def test_the_largest_of_integers_keeps_their_quantisation(programs):
    specs = [operator.spec for operator in programs["small_plain", "int8"].artifact.program.steps]
    (pool,) = [spec for spec in specs if isinstance(spec, MaxPool)]
    assert (pool.height, pool.output_height, pool.kernel, pool.strides) == (2, 1, (2, 2), (2, 2))


def test_labels_are_the_dictionary_with_or_without_a_space(programs, folders):
    header = (programs["small_plain", "float32"].artifact.directory / "include" / "labels.h").read_text()
    recipe = networks.RECIPES["small_plain"]
    assert f"ocrm55_labels[{recipe.classes}]" in header
    assert r'"\344\270\200", /* 1 */' in header  # the first ideograph, in UTF-8
    assert RecognizerFolder(folders["small_plain"]).charset == ["", *recipe.characters]
    assert RecognizerFolder(folders["small_ppocrv4"]).charset == ["", *networks.LATIN, " "]


def test_another_width_and_height_than_the_folder_says(folders, tmp_path):
    options = CompileOptions(precision="float32", width=96)
    program = pipeline.compile_model(folders["small_ppocrv4"], tmp_path / "wide", RECOGNIZER, options).program
    assert program.input_size == (3, 48, 96)
    assert program.output.shape[-2:] == (12, 48)
    with pytest.raises(InputError, match=r"not one image \[1, 3, 32, 64\]"):  # its rows are fixed in the program
        pipeline.compile_model(
            folders["small_ppocrv4"], tmp_path / "low", RECOGNIZER, CompileOptions(precision="float32", height=32)
        )


@pytest.mark.parametrize("width", [15, 100_000])
def test_a_width_that_no_recognizer_has(width, folders, tmp_path):
    with pytest.raises(InputError, match=f"{width} columns cannot be read"):
        pipeline.compile_model(
            folders["small_plain"], tmp_path / "out", RECOGNIZER, CompileOptions(precision="float32", width=width)
        )
    assert not (tmp_path / "out").exists()


def test_logits_become_probabilities(folders, capsys):
    model = pipeline.load(RECOGNIZER.network(folders["logits"]))
    tensor = image.normalise(pixels_of("logits"), 64)
    found = reference(model, tensor)[0]
    assert model.graph.node[-1].op_type == "Softmax"
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert np.abs(found - PaddleRecognizer(folders["logits"]).probabilities(tensor)).max() <= TOLERANCE


def test_an_lstm_is_refused_by_name_and_place(folders, tmp_path):
    with pytest.raises(UnsupportedError, match=r"operator LSTM of layer .*lstm") as refused:
        pipeline.compile_model(folders["lstm"], tmp_path / "out", RECOGNIZER, CompileOptions(precision="float32"))
    assert any("compiler/onnx_graph/frontend.py" in each and "docs/models.md" in each for each in refused.value.tries)
    assert not (tmp_path / "out").exists()


def test_an_operator_without_integers_is_refused_by_name_and_place():
    model = network([1, 3, 16, 16], [("Erf", ["x"], "e", {}), ("Relu", ["e"], "y", {})], {}, [1, 3, 16, 16])
    with pytest.raises(UnsupportedError, match=r"operator erf of layer Erf\.0") as refused:
        pipeline.to_program(model, CompileOptions(precision="int8"))
    assert any("lowering/int8" in each for each in refused.value.tries)


AFFINE = {
    "behind": [
        ("Conv", ["x", "w"], "c"),
        ("Mul", ["c", "s"], "m"),
        ("Add", ["m", "b"], "a"),
        ("HardSwish", ["a"], "y"),
    ],
    "before": [
        ("HardSwish", ["x"], "h"),
        ("Mul", ["h", "s"], "m"),
        ("Add", ["m", "b"], "a"),
        ("Conv", ["a", "w"], "y"),
    ],
    "depthwise": [("HardSwish", ["x"], "h"), ("Mul", ["s", "h"], "m"), ("Conv", ["m", "d"], "y")],
}


@pytest.mark.parametrize("chain", AFFINE)
@pytest.mark.parametrize("size", [(1,), (1, 4, 1, 1)])
def test_factors_and_offsets_go_into_convolutions(chain, size):
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in {
        "w": (4, 4, 1, 1), "d": (4, 1, 3, 3), "s": size, "b": size}.items()}  # fmt: skip
    attributes = {"Conv": {"group": 4, "pads": [1] * 4} if chain == "depthwise" else {}}
    nodes = [(*node, attributes.get(node[0], {})) for node in AFFINE[chain]]
    used = {name: value for name, value in weights.items() if any(name in node[1] for node in nodes)}
    model = network([1, 4, 6, 8], nodes, used, [1, 4, 6, 8])
    tensor = rng.normal(size=(1, 4, 6, 8)).astype(np.float32)
    folded_model = folded(model).model()
    assert sorted(node.op_type for node in folded_model.graph.node) == ["Conv", "HardSwish"]
    np.testing.assert_allclose(reference(folded_model, tensor), reference(model, tensor), rtol=1e-5, atol=1e-5)


def test_an_offset_stays_in_front_of_a_border():
    nodes = [("HardSwish", ["x"], "h", {}), ("Add", ["h", "b"], "a", {}), ("Conv", ["a", "w"], "y", {"pads": [1] * 4})]
    weights = {"b": np.float32([2]), "w": np.ones((4, 4, 3, 3), np.float32)}
    graph = folded(network([1, 4, 6, 8], nodes, weights, [1, 4, 6, 8]))
    assert [node.op_type for node in graph.nodes] == ["HardSwish", "Add", "Conv"]


def test_weights_that_two_convolutions_share_are_folded_apart():
    nodes = [("Conv", ["x", "w"], "c", {}), ("Mul", ["c", "s"], "m", {}), ("Conv", ["m", "w"], "y", {})]
    weights = {"w": np.random.default_rng(0).normal(size=(4, 4, 1, 1)).astype(np.float32), "s": np.float32([3])}
    model = network([1, 4, 6, 8], nodes, weights, [1, 4, 6, 8])
    folded_model = folded(model).model()
    assert len([each for each in folded_model.graph.initializer if numpy_helper.to_array(each).ndim == 4]) == 2
    tensor = np.random.default_rng(1).normal(size=(1, 4, 6, 8)).astype(np.float32)
    np.testing.assert_allclose(reference(folded_model, tensor), reference(model, tensor), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("gain", [1.3, -0.7])
def test_an_activation_with_an_affine_block_is_one_operator(gain, check):
    nodes = [("Conv", ["x", "w"], "c", {"pads": [1] * 4}), ("HardSwish", ["c"], "h", {}), ("Mul", ["s", "h"], "m", {}),
             ("Add", ["m", "b"], "a", {}), ("Conv", ["a", "w"], "y", {"pads": [1] * 4})]  # fmt: skip
    weights = {"w": np.random.default_rng(0).normal(size=(4, 4, 3, 3)).astype(np.float32)}
    weights |= {"s": np.float32([gain]), "b": np.float32([0.4])}
    artifact = check(network([1, 4, 6, 8], nodes, weights, [1, 4, 6, 8]))
    assert [operator.kind for operator in artifact.program.steps] == ["conv2d", "conv2d"]
    assert frontend.load(network([1, 4, 6, 8], nodes, weights, [1, 4, 6, 8])).layers
