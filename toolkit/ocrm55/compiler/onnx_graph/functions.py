"""Functions of one value: operators that together give each element from the same element of one tensor.

Exporters write an activation in many ways: GELU is one operator or five, ReLU6 a clip or a pair of limits. All that
counts is the tensor that such a group reads and the one that it gives. In int8 the group is a table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocrm55.compiler.onnx_graph.graph import Function, Graph

MOST = 64  # operators in a group
# Of one tensor. Those of PAIRS read two: each is the group's own, or a constant with one number.
CURVES = frozenset(
    "Abs Celu Clip Cos Elu Erf Exp Floor Ceil Round Gelu HardSigmoid HardSwish LeakyRelu Log Mish Neg PRelu Reciprocal "
    "Relu Selu Shrink Sigmoid Sign Sin Softplus Softsign Sqrt Tanh ThresholdedRelu".split()
)
PAIRS = frozenset("Add Sub Mul Div Max Min Pow".split())
_LINEAR = frozenset("Add Sub Mul Div Neg".split())
# What kernels compute without a table of this kind: these operators, then a factor and an offset.
_KNOWN = (["Relu"], ["HardSwish"], ["HardSigmoid"], ["Sigmoid"], ["Sigmoid", "Mul"])


@dataclass(frozen=True)
class Candidate:
    """An operator that may belong to a group: its output, and the tensors that it reads besides constants."""

    output: str
    inputs: frozenset[str]


def group(
    source: str, candidates: Iterable[Candidate], users: Callable[[str], Collection[str]], *, shared: bool
) -> list[Candidate]:
    """The largest group of candidates that gives one tensor from `source`: nothing else reads what lies in between.

    candidates: in execution order. users: the outputs of the operators that read a tensor. shared: others may read
    the source as well.
    """
    behind: dict[str, set[str]] = {source: set()}  # member -> the members that it is computed from
    members: list[Candidate] = []
    for candidate in candidates:
        if candidate.inputs and candidate.inputs <= behind.keys() and len(members) < MOST:
            behind[candidate.output] = set().union(*(behind[name] | {name} for name in candidate.inputs))
            members.append(candidate)
    for last in reversed(members):
        inner = behind[last.output]
        whole = {*inner, last.output}
        if source in inner and all(set(users(name)) <= whole for name in inner if not (shared and name == source)):
            return [member for member in members if member.output in whole]
    return []


def find(graph: Graph) -> None:
    """Note the graph's functions of one value in `graph.functions`, under the outputs of their operators.

    Those that have kernels without a table, such as hard-swish, are left out.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    order = {id(node): place for place, node in enumerate(graph.nodes)}
    graph.functions = {}
    for source in [*graph.inputs, *(name for node in graph.nodes for name in node.output)]:
        known = graph.functions.get(source)
        if known is not None and known.result != source:
            continue
        nodes = _elementwise_behind(graph, source, readers, order)
        candidates = [Candidate(str(node.output[0]), frozenset(_computed(graph, node))) for node in nodes]
        found = group(source, candidates, lambda name: _outputs(graph, readers, name), shared=True)
        outputs = [member.output for member in found]
        inside = [node for node in nodes if node.output[0] in outputs]
        if found and not is_known(_steps(graph, inside)):
            function = Function(source, outputs[-1], tuple(outputs))
            graph.functions |= dict.fromkeys(outputs, function)


def _elementwise_behind(
    graph: Graph, source: str, readers: dict[str, list[onnx.NodeProto]], order: dict[int, int]
) -> list[onnx.NodeProto]:
    """Operators on single elements that read `source`, or each other, in execution order; MOST at most."""
    found: dict[int, onnx.NodeProto] = {}
    pending = [source]
    while pending and len(found) < MOST:
        for node in readers.get(pending.pop(), []):
            place = order[id(node)]
            if place not in found and node.output[0] not in graph.functions and is_elementwise(graph, node):
                found[place] = node
                pending.append(str(node.output[0]))
    return [found[place] for place in sorted(found)]


def _outputs(graph: Graph, readers: dict[str, list[onnx.NodeProto]], name: str) -> list[str]:
    """The first outputs of the readers of a tensor; "" too where it is the network's output."""
    end = [""] if name in graph.outputs else []
    return [str(node.output[0]) for node in readers.get(name, [])] + end


def _computed(graph: Graph, node: onnx.NodeProto) -> list[str]:
    return [str(name) for name in node.input if name and name not in graph.constants]


def is_elementwise(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether each element of a node's output needs only the same element of its inputs, and single numbers."""
    sizes = [graph.constants[name].size for name in node.input if name in graph.constants]
    computed = _computed(graph, node)
    if not computed or any(size != 1 for size in sizes) or len(node.output) != 1:
        return False
    if node.op_type in PAIRS:
        shapes = {graph.shape(name) for name in (*computed, node.output[0])}
        return len(node.input) == 2 and len(shapes) == 1
    return node.op_type in CURVES and len(computed) == 1 and computed[0] == node.input[0]


def _steps(graph: Graph, nodes: Sequence[onnx.NodeProto]) -> list[tuple[str, bool]]:
    return [(str(node.op_type), len(_computed(graph, node)) == 1) for node in nodes]


def is_known(steps: Sequence[tuple[str, bool]]) -> bool:
    """Whether a group has a kernel without a table, or is linear.

    steps: of each operator its ONNX name, and whether it reads one tensor besides constants.
    """
    if all(name in _LINEAR and one for name, one in steps):
        return True
    rest = [name for name, _ in steps]
    for known in _KNOWN:
        if rest[: len(known)] == known and (known != ["Sigmoid"] or rest[1:2] != ["Mul"] or steps[1][1]):
            after = rest[len(known) :]
            after = after[1:] if after[:1] == ["Mul"] else after
            after = after[1:] if after[:1] == ["Add"] else after
            return set(after) <= {"Mul"} and all(one for _, one in steps[len(known) :])
    return False


def curve(graph: Graph, function: Function) -> Callable[[np.ndarray], np.ndarray]:
    """A function of the graph as one of arrays, float64, by ONNX's own definition of its operators."""
    from onnx.reference import ReferenceEvaluator  # takes a while to import, and few networks need it

    nodes = [node for node in graph.nodes if node.output[0] in function.outputs]
    used = {name for node in nodes for name in node.input}
    constants = [numpy_helper.from_array(v.reshape(()), k) for k, v in graph.constants.items() if k in used]
    start, end = (
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [None]) for n in (function.source, function.result)
    )
    inner = helper.make_graph(nodes, "function", [start], [end], constants)
    evaluator = ReferenceEvaluator(helper.make_model(inner, opset_imports=graph.opsets, ir_version=graph.ir_version))

    def of(values: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            result = np.asarray(evaluator.run(None, {function.source: values.reshape(-1).astype(np.float32)})[0])  # type: ignore[index]
        return np.nan_to_num(result.astype(np.float64), nan=0.0).reshape(values.shape)

    return of
