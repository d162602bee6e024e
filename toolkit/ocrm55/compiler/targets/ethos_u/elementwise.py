"""Sums, factors and functions of single elements."""

from __future__ import annotations

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, Lookup, Quantize, Sum, SumInt8
from ocrm55.compiler.operators.program import Operator, Quantization
from ocrm55.compiler.targets.ethos_u import lookup_tables
from ocrm55.compiler.targets.ethos_u.npu_operator import NpuOperator, refused
from ocrm55.compiler.targets.ethos_u.tflite_file import NONE, File

SIGMOID = Quantization(1 / 256, -128)  # what TFLite prescribes for the result of LOGISTIC
FUNCTIONS = ("relu", "hard_swish", "sigmoid", "swish")


def _channel_multiply(file: File, operator: Operator) -> None:
    image = file.images[operator.inputs[0]]
    gate = file.image(operator.inputs[1], (1, 1, 1, image.shape[3]))
    result = file.write_output(operator, image.shape)
    file.writer.operator("MUL", [image.index, gate.index], [result.index], "MulOptions", FusedActivationFunction=NONE)


def _add(file: File, operator: Operator) -> None:
    left = file.images[operator.inputs[0]]
    right = file.image(operator.inputs[1], left.shape)
    result = file.write_output(operator, left.shape)
    file.writer.operator("ADD", [left.index, right.index], [result.index], "AddOptions", FusedActivationFunction=NONE)


def _lookup(file: File, operator: Operator) -> None:
    """A function of one value: TFLite's, or a table. TFLite has no swish: x times sigmoid(x)."""
    spec = operator.spec
    assert isinstance(spec, Lookup)
    image, name = file.images[operator.inputs[0]], operator.outputs[0]
    result = file.write_output(operator, image.shape)
    if (spec.gain, spec.offset) != (1.0, 0.0):
        lookup_tables.write(file, operator, image, result)
    elif spec.function == "relu":
        file.writer.operator("RELU", [image.index], [result.index])
    elif spec.function == "hard_swish":
        file.writer.operator("HARD_SWISH", [image.index], [result.index], "HardSwishOptions")
    else:
        sigmoid = file.new(f"{name}_sigmoid", image.shape, SIGMOID)
        file.writer.operator("LOGISTIC", [image.index], [sigmoid.index])
        if spec.function == "swish":
            pair = [image.index, sigmoid.index]
            file.writer.operator("MUL", pair, [result.index], "MulOptions", FusedActivationFunction=NONE)
        else:
            file.writer.operator("QUANTIZE", [sigmoid.index], [result.index], "QuantizeOptions")


def _lookup_refusal(spec: Lookup) -> str | None:
    return None if spec.function in FUNCTIONS else f"has no table for {spec.function or 'this function'}"


OPERATORS: dict[type[Spec], NpuOperator] = {
    ChannelMultiply: NpuOperator(_channel_multiply),
    SumInt8: NpuOperator(_add),
    Lookup: NpuOperator(_lookup, _lookup_refusal),
    Dequantize: refused("computes integers, this gives float32"),
    Quantize: refused("computes integers, this reads float32"),
    Sum: refused("computes integers, this sum is float32"),
}
