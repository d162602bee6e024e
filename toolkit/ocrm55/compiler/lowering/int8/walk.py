"""QDQ to integer operators: walk the Relax function once, before anything folds its constants.

Relax is NCHW and float, with quantize and dequantize calls in between. The result is a Program in NHWC whose operators
read and write int8. A value is lowered when an operator needs it. A convolution followed by `quantize` becomes one
operator with an int8 result. The same convolution read by an addition becomes one with a float32 result.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.flat import FlatFunction, Node, shape_of
from ocrm55.compiler.lowering.int8 import convolution, elementwise, moves, pool, product, rows
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, has_one_step, step_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.unread_rows import drop_unread_rows
from ocrm55.compiler.lowering.int8.values import Origin, Value, image_index
from ocrm55.compiler.operators.program import Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
VISITORS: dict[str, Visitor] = {op: visit for family in FAMILIES for op, visit in family.VISITORS.items()}


@np.errstate(all="ignore")  # what is not finite is refused at the end
def to_program(function: FlatFunction, name: str, *, int8_output: bool = False) -> Program:
    """Lower a quantised network; raises UnsupportedError for a node without an integer operator.

    int8_output: whether the output stays int8, if it is quantised; otherwise it is float32.
    """
    s = Lowering(function, Builder(Program(name, "int8")))
    for parameter in function.params:
        _define_input(s, parameter)
    for node in function.nodes:
        if node.name not in s.absorbed and _is_computed(s, node):
            _visit(s, node)
    result = s.values[function.result.name]
    s.build.mark_output(_integers_of(s, result) if int8_output else s.build.dense_real(result, result.origin.layer))
    drop_unread_rows(s.build.program)
    _check_finite(s.build.program)
    return s.build.program


def _check_finite(program: Program) -> None:
    """Check that scales and float weights are finite: quotients of extreme scales leave float32."""
    for tensor in program.tensors.values():
        if tensor.data is not None and tensor.data.dtype.kind == "f" and not np.isfinite(tensor.data).all():
            raise UnsupportedError(f"a factor of layer {tensor.layer} does not fit float32.", TRIES)


def _integers_of(s: Lowering, result: Value) -> str:
    """The int8 tensor of the output, dense in the network's order."""
    layer = result.origin.layer
    if result.is_scaled or not has_one_step(result.origin):
        raise UnsupportedError(f"the output of layer {layer} is not quantised with one scale.", TRIES)
    name, quantised = s.build.stored(s.build.dense(result, layer, image=False), layer)
    tensor = s.build.program.tensors[name]
    tensor.shape, tensor.quantization = result.index.shape, Quantization(quantised.step, quantised.zero_point)
    return name


def _define_input(s: Lowering, parameter: relax.Var) -> None:
    shape = shape_of(parameter)
    if len(shape) != 4 or shape[0] != 1:
        raise UnsupportedError("int8 needs one image, 1 x channels x height x width, as input.", TRIES)
    _, channels, height, width = shape
    origin = Origin(height * width, channels, str(parameter.name))
    origin.write = _input_writer(s.build, origin, (height, width))
    s.values[parameter.name] = Value(origin, image_index(height, width, channels))


def _input_writer(build: Builder, origin: Origin, size: tuple[int, int]) -> Writer:
    """The input. The firmware writes it as int8, by a table of 256 entries that includes `quantize`."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        if quantised is None:
            raise UnsupportedError("the network reads its input as float32.", TRIES)
        shape = (1, *size, origin.channels)
        tensor = Tensor(origin.layer, shape, "int8", "input", origin.layer, channels_last=True)
        tensor.quantization = Quantization(step_of(quantised, origin.layer), quantised.zero_point)
        return build.program.add(tensor).name

    return write


def _is_computed(s: Lowering, node: Node) -> bool:
    """Whether a node depends on the input. Other values are looked up where they are needed."""
    arguments = node.args if isinstance(node.value, relax.Call) else [node.value]
    flat = [part for a in arguments for part in (a.fields if isinstance(a, relax.Tuple) else [a])]
    return any(isinstance(a, relax.Var) and a.name in s.values for a in flat)


def _visit(s: Lowering, node: Node) -> None:
    if isinstance(node.value, relax.Var):
        s.values[node.name] = s.values[node.value.name]
    elif node.op in VISITORS:
        VISITORS[node.op](s, node)
    else:
        raise UnsupportedError(
            f"operator {node.op.removeprefix('relax.') or type(node.value).__name__} of layer "
            f"{s.function.layer(node)} has no int8 operator.",
            TRIES,
        )
