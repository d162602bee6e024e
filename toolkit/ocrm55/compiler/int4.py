"""int4 weights: which layers can take them, found by trying.

Each layer is given int4 weights by itself and the network is run on the calibration images; then layers are taken, the
least harmful for the bytes that they save first, for as long as probabilities are hardly further from the float
network's than with int8. How many texts stay the same is told and decides nothing: of a hundred hard images, any two
roundings of a network read several differently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import onnx
from onnx import helper

from ocrm55 import console
from ocrm55.compiler import calibration
from ocrm55.recognizer import ctc

MOST = 7  # largest magnitude of a symmetric int4
SHARES = np.linspace(1.0, 0.6, 17)  # of a channel's largest weight, where the range may end
MAY_DIVERGE = 1.1  # times as far as int8
STEPS = 8  # numbers of layers that are tried
TRIED = 48  # images on which each layer is tried alone
KEY = "ocrm55.int4"  # of the ONNX model's metadata

Array = np.ndarray
Write = Callable[[frozenset[str]], onnx.ModelProto]


@dataclass(frozen=True)
class Int4:
    """What int4 weights came to. bytes: of all weights of convolutions and fully connected layers.

    same: of so many images, how many are read as with int8 weights; as_float: as the float network reads them.
    """

    layers: int
    of_layers: int
    bytes_int8: int
    bytes_int4: int
    images: int
    same: int
    as_float_int8: int
    as_float_int4: int

    @staticmethod
    def of(model: onnx.ModelProto) -> Int4 | None:
        """What an ONNX model's metadata says of its int4 weights; None for a model without."""
        found = next((p.value for p in model.metadata_props if p.key == KEY), None)
        return None if found is None else Int4(**json.loads(found))


def scales(weights: Array, axis: int, squares: Array | None) -> Array:
    """A scale for each output channel with the least error of int4 weights: float32.

    squares: mean square of each input channel, by which errors count; None for all alike.
    """
    rows = np.moveaxis(weights, axis, 0)
    importance = np.ones(rows.shape[1:]) if squares is None else _spread(squares, rows.shape[1:])
    largest = np.maximum(np.abs(rows).reshape(len(rows), -1).max(axis=1), 1e-8)
    tried = np.outer(SHARES, largest) / MOST
    errors = [
        (np.square(_round_trip(rows, scale) - rows) * importance).reshape(len(rows), -1).sum(1) for scale in tried
    ]
    return tried[np.argmin(errors, axis=0), np.arange(len(rows))].astype(np.float32)


def _spread(values: Array, shape: tuple[int, ...]) -> Array:
    """Values of the input channels, in the shape of one output channel's weights."""
    return values.reshape([-1] + [1] * (len(shape) - 1)) * np.ones(shape)


def _round_trip(rows: Array, scale: Array) -> Array:
    spread = scale.reshape([-1] + [1] * (rows.ndim - 1))
    return np.clip(np.rint(rows / spread), -MOST, MOST) * spread


def choose(
    write: Write, sizes: dict[str, int], other_bytes: int, reference: onnx.ModelProto, inputs: Sequence[Array]
) -> onnx.ModelProto:
    """The model with int4 weights where they do little harm.

    write: the quantised model with int4 weights in those layers. sizes: the weights that may become int4, and how many
    they are; other_bytes: of those that may not. reference: the float network.
    """
    real = _outputs(reference, inputs)
    whole = write(frozenset())
    plain = _outputs(whole, inputs)
    harm, usual = {}, _divergence(plain[:TRIED], real)
    with console.progress("trying int4", len(sizes)) as bar:
        for name, size in sizes.items():
            tried = _outputs(write(frozenset([name])), inputs[:TRIED])
            harm[name] = (_divergence(tried, real) - usual) / size
            bar.advance(bar.task_ids[0])
    order = sorted(sizes, key=lambda name: harm[name])
    texts, as_float = _texts(plain), _texts(real)
    furthest = MAY_DIVERGE * _divergence(plain, real)
    best, count, read = whole, 0, texts
    for step in range(STEPS, 0, -1):
        fewer = len(order) * step // STEPS
        model = write(frozenset(order[:fewer]))
        outputs = _outputs(model, inputs)
        if _divergence(outputs, real) <= furthest:
            best, count, read = model, fewer, _texts(outputs)
            break
    total = sum(sizes.values()) + other_bytes
    report = Int4(
        count, len(order), total, total - sum(sizes[name] // 2 for name in order[:count]), len(inputs),
        _equal(read, texts), _equal(texts, as_float), _equal(read, as_float),
    )  # fmt: skip
    helper.set_model_props(best, {KEY: json.dumps(asdict(report))})
    return best


def _outputs(model: onnx.ModelProto, inputs: Sequence[Array]) -> list[Array]:
    session = calibration.open_session(model)
    feed = session.get_inputs()[0].name
    return [session.run(None, {feed: tensor})[0][0] for tensor in inputs]


def _divergence(found: Sequence[Array], wanted: Sequence[Array]) -> float:
    """Mean Kullback-Leibler divergence of probabilities."""
    pairs = zip(found, wanted, strict=False)  # fewer were tried
    return float(np.mean([(w * (np.log(w + 1e-9) - np.log(f + 1e-9))).sum() for f, w in pairs]))


def _texts(outputs: Sequence[Array]) -> list[tuple[int, ...]]:
    """What is read, as classes: repeats and blanks left out."""
    likeliest = (output.argmax(axis=-1).ravel() for output in outputs)
    return [tuple(classes[ctc.kept_steps(classes)].tolist()) for classes in likeliest]


def _equal(left: Sequence[tuple[int, ...]], right: Sequence[tuple[int, ...]]) -> int:
    return sum(a == b for a, b in zip(left, right, strict=True))
