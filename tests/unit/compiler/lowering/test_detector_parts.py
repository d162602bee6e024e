"""What a detector has and a recognizer has not, in int8: against ONNX Runtime on the quantised network."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ocrm55.compiler import check, pipeline
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.elementwise import SumInt8, SumUpsampled
from ocrm55.compiler.operators.int8.moves import Gather, Move
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import int8_output
from ocrm55.errors import UnsupportedError
from ocrm55.normalisation import Normalisation
from tests.unit.compiler.graphs import quantised
from tests.unit.compiler.onnx_networks import network

INT8 = CompileOptions(precision="int8")
BLOCK = {"kernel_shape": [2, 2], "strides": [2, 2]}
FLOOR = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def lowered(model: onnx.ModelProto, *, ends_in_int8: bool = False) -> Program:
    """The lowered network, compared with ONNX Runtime operator by operator."""
    rng = np.random.default_rng(1)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    inputs = [np.clip(rng.normal(0, 0.5, shape), -1, 1).astype(np.float32) for _ in range(4)]
    made = quantised(model, inputs).model()
    if ends_in_int8:
        int8_output.end_in_int8(made, 1 / 256, -128)
    program = pipeline.to_program(made, INT8)
    check.check_int8(program, made, Normalisation())
    return program


def weights(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}


def summed(factors: tuple[int, int], *, first: bool) -> onnx.ModelProto:
    """An image, and a smaller one that is enlarged; first: which side of the sum that is."""
    rows, columns = factors
    window = {"kernel_shape": [rows, columns], "strides": [rows, columns]}
    nodes = [
        ("Conv", ["x", "w"], "a", {}), ("Conv", ["x", "v"], "b", window),
        ("Resize", ["b", "", "f"], "e", FLOOR), ("Add", ["e", "a"] if first else ["a", "e"], "s", {}),
        ("Conv", ["s", "u"], "y", {"pads": [1] * 4}),
    ]  # fmt: skip
    made = weights(w=(6, 3, 1, 1), v=(6, 3, rows, columns), u=(5, 6, 3, 3))
    made["f"] = np.array([1, 1, rows, columns], np.float32)
    return network([1, 3, 8, 12], nodes, made, [1, 5, 8, 12])


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("factors", [(2, 2), (1, 3), (4, 1), (4, 2)])
def test_a_smaller_image_is_enlarged_while_it_is_added(factors: tuple[int, int], first: bool) -> None:
    program = lowered(summed(factors, first=first))
    (spec,) = [o.spec for o in program.operators if isinstance(o.spec, SumUpsampled | SumInt8)]
    assert isinstance(spec, SumUpsampled) and spec.factors == factors
    moved = [o for o in program.operators if isinstance(o.spec, Move | Gather)]
    assert [o.outputs[0] for o in moved] == [program.output.name], "only the output is brought to ONNX's order"


def test_images_of_one_size_are_added_in_int8() -> None:
    nodes = [
        ("Conv", ["x", "w"], "a", {}), ("Relu", ["a"], "r", {}), ("Conv", ["r", "v"], "b", {}),
        ("Add", ["r", "b"], "s", {}), ("Conv", ["s", "u"], "y", {}),
    ]  # fmt: skip
    program = lowered(
        network([1, 3, 8, 12], nodes, weights(w=(6, 3, 1, 1), v=(6, 6, 1, 1), u=(5, 6, 1, 1)), [1, 5, 8, 12])
    )
    assert [o.spec.count for o in program.operators if isinstance(o.spec, SumInt8)] == [8 * 12 * 6]


def head(channels: int) -> onnx.ModelProto:
    nodes = [
        ("Conv", ["x", "w"], "a", {"pads": [1] * 4}), ("Relu", ["a"], "r", {}),
        ("ConvTranspose", ["r", "t"], "b", BLOCK), ("Relu", ["b"], "q", {}),
        ("ConvTranspose", ["q", "u"], "c", BLOCK), ("Sigmoid", ["c"], "y", {}),
    ]  # fmt: skip
    made = weights(w=(8, 3, 3, 3), t=(8, 4, 2, 2), u=(4, channels, 2, 2))
    return network([1, 3, 8, 12], nodes, made, [1, channels, 32, 48])


def test_pixels_stay_in_blocks_until_the_end() -> None:
    program = lowered(head(1), ends_in_int8=True)
    pointwise = [o.spec for o in program.operators if isinstance(o.spec, Pointwise)]
    assert [(s.channels, s.outputs, s.output_height * s.output_width) for s in pointwise] == [(8, 16, 96), (4, 4, 384)]
    assert sum(isinstance(o.spec, Move) for o in program.operators) == 1
    assert (program.output.dtype, program.output.shape) == ("int8", (1, 1, 32, 48))
    assert program.output.quantization is not None
    assert (program.output.quantization.step, program.output.quantization.zero_point) == (1 / 256, -128)


def test_an_output_of_several_channels_has_the_order_of_the_model() -> None:
    program = lowered(head(3), ends_in_int8=True)
    assert (program.output.dtype, program.output.shape) == ("int8", (1, 3, 32, 48))


def test_without_a_note_the_output_is_float32() -> None:
    """As whoever compiles a quantised network of his own expects."""
    model = quantised(head(1), [np.zeros((1, 3, 8, 12), np.float32), np.ones((1, 3, 8, 12), np.float32)]).model()
    int8_output.end_in_int8(model, 1 / 256, -128)
    del model.metadata_props[:]
    assert pipeline.to_program(model, INT8).output.dtype == "float32"


def test_an_output_that_is_not_quantised_cannot_be_int8() -> None:
    model = quantised(head(1), [np.zeros((1, 3, 8, 12), np.float32), np.ones((1, 3, 8, 12), np.float32)]).model()
    onnx.helper.set_model_props(model, {int8_output.KEY: int8_output.VALUE})
    with pytest.raises(UnsupportedError, match="is not quantised with one scale"):
        pipeline.to_program(model, INT8)
