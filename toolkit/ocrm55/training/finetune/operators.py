"""ONNX operators in PyTorch, for the networks that `ocrm55 finetune` trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ocrm55.training.twin.native import depthwise_with

Attributes = Mapping[str, Any]
# An input is a tensor, or an array of whole numbers that say how and not what to compute; None where it is left out.
Inputs = Sequence[Any]


def _numbers(value: Any) -> list[int]:
    return [int(each) for each in np.asarray(value).reshape(-1)]


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, attributes: Attributes) -> Tensor:
    """A convolution over one or two axes, padded as its attributes say."""
    axes = weight.ndim - 2
    strides = tuple(attributes.get("strides", [1] * axes))
    pads = list(attributes.get("pads", [0] * (2 * axes)))
    groups = int(attributes.get("group", 1))
    dilations = tuple(attributes.get("dilations", [1] * axes))
    before, after = pads[:axes], pads[axes:]
    if before != after:
        x = F.pad(x, [pad for pair in zip(before[::-1], after[::-1], strict=True) for pad in pair])
        before = [0] * axes
    kernel = tuple(weight.shape[2:])
    square = axes == 2 and kernel[0] == kernel[1] and before == [kernel[0] // 2] * 2 and set(dilations) == {1}
    if square and groups == weight.shape[0] == x.shape[1]:
        return depthwise_with(x, weight, bias, (strides[0], strides[1]), before[0])
    compute = F.conv2d if axes == 2 else F.conv1d
    return compute(x, weight, bias, strides, tuple(before), dilations, groups)


def batch_norm(x: Tensor, values: Sequence[Tensor], epsilon: float) -> Tensor:
    """With the statistics of the whole training: a hundred pictures have none of their own that could be trusted."""
    scale, shift, mean, variance = values
    return F.batch_norm(x, mean, variance, scale, shift, False, 0.0, epsilon)


def _average_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    padding = (pads[0], pads[1])
    counted = bool(attributes.get("count_include_pad", 0))
    ceil = bool(attributes.get("ceil_mode", 0))
    return F.avg_pool2d(inputs[0], attributes["kernel_shape"], attributes.get("strides"), padding, ceil, counted)


def _max_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    ceil = bool(attributes.get("ceil_mode", 0))
    strides = attributes.get("strides")
    return F.max_pool2d(inputs[0], attributes["kernel_shape"], strides, (pads[0], pads[1]), ceil_mode=ceil)


def _axes(inputs: Inputs, attributes: Attributes) -> list[int]:
    return list(attributes["axes"]) if "axes" in attributes else _numbers(inputs[1])


def _reduce_mean(inputs: Inputs, attributes: Attributes) -> Tensor:
    return inputs[0].mean(_axes(inputs, attributes), keepdim=bool(attributes.get("keepdims", 1)))


def _squeeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    x = inputs[0]
    for axis in sorted((axis % x.ndim for axis in _axes(inputs, attributes)), reverse=True):
        x = x.squeeze(axis)
    return x


def _unsqueeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    x, axes = inputs[0], _axes(inputs, attributes)
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _reshape(inputs: Inputs, _attributes: Attributes) -> Tensor:
    x = inputs[0]
    sizes = [x.shape[place] if size == 0 else size for place, size in enumerate(_numbers(inputs[1]))]
    return x.reshape(sizes)


def _slice(inputs: Inputs, _attributes: Attributes) -> Tensor:
    x, starts, ends = inputs[0], _numbers(inputs[1]), _numbers(inputs[2])
    axes = _numbers(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else list(range(len(starts)))
    steps = _numbers(inputs[4]) if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    places = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places[axis] = slice(start, min(end, x.shape[axis]), step)
    return x[tuple(places)]


def _layer_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    x = inputs[0]
    axis = int(attributes.get("axis", -1)) % x.ndim
    bias = inputs[2] if len(inputs) > 2 else None
    return F.layer_norm(x.float(), x.shape[axis:], inputs[1], bias, float(attributes.get("epsilon", 1e-5)))


def _split(inputs: Inputs, attributes: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], int(attributes.get("axis", 0))
    sizes = attributes.get("split") or (_numbers(inputs[1]) if len(inputs) > 1 else None)
    if sizes is None:
        return x.chunk(int(attributes["num_outputs"]), axis)
    ends = np.cumsum([0, *sizes])
    return tuple(x.narrow(axis, int(start), int(end - start)) for start, end in pairwise(ends))


def _clip(inputs: Inputs, attributes: Attributes) -> Tensor:
    low = attributes.get("min", inputs[1] if len(inputs) > 1 else None)
    high = attributes.get("max", inputs[2] if len(inputs) > 2 else None)
    return inputs[0].clamp(None if low is None else float(low), None if high is None else float(high))


def _gemm(inputs: Inputs, attributes: Attributes) -> Tensor:
    a, b = inputs[0], inputs[1]
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    y = float(attributes.get("alpha", 1)) * (a @ b)
    return y + float(attributes.get("beta", 1)) * inputs[2] if len(inputs) > 2 else y


OPERATORS: dict[str, Callable[[Inputs, Attributes], Any]] = {
    "Add": lambda i, _: i[0] + i[1],
    "Sub": lambda i, _: i[0] - i[1],
    "Mul": lambda i, _: i[0] * i[1],
    "Div": lambda i, _: i[0] / i[1],
    "Pow": lambda i, _: i[0] ** i[1],
    "Sqrt": lambda i, _: i[0].sqrt(),
    "Erf": lambda i, _: torch.erf(i[0]),
    "Tanh": lambda i, _: torch.tanh(i[0]),
    "Relu": lambda i, _: F.relu(i[0]),
    "LeakyRelu": lambda i, a: F.leaky_relu(i[0], a.get("alpha", 0.01)),
    "Sigmoid": lambda i, _: torch.sigmoid(i[0]),
    "HardSwish": lambda i, _: F.hardswish(i[0]),
    "HardSigmoid": lambda i, a: (i[0] * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "Gelu": lambda i, _: F.gelu(i[0]),
    "Swish": lambda i, _: F.silu(i[0]),
    "Clip": _clip,
    "Softmax": lambda i, a: torch.softmax(i[0], a.get("axis", -1)),
    "MatMul": lambda i, _: torch.matmul(i[0], i[1]),
    "Gemm": _gemm,
    "Transpose": lambda i, a: i[0].permute(*a["perm"]),
    "Reshape": _reshape,
    "Flatten": lambda i, a: i[0].flatten(a.get("axis", 1)),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Split": _split,
    "Concat": lambda i, a: torch.cat(list(i), a["axis"]),
    "GlobalAveragePool": lambda i, _: i[0].mean((2, 3), keepdim=True),
    "AveragePool": _average_pool,
    "MaxPool": _max_pool,
    "ReduceMean": _reduce_mean,
    "LayerNormalization": _layer_norm,
    "Dropout": lambda i, _: i[0],
}
