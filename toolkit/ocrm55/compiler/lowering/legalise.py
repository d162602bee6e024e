"""TVM's part of the lowering: the remaining operators become fused TIR, and the result a Program."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import tvm
from tvm import relax, tirx
from tvm.relax import transform

from ocrm55.compiler.lowering.flat import FlatFunction, dtype_of, shape_of
from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.float32 import Primitive, View
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.errors import UnsupportedError

_PREFIX = "ocrm55."
# What is multiplied: in the title of TVM's loops, and the operator that they are of.
_COUNTED = {"conv2d": "relax.nn.conv2d", "matmul": "relax.matmul"}
MOST_FUSED = 64  # operators in one loop: its expression is printed by recursion
# Names of an operator's constant inputs.
_ROLES = {
    "conv2d": ("image", "weights", "bias"),
    "depthwise_conv2d": ("image", "weights", "bias"),
    "matmul": ("left", "weights", "bias"),
    "layer_norm": ("values", "scales", "shifts"),
}


def to_program(function: FlatFunction, name: str, precision: str) -> Program:
    """Legalise and fuse the remaining operators, then read the straight line of calls into a Program."""
    try:
        module = _fused(function.module())
    except Exception as trouble:  # TVM's passes raise classes of their own
        reason = str(trouble).strip().splitlines()[-1][:200].rstrip(".") or type(trouble).__name__
        raise UnsupportedError(f"TVM cannot make loops of the model: {reason}.", [advice.REPLACE]) from trouble
    reader = _Reader(module, function, Program(name, precision))
    return reader.read()


def _fused(module: tvm.IRModule) -> tvm.IRModule:
    """Relax operators to TIR functions; elementwise ones are fused with the operator before them."""
    passes = [
        transform.DeadCodeElimination(),
        transform.FoldConstant(),
        transform.DecomposeOpsForInference(),
        transform.CanonicalizeBindings(),
        transform.LegalizeOps(),
        transform.AnnotateTIROpPattern(),
        transform.FoldConstant(),
        transform.FuseOps(),
        transform.FuseTIR(),
        transform.DeadCodeElimination(),
        transform.CanonicalizeBindings(),
    ]
    config = {"relax.FuseOps.max_depth": MOST_FUSED}
    with tvm.target.Target({"kind": "c"}), tvm.transform.PassContext(opt_level=3, config=config):
        return tvm.transform.Sequential(passes)(module)


def _counts(function: FlatFunction, op: str) -> list[int]:
    """Multiply-accumulates of the products that TVM makes loops of, in their order: it makes one loop of each."""
    found = []
    for node in function.nodes:
        if node.op != op or function.is_taken(node) or all(function.constant(each) is not None for each in node.args):
            continue
        left, right = (shape_of(each) for each in node.args[:2])
        found.append(prod(node.shape) * (prod(right[1:]) if op == _COUNTED["conv2d"] else left[-1]))
    return found


class _Reader:
    """Walks the bindings of `main` once; knows the Program's tensor of each Relax variable."""

    def __init__(self, module: tvm.IRModule, function: FlatFunction, program: Program) -> None:
        self._module = module
        self._function = function
        self._program = program
        self._tensors: dict[str, str] = {}
        self._constants: dict[tuple[Any, ...], str] = {}
        self._counts = {part: _counts(function, op) for part, op in _COUNTED.items()}

    def read(self) -> Program:
        main = self._module["main"]
        for parameter in main.params:
            self._define(parameter, "input", str(parameter.name))
        bindings = [binding for block in main.body.blocks for binding in block.bindings]
        for binding in bindings:
            self._bind(binding.var, binding.value)
        result = self._program.tensors[self._tensors[main.body.body.name]]
        if result.role != "activation":
            raise UnsupportedError("the model's output is its input: nothing to compile.", ["ocrm55 export"])
        self._mark_output(result)
        return self._program

    def _bind(self, variable: relax.Var, value: relax.Expr) -> None:
        if isinstance(value, relax.Var):
            self._tensors[variable.name] = self._tensors[value.name]
            return
        callee = str(value.op.name) if isinstance(value, relax.Call) and hasattr(value.op, "name") else ""
        if callee == "relax.call_dps_packed":
            self._named(variable, value)
        elif callee == "relax.call_tir" and isinstance(variable.ty, relax.TensorType):
            self._primitive(variable, value)
        else:
            raise UnsupportedError(
                f"operator {callee.removeprefix('relax.') or type(value).__name__} of layer "
                f"{self._function.layers.get(str(variable.name), variable.name)} cannot become straight-line C.",
                [advice.REPLACE, advice.FLOAT],
            )

    def _named(self, variable: relax.Var, value: relax.Expr) -> None:
        key = str(value.args[0].global_symbol).removeprefix(_PREFIX)
        replacement, inputs = self._function.replacements[key], list(value.args[1].fields)
        if isinstance(replacement.spec, View) and not isinstance(inputs[0], relax.Var):
            data = self._function.constant(inputs[0])  # which TVM computed behind the lowering
            assert data is not None
            self._tensors[variable.name] = self._seen(variable, replacement.spec, replacement.layer, data)
            return
        self._append(variable, replacement.layer, replacement.spec, inputs)

    def _seen(self, variable: relax.Var, view: View, layer: str, data: np.ndarray) -> str:
        """The weight that is a constant under a view's shape."""
        shape = shape_of(variable)
        start = view.offset // data.itemsize
        part = np.ascontiguousarray(data).reshape(-1)[start : start + prod(shape)]
        return self._input(relax.const(part.reshape(shape)), f"{layer}_constant", layer)

    def _primitive(self, variable: relax.Var, value: relax.Expr) -> None:
        callee = value.args[0]
        body = self._module[callee]
        title = str(callee.name_hint)
        result = variable.same_as(self._module["main"].body.body)
        name = self._function.result.name if result else variable.name
        layer = self._function.layers.get(str(name), title)
        text = tvm.IRModule({"main": body.without_attr("global_symbol")}).script()
        if not isinstance(body, tirx.PrimFunc):
            raise UnsupportedError(f"`{title}` is no TIR function.", ["replace the operator in the model"])
        parts = [part for part in _COUNTED if part in title and self._counts[part]]
        count = sum(self._counts[part].pop(0) for part in parts)
        self._append(variable, layer, Primitive(title, text, body, count), list(value.args[1].fields))

    def _append(self, variable: relax.Var, layer: str, spec: Any, inputs: list[relax.Expr]) -> None:
        roles = _ROLES.get(spec.kind, ())
        names = [
            self._input(value, f"{layer}_{roles[index] if index < len(roles) else 'constant'}", layer)
            for index, value in enumerate(inputs)
        ]
        output = self._define(variable, "activation", layer)
        if isinstance(spec, View):
            output.view_of, output.view_offset = names[0], spec.offset
        self._program.operators.append(Operator(layer, layer, spec, names, [output.name]))

    def _define(self, variable: relax.Var, role: Any, layer: str) -> Tensor:
        tensor = Tensor(layer, shape_of(variable), dtype_of(variable), role, layer)
        self._program.add(tensor)
        self._tensors[variable.name] = tensor.name
        return tensor

    def _input(self, value: relax.Expr, name: str, layer: str) -> str:
        if isinstance(value, relax.Var):
            return self._tensors[value.name]
        data = self._function.constant(value)
        if data is None:
            raise UnsupportedError(f"layer {layer} reads a {type(value).__name__}.", ["ocrm55 export"])
        key = (str(data.dtype), data.shape, data.tobytes())
        if key not in self._constants:
            tensor = Tensor(name, data.shape, str(data.dtype), "weight", layer, np.ascontiguousarray(data))
            self._constants[key] = self._program.add(tensor).name
        return self._constants[key]

    def _mark_output(self, tensor: Tensor) -> None:
        """Give the output a tensor with bytes of its own, so that views of it need no special case."""
        owner = self._program.tensors[self._program.storage(tensor.name)]
        if owner.role == "input":
            raise UnsupportedError("the model's output is a view of its input: nothing to compile.", ["ocrm55 export"])
        if len(owner.shape) > 4 and owner.size == tensor.size:  # blocks of pixels that became rows of them
            owner.shape = tensor.shape
        owner.role = "output"
