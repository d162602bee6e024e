"""A recognizer's ONNX file as a network of PyTorch's, whose weights can be trained and written back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from ocrm55.errors import UnsupportedError
from ocrm55.training.finetune.operators import OPERATORS, batch_norm, conv

SMALLEST = 8  # numbers of a weight; constants with fewer are the operators' own
USUAL_SIZE = 0.1  # of weights, for which a learning rate is meant
NORM = "BatchNormalization"
_PASSES = ("Identity", "Cast", "Dropout")
_KNOWN = {*OPERATORS, *_PASSES, "Constant", "Conv", NORM}


@dataclass
class _Step:
    """One operator. norm: the batch norm that follows a convolution and is computed with it."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    norm: _Step | None = field(default=None)


class TorchGraph(nn.Module):
    """Normalised images [N, 3, H, W] float32 -> logits [N, steps, classes] float32.

    Batch norms keep the statistics of the whole training. still: share of the convolutions, from the input on, that do
    not learn; where it is all of them, everything learns. Raises UnsupportedError for an operator that is not known.
    """

    def __init__(self, model: onnx.ModelProto, still: float = 0.0) -> None:
        super().__init__()
        self._model = model
        self._alias: dict[str, str] = {}
        steps = list(self._steps(model.graph))
        constants = dict(_constants(model.graph))
        self._input = next(each.name for each in model.graph.input if each.name not in constants)
        self._output = self._behind(model.graph.output[0].name)
        if steps and steps[-1].kind == "Softmax" and steps[-1].outputs[0] == self._output:
            self._output = steps.pop().inputs[0]
        self._program = _with_swish(_with_gelu(_with_norms(steps), constants))
        self._names: dict[str, str] = {}  # constant -> parameter
        self._fixed: dict[str, Any] = {}
        read = {name for step in self._all() for name in step.inputs}
        frozen = {name for step in self._all() if step.kind == NORM for name in step.inputs[3:5]}
        convolutions = [place for place, step in enumerate(self._program) if step.kind == "Conv"]
        learnt = convolutions[int(still * len(convolutions) + 0.5) :] if still else []
        self._still = learnt[0] if learnt else 0
        frozen |= {name for step in self._all(self._still) for name in step.inputs}
        for name in sorted(read & constants.keys()):
            self._keep(name, constants[name], name in frozen)

    def _keep(self, name: str, value: np.ndarray, frozen: bool) -> None:
        """A constant as a parameter, as a tensor that does not learn, or as whole numbers."""
        if not np.issubdtype(value.dtype, np.floating):
            self._fixed[name] = value
            return
        tensor, own = torch.from_numpy(np.array(value, np.float32)), f"c{len(self._names)}"
        self._names[name] = own
        if value.size >= SMALLEST and not frozen:
            self.register_parameter(own, nn.Parameter(tensor))
        else:
            self.register_buffer(own, tensor)

    def _all(self, end: int | None = None) -> Iterator[_Step]:
        for step in self._program[:end]:
            yield step
            if step.norm:
                yield step.norm

    def _behind(self, name: str) -> str:
        while name in self._alias:
            name = self._alias[name]
        return name

    def _steps(self, graph: onnx.GraphProto) -> Iterator[_Step]:
        """The operators; those that pass their input on become other names of it."""
        unknown = Counter(node.op_type for node in graph.node if node.op_type not in _KNOWN)
        if unknown:
            raise UnsupportedError(
                f"the network has operators that cannot be trained here: {', '.join(sorted(unknown))}.",
                ["fine-tune `bundled` or `fast`, or a recognizer of PaddleOCR's"],
            )
        for node in graph.node:
            if node.op_type in _PASSES:
                self._alias[node.output[0]] = node.input[0]
            elif node.op_type != "Constant":
                inputs = [self._behind(name) for name in node.input]
                attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
                yield _Step(node.op_type, inputs, list(node.output), attributes)

    # -- computing

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.first(x))

    def first(self, x: Tensor) -> dict[str, Tensor]:
        """What the part that does not learn makes of images: for `rest` of this network, or of a copy of it."""
        with torch.no_grad():
            made = self._run(self._program[: self._still], {self._input: x})
        read = {name for step in self._program[self._still :] for name in step.inputs}
        return {name: value for name, value in made.items() if name in read}

    def rest(self, made: dict[str, Tensor]) -> Tensor:
        """The logits."""
        return self._run(self._program[self._still :], made)[self._output].float()

    def _run(self, steps: list[_Step], made: dict[str, Any]) -> dict[str, Any]:
        """The tensors `made` and those that the steps make of them, by name."""
        own, made = self._parameters | self._buffers, dict(made)
        values: dict[str, Any] = {"": None, **self._fixed, **made}
        values |= {name: own[short] for name, short in self._names.items()}
        for step in steps:
            found = self._compute(step, values)
            several = found if isinstance(found, tuple) else (found,)
            outputs = step.norm.outputs if step.norm else step.outputs
            new = dict(zip(outputs, several, strict=False))
            values |= new
            made |= new
        return made

    def _compute(self, step: _Step, values: dict[str, Any]) -> Any:
        inputs = [values[name] for name in step.inputs]
        if step.kind == "Conv":
            weight, bias = inputs[1], inputs[2] if len(inputs) > 2 else None
            if step.norm:
                weight, bias = _folded(weight, bias, step.norm, values)
            return conv(inputs[0], weight, bias, step.attributes)
        if step.kind == NORM:
            return batch_norm(inputs[0], inputs[1:5], float(step.attributes.get("epsilon", 1e-5)))
        return OPERATORS[step.kind](inputs, step.attributes)

    # -- learning

    def pace(self) -> list[Tensor]:
        """For each parameter how far it may move in a step, as a factor of the learning rate; by rows of weights.

        Where batch norms were folded, rows differ in size a hundredfold, and AdamW moves all weights alike far.
        """
        factors = []
        for value in self.parameters():
            rows = value.detach().flatten(1) if value.ndim > 1 else value.detach()[None]
            sizes = rows.square().mean(1).sqrt()
            sizes = sizes.clamp_min(sizes.mean() / 10).clamp_min(1e-4) / (USUAL_SIZE if value.ndim > 1 else 1)
            factors.append(sizes.view(-1, *[1] * (value.ndim - 1)) if value.ndim > 1 else sizes)
        return factors

    def written(self) -> onnx.ModelProto:
        """The ONNX model with the weights as they are now. Constants keep their types."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        learned = {name: self._parameters[short] for name, short in self._names.items() if short in self._parameters}
        for name, tensor in _tensors(model.graph):
            value = learned.get(name)
            if value is not None:
                kind = numpy_helper.to_array(tensor).dtype
                array = np.ascontiguousarray(value.detach().cpu().numpy().astype(kind))
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        return model


def _tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    for each in graph.initializer:
        yield each.name, each
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], attribute.t


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, np.ndarray]]:
    for name, tensor in _tensors(graph):
        yield name, numpy_helper.to_array(tensor)


def _folded(weight: Tensor, bias: Tensor | None, norm: _Step, values: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Weights and bias of a convolution and the batch norm behind it: cheaper than a pass over the activations."""
    scale, shift, mean, variance = (values[name] for name in norm.inputs[1:5])
    factor = scale * torch.rsqrt(variance + float(norm.attributes.get("epsilon", 1e-5)))
    before = mean if bias is None else mean - bias
    return weight * factor.view(-1, *[1] * (weight.ndim - 1)), shift - before * factor


def _readers(steps: list[_Step]) -> Counter[str]:
    return Counter(name for step in steps for name in step.inputs)


def _with_norms(steps: list[_Step]) -> list[_Step]:
    """Batch norms that follow a convolution become a part of it."""
    counts, writers, kept = _readers(steps), {step.outputs[0]: step for step in steps}, []
    for step in steps:
        before = writers.get(step.inputs[0]) if step.kind == NORM else None
        if before is not None and before.kind == "Conv" and counts[before.outputs[0]] == 1:
            before.norm = step
        else:
            kept.append(step)
    return kept


def _with_gelu(steps: list[_Step], constants: dict[str, np.ndarray]) -> list[_Step]:
    """x / sqrt(2), erf, + 1, times x, times 0.5 in one step: five passes over large tensors take long."""
    counts, readers = _readers(steps), {name: step for step in steps for name in step.inputs}
    gone: set[int] = set()
    replaced: dict[int, _Step] = {}
    for step in steps:
        if step.kind != "Div":
            continue
        chain = [step]
        for kind in ("Erf", "Add", "Mul", "Mul"):
            after = readers.get(chain[-1].outputs[0])
            if after is None or after.kind != kind or counts[chain[-1].outputs[0]] != 1:
                break
            chain.append(after)
        factor = constants.get(chain[-1].inputs[1], np.zeros(0)) if len(chain) == 5 else np.zeros(0)
        if factor.size == 1 and abs(float(factor.reshape(-1)[0]) - 0.5) < 1e-6 and step.inputs[0] in chain[3].inputs:
            replaced[id(chain[4])] = _Step("Gelu", [step.inputs[0]], chain[4].outputs, {})
            gone |= {id(each) for each in chain[:4]}
    return [replaced.get(id(step), step) for step in steps if id(step) not in gone]


def _with_swish(steps: list[_Step]) -> list[_Step]:
    """x times its sigmoid in one step."""
    counts, writers, gone = _readers(steps), {step.outputs[0]: step for step in steps}, set()
    for step in steps:
        if step.kind != "Mul":
            continue
        for x, gate in (step.inputs, step.inputs[::-1]):
            before = writers.get(gate)
            if before and before.kind == "Sigmoid" and before.inputs[0] == x and counts[gate] == 1:
                gone.add(id(before))
                step.kind, step.inputs = "Swish", [x]
                break
    return [step for step in steps if id(step) not in gone]
