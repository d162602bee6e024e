"""Numbers that are none, infinite or extreme: the right value or one sentence, and no warning of numpy."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.compiler import check, pipeline
from ocrm55.compiler.onnx_graph import entrance, frontend
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import fused, ranges
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.targets import choice
from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError
from ocrm55.normalisation import Normalisation
from tests.unit.compiler.onnx_graph.hostile import IMAGE, MODELS, net

NUMBERS = [name for name in MODELS if name.startswith("number_")]
INPUTS = [np.random.default_rng(seed).uniform(-1, 1, IMAGE).astype(np.float32) for seed in range(3)]


def read(name: str, folder: Path) -> onnx.ModelProto:
    path = folder / "model.onnx"
    path.write_bytes(MODELS[name]().SerializeToString())
    return entrance.read(path)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_an_odd_number(name: str, precision: str, tmp_path: Path) -> None:
    options = CompileOptions(precision=precision, model_name="odd")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            model = read(name, tmp_path)
            if precision == "int8":
                frontend.check(model)
                graph = Graph(model)
                fused.quantize(graph, INPUTS)
                model = graph.model()
            program, plan = pipeline.planned(model, choice.targets_for(options), options)
            if precision == "int8":
                check.check_int8(program, model, Normalisation(), plan)
                floats = [t.data for t in program.tensors.values() if t.data is not None and t.data.dtype.kind == "f"]
                assert all(np.isfinite(each).all() for each in floats)
        except (InputError, UnsupportedError) as refusal:
            assert refusal.sentence.endswith(".") and refusal.tries


@pytest.mark.parametrize("name", [name for name in NUMBERS if name.endswith("_nan") and "folded" not in name])
def test_no_number_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(Ocrm55Error, match=r"no numbers \(NaN\)|is no finite number|is not above 0"):
        read(name, tmp_path)


def quantised_with(*nodes: tuple, **constants: np.ndarray) -> onnx.ModelProto:
    """A convolution, these operators from `a` to `r`, and a convolution, in int8."""
    rng = np.random.default_rng(0)
    given = {name: rng.normal(0, 0.5, (3, 3, 1, 1)).astype(np.float32) for name in ("w", "w2")}
    model = net(("Conv", ["x", "w"], "a", {}), *nodes, ("Conv", ["r", "w2"], "y", {}), **given, **constants)
    graph = Graph(model)
    fused.quantize(graph, INPUTS)
    return graph.model()


@pytest.mark.parametrize("alpha", [0.2, 3.0, 30.0, 1e5, -30.0])
def test_a_hard_sigmoid_of_any_slope(alpha: float) -> None:
    """Steep ones were lost in a table of the arguments from -10 to 10."""
    model = quantised_with(("HardSigmoid", ["a"], "r", {"alpha": alpha}))
    check.check_int8(pipeline.to_program(model, CompileOptions()), model, Normalisation())


def test_a_slope_for_each_channel_is_refused() -> None:
    model = quantised_with(("PRelu", ["a", "s"], "r", {}), s=np.float32([0.1, 0.2, 0.3]).reshape(3, 1, 1))
    with pytest.raises(UnsupportedError, match=r"prelu of layer .* has no int8 operator"):
        pipeline.to_program(model, CompileOptions())


def test_values_of_one_large_number_have_a_range() -> None:
    """float64 cannot cut so narrow a range into bins."""
    constant = np.float32([123456.0])
    histogram = Histogram(constant, constant, np.ones((1, 1024), np.int64), 0)
    assert ranges.per_tensor(histogram).step == pytest.approx(123456 / 255, rel=0.8)


def test_windows_with_gaps_or_borders_of_their_own_are_rounded_by_themselves() -> None:
    """Their windows were taken for dense ones, which may be larger than the picture."""
    weights = np.ones((3, 3, 2, 2), np.float32) / 3
    model = quantised_with(("Conv", ["a", "k"], "r", {"auto_pad": "SAME_UPPER"}), k=weights)
    check.check_int8(pipeline.to_program(model, CompileOptions()), model, Normalisation())
    dilated = quantised_with(("Conv", ["a", "k"], "r", {"dilations": [3, 3], "pads": [2, 2, 1, 1]}), k=weights)
    with pytest.raises(UnsupportedError, match="dilated"):
        pipeline.to_program(dilated, CompileOptions())
