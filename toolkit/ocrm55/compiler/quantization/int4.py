"""int4 weights: try which layers can have them, within a loss that the user allows.

The harm of a layer is measured in the float network with only that layer's weights rounded. There the roundings of the
other layers do not hide it. Layers are taken one after the other, first those with the least harm for the bytes that
they save. This goes on while the quantised network gives the calibration images' texts hardly less probability than
with int8 weights. Probabilities decide, not texts: of a hundred hard images, any two roundings of a network read
several differently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import onnx

from ocrm55 import console
from ocrm55.compiler.quantization import calibration
from ocrm55.tasks.base import Merit

MAX_DROP = 0.01  # the mean probability of a text may fall by this much
TRIED = 32  # images for the trial of each single layer
KEY = "ocrm55.int4"  # key in the ONNX model's metadata

Array = np.ndarray


@dataclass(frozen=True)
class Layer:
    """One layer that may have int4 weights.

    weights: their number. snr: of its sums, in dB, with int4 weights. divergence: Kullback-Leibler divergence of the
    float network's probabilities with only these weights in int4 from those without, a mean over images. taken: whether
    the layer has int4 weights.
    """

    name: str
    weights: int
    snr: float
    divergence: float = 0.0
    taken: bool = False


@dataclass(frozen=True)
class Int4:
    """The result of choosing int4 weights.

    other_bytes: of the weights that cannot be int4. images: the number that was read. same: the number read as with
    int8 weights. as_float: the numbers read as by the float network, with int8 weights and with int4. sure: the mean
    probability of the float network's readings, likewise. max_drop: its allowed fall.
    """

    layers: Sequence[Layer]
    other_bytes: int
    images: int
    same: int
    as_float: tuple[int, int]
    sure: tuple[float, float]
    max_drop: float

    @property
    def bytes_int8(self) -> int:
        """Bytes of all weights of convolutions and fully connected layers in int8."""
        return self.other_bytes + sum(layer.weights for layer in self.layers)

    @property
    def saved(self) -> int:
        return sum(layer.weights // 2 for layer in self.layers if layer.taken)

    @property
    def properties(self) -> dict[str, str]:
        """The text for an ONNX model's metadata."""
        return {KEY: json.dumps(asdict(self))}

    @staticmethod
    def of(model: onnx.ModelProto) -> Int4 | None:
        """The result in an ONNX model's metadata; None for a model without int4 weights."""
        found = next((p.value for p in model.metadata_props if p.key == KEY), None)
        if found is None:
            return None
        values = json.loads(found)
        values["layers"] = [Layer(**layer) for layer in values["layers"]]
        values |= {name: tuple(values[name]) for name in ("as_float", "sure")}
        return Int4(**values)


@dataclass(frozen=True)
class Networks:
    """The float network, the quantised one with int4 weights in some layers, and the float one with one layer in
    int4.
    """

    original: onnx.ModelProto
    quantised: Callable[[Collection[str]], onnx.ModelProto]
    real: Callable[[str], onnx.ModelProto]


def choose(
    networks: Networks,
    layers: Sequence[Layer],
    other_bytes: int,
    inputs: Sequence[Array],
    merit: Merit,
    max_drop: float = MAX_DROP,
) -> Int4:
    """Choose int4 weights for as many layers as max_drop allows; return the result.

    merit: the task's, which judges outputs. max_drop: 0 .. 1, by how much the mean probability of the answers may fall.
    inputs: float32 [1, 3, height, width].
    """
    wanted = _outputs(networks.original, inputs)
    answers = [merit.answer(output) for output in wanted]
    tried = _each_alone(networks, layers, inputs[:TRIED], wanted[:TRIED], merit)
    order = [layer.name for layer in sorted(tried, key=lambda layer: layer.divergence / layer.weights)]
    usual = _outputs(networks.quantised(()), inputs)
    least = _sure(merit, usual, answers) - max_drop
    count, found = 0, usual
    too_many, probe = len(order) + 1, len(order)
    while probe > count:
        outputs = _outputs(networks.quantised(order[:probe]), inputs)
        if _sure(merit, outputs, answers) >= least:
            count, found = probe, outputs
        else:
            too_many = probe
        probe = (count + too_many) // 2
    taken = set(order[:count])
    return Int4(
        [replace(layer, taken=layer.name in taken) for layer in tried], other_bytes, len(inputs),
        _equal(merit, found, [merit.answer(output) for output in usual]),
        (_equal(merit, usual, answers), _equal(merit, found, answers)),
        (_sure(merit, usual, answers), _sure(merit, found, answers)), max_drop,
    )  # fmt: skip


def _each_alone(
    networks: Networks, layers: Sequence[Layer], inputs: Sequence[Array], wanted: Sequence[Array], merit: Merit
) -> list[Layer]:
    tried = []
    with console.progress("trying int4", len(layers)) as bar:
        for layer in layers:
            outputs = _outputs(networks.real(layer.name), inputs)
            mean = float(np.mean([merit.divergence(f, w) for f, w in zip(outputs, wanted, strict=True)]))
            tried.append(replace(layer, divergence=max(mean, 0.0)))
            bar.advance(bar.task_ids[0])
    return tried


def _outputs(model: onnx.ModelProto, inputs: Sequence[Array]) -> list[Array]:
    """The output for each image."""
    session = calibration.open_session(model)
    feed = session.get_inputs()[0].name
    return [session.run(None, {feed: tensor})[0] for tensor in inputs]


def _sure(merit: Merit, outputs: Sequence[Array], answers: Sequence[Array]) -> float:
    """Mean probability of these answers."""
    return float(np.mean([merit.sure(output, answer) for output, answer in zip(outputs, answers, strict=True)]))


def _equal(merit: Merit, outputs: Sequence[Array], answers: Sequence[Array]) -> int:
    pairs = zip(outputs, answers, strict=True)
    return sum(np.array_equal(merit.answer(output), answer) for output, answer in pairs)
