"""What cannot be compiled is refused in one sentence that names the operator or the size, with something to try."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.float32 import Softmax
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import fused
from ocrm55.compiler.targets.base import Target, assign
from ocrm55.compiler.targets.c.target import CTarget
from ocrm55.errors import InputError, UnsupportedError
from tests.unit.compiler.host_program import compile_onnx
from tests.unit.compiler.onnx_networks import network

RELU = [("Relu", ["x"], "y", {})]


def refused(model, *words):
    with pytest.raises(UnsupportedError) as trouble:
        pipeline.check_interface(pipeline.to_program(model, CompileOptions(model_name="test", precision="float32")))
    for word in words:
        assert word in trouble.value.sentence
    assert trouble.value.tries


def test_an_operator_unknown_to_tvm_is_named_with_its_layer():
    model = network([1, 3, 4, 4], [("Relu", ["x"], "r", {}), ("Det", ["r"], "y", {})], {}, [1, 3])
    refused(model, "Det", "Det.1")


def test_an_operator_that_the_generator_cannot_print_is_named_with_its_layer(tmp_path):
    model = network([1, 3, 4, 4], [("Relu", ["x"], "r", {}), ("Acosh", ["r"], "y", {})], {}, [1, 3, 4, 4])
    with pytest.raises(UnsupportedError) as trouble:
        compile_onnx(model, tmp_path / "artifact")
    assert "Acosh.1" in trouble.value.sentence and trouble.value.tries
    assert not (tmp_path / "artifact").exists()


def test_a_mean_over_everything_in_int8():
    """ONNX names no axes for it."""
    nodes = [("Conv", ["x", "w"], "a", {}), ("ReduceMean", ["a"], "m", {"keepdims": 1}), ("Mul", ["a", "m"], "y", {})]
    graph = Graph(network([1, 3, 4, 4], nodes, {"w": np.ones((3, 3, 1, 1), np.float32)}, [1, 3, 4, 4]))
    fused.quantize(graph, [])
    with pytest.raises(UnsupportedError, match="is not over an image"):
        pipeline.to_program(graph.model(), CompileOptions(precision="int8"))


def test_a_dynamic_shape():
    model = network([1, 3, 4, 4], RELU, {}, [1, 3, 4, 4])
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "width"
    refused(model, "static shapes", "width")


def test_an_old_opset():
    refused(network([1, 3, 4, 4], RELU, {}, [1, 3, 4, 4], opset=9), "opset 9")


def test_two_inputs():
    model = network([1, 3, 4, 4], [("Add", ["x", "z"], "y", {})], {}, [1, 3, 4, 4])
    model.graph.input.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 3, 4, 4]))
    refused(model, "2 inputs")


def test_an_input_that_is_no_image():
    refused(network([3, 4], RELU, {}, [3, 4]), "3x4")


def test_an_integer_input():
    model = network([1, 3, 4, 4], [("Cast", ["x"], "y", {"to": 1})], {}, [1, 3, 4, 4])
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT32
    refused(model, "INT32")


def test_a_precision_that_is_not_there():
    model = network([1, 3, 4, 4], RELU, {}, [1, 3, 4, 4])
    with pytest.raises(UnsupportedError, match="bfloat16"):
        pipeline.to_program(model, CompileOptions(precision="bfloat16"))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12\x04abcd" * 9])
def test_a_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a valid ONNX model"):
        entrance.read(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="not a valid ONNX model"):
        entrance.read(tmp_path / "none.onnx")


class NoTarget(Target):
    """Takes nothing."""

    name = "none"

    def refusal(self, operator, program):
        return "it is tired"

    def emit(self, operator, program):
        raise AssertionError


def program_of_one(dtype):
    program = Program("one", "float32")
    program.add(Tensor("x", (4,), dtype, "input", "x"))
    program.add(Tensor("y", (4,), dtype, "output", "y"))
    program.operators.append(Operator("y", "layer", Softmax(1, 4), ["x"], ["y"]))
    return program


def test_targets_are_asked_in_order_and_their_reasons_kept():
    program = program_of_one("float32")
    assign(program, [NoTarget(), CTarget()])
    assert program.operators[0].target == "c"
    assert program.operators[0].why_not == {"none": "it is tired"}


def test_an_operator_that_no_target_takes():
    with pytest.raises(UnsupportedError, match=r"softmax of layer layer \(none: it is tired; c: has float32"):
        assign(program_of_one("int8"), [NoTarget(), CTarget()])


def test_layer_names_cannot_break_out_of_comments_and_strings(check):
    model = network([1, 3, 4, 4], RELU, {}, [1, 3, 4, 4])
    model.graph.node[0].name = '*/ "??/\n int'
    artifact = check(model)
    metadata = json.loads((artifact.directory / "metadata.json").read_text())
    assert metadata["operators"][0]["name"] == '*/ "??/\n int'


def test_identical_weights_are_stored_once(check):
    weights = {"w": np.eye(4, dtype=np.float32)}
    nodes = [("MatMul", ["x", "w"], "a", {}), ("Relu", ["a"], "r", {}), ("MatMul", ["r", "w"], "y", {})]
    artifact = check(network([1, 1, 4, 4], nodes, weights, [1, 1, 4, 4]))
    assert artifact.weight_bytes == 64
