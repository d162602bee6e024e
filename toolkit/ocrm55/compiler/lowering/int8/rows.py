"""Layer norm and softmax over the last axis."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ocrm55.compiler.lowering.flat import Node
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, float32, step_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError


def _layer_norm(s: Lowering, node: Node) -> None:
    attrs, shape = node.value.attrs, node.shape
    layer = s.function.layer(node)
    gamma, beta = (s.function.constant(a) for a in node.args[1:3])
    axes = [int(a) % len(shape) for a in attrs.axes]
    if gamma is None or beta is None or axes != [len(shape) - 1]:
        raise UnsupportedError(f"layer norm {layer} is not over the last axis.", TRIES)
    origin = Origin(prod(shape[:-1]), shape[-1], layer)
    source = s.values[node.args[0].name]
    origin.write = norm_writer(s.build, origin, source, gamma, beta, float(attrs.epsilon))
    s.bind(node, origin, np.arange(prod(shape)).reshape(shape))


def _softmax(s: Lowering, node: Node) -> None:
    shape, layer = node.shape, s.function.layer(node)
    if int(node.value.attrs.axis) % len(shape) != len(shape) - 1:
        raise UnsupportedError(f"softmax {layer} is not over the last axis.", TRIES)
    origin = Origin(prod(shape[:-1]), shape[-1], layer)
    origin.write = softmax_writer(s.build, origin, s.values[node.args[0].name])
    s.bind(node, origin, np.arange(prod(shape)).reshape(shape))


def norm_writer(
    build: Builder, origin: Origin, source: Value, gamma: np.ndarray, beta: np.ndarray, epsilon: float
) -> Writer:
    """Layer norm of float32 rows."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        layer = origin.layer
        inputs = [
            build.dense_real(source, layer),
            build.weight(gamma, layer, "gamma"),
            build.weight(beta, layer, "beta"),
        ]
        spec = NormalisedRows(origin.rows, origin.channels, float32(epsilon))
        if quantised is not None:
            gain = float32(1 / step_of(quantised, layer))
            spec = replace(spec, gain=gain, zero_point=quantised.zero_point)
        output = build.tensor((origin.rows, origin.channels), "float32" if quantised is None else "int8", layer)
        return build.operator(spec, inputs, output, layer)

    return write


def softmax_writer(build: Builder, origin: Origin, source: Value) -> Writer:
    """Softmax of float32 rows."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        fits = quantised is not None and (quantised.step, quantised.zero_point) == (1 / 256, -128)
        shape, layer = (origin.rows, origin.channels), origin.layer
        if source.channel_factor is not None or source.factor <= 0:
            raise UnsupportedError(f"softmax {layer} reads what is scaled by channel, or by no positive factor.", TRIES)
        if fits and source.origin.int8 is not None:
            name, read = build.stored(build.dense(source, layer, image=False), layer)
            output = build.tensor((1, *shape), "int8", layer)
            return build.operator(SoftmaxInt8(*shape, step_of(read, layer) * source.factor), [name], output, layer)
        output = build.tensor((1, *shape), "int8" if fits else "float32", layer)
        build.operator(SoftmaxRows(*shape, fits), [build.dense_real(source, layer)], output, layer)
        if quantised is None or fits:
            return output
        origin.real = output
        return build.convert(origin, quantised)

    return write


VISITORS: dict[str, Visitor] = {
    "relax.nn.layer_norm": _layer_norm,
    "relax.nn.softmax": _softmax,
}
