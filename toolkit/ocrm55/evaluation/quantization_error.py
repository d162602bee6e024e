"""The accuracy that int8 costs: each quantised tensor's error, and the readings of float and int8 side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
from markupsafe import Markup
from onnx import helper

from ocrm55 import console, files
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.quantization import calibration
from ocrm55.compiler.quantization.equalise import factor_of
from ocrm55.normalisation import Normalisation
from ocrm55.report import names, svg
from ocrm55.report.svg import Picture
from ocrm55.tasks.recognizer import ctc, image

MOST_DB = 60.0  # end of the picture's scale; int8 of a uniform signal is at 50


@dataclass(frozen=True)
class TensorError:
    """One quantised tensor.

    layer: the layer that writes it. scale: smallest and largest of its channels. alone: SQNR in dB if only this tensor
    of the float network is rounded. together: SQNR of the int8 network's tensor, with all errors before it.
    saturated: share of the int8 values at the ends of the range.
    """

    layer: str
    tensor: str
    scale: tuple[float, float]
    zero_point: int
    alone: float
    together: float
    saturated: float


@dataclass(frozen=True)
class Agreement:
    """One set of labelled pictures: the numbers that float and int8 read right, and that both read the same."""

    name: str
    count: int
    float_exact: int
    int8_exact: int
    same: int


def tensor_errors(folded: Graph, graph: Graph, inputs: Sequence[np.ndarray]) -> list[TensorError]:
    """Compare two networks on `inputs`, tensor by tensor, in the order in which they are written.

    folded: the float network, folded, so its tensors have the same names as those of `graph`, the quantised one.
    """
    points = [n for n in graph.nodes if n.op_type == "QuantizeLinear"]
    names = [str(n.input[0]) for n in points]
    plain = [name.removesuffix(".equalised") for name in names]
    factors = {name: factor_of(graph, name) for name in names}
    sums = np.zeros((len(names), 4))
    with console.progress("comparing", len(inputs)) as bar:
        runs = _runs(folded.model(), plain, inputs), _runs(graph.model(), names, inputs)
        for before, after in zip(*runs, strict=True):
            for index, (node, name, source) in enumerate(zip(points, names, plain, strict=True)):
                factor = factors[name]
                sums[index] += _errors(before[source] * factor, after[name], *_parameters(graph, node, after[name]))
            bar.advance(bar.task_ids[0])
    rows = []
    for node, name, source, (signal, alone, together, saturated) in zip(points, names, plain, sums, strict=True):
        scale = graph.constants[node.input[1]]
        zero_point = int(np.ravel(graph.constants[node.input[2]])[0])
        ends = float(scale.min()), float(scale.max())
        rows.append(
            TensorError(
                _layer(folded, source),
                name,
                ends,
                zero_point,
                _db(signal, alone),
                _db(signal, together),
                saturated / len(inputs),
            )
        )
    return rows


def _runs(model: onnx.ModelProto, names: Sequence[str], inputs: Sequence[np.ndarray]) -> Iterator[dict]:
    feed = model.graph.input[0].name
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    inner = list(dict.fromkeys(name for name in names if name != feed))
    watched.graph.output.extend(helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in inner)
    session = calibration.open_session(watched)
    for tensor in inputs:
        yield dict(zip(inner, session.run(inner, {feed: tensor}), strict=True)) | {feed: tensor}


def _parameters(graph: Graph, node: onnx.NodeProto, value: np.ndarray) -> tuple[np.ndarray, int]:
    """The scale, in a shape that broadcasts to the tensor's, and the zero point."""
    scale, zero = graph.constants[node.input[1]], graph.constants[node.input[2]]
    if scale.size > 1:
        axis = next(helper.get_attribute_value(a) for a in node.attribute if a.name == "axis")
        scale = scale.reshape([-1 if i == axis else 1 for i in range(value.ndim)])
    return scale, int(np.ravel(zero)[0])


def _errors(before: np.ndarray, after: np.ndarray, scale: np.ndarray, zero_point: int) -> np.ndarray:
    """Sums of squares of the signal, of its rounding error, and of the int8 network's error; the share at the ends."""

    def quantise(values: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(values / scale) + zero_point, -128, 127)

    q = quantise(after)
    alone, together = ((quantise(v) - zero_point) * scale - before for v in (before, after))
    at_the_ends = float(((q == -128) | (q == 127)).mean())
    return np.array([np.square(before).sum(), np.square(alone).sum(), np.square(together).sum(), at_the_ends])


def _db(signal: float, noise: float) -> float:
    return 10 * math.log10(max(signal, 1e-30) / max(noise, 1e-30))


def _layer(graph: Graph, tensor: str) -> str:
    """The layer that writes a tensor; for an activation, the layer in front of it."""
    node = graph.producer(tensor)
    if node is None:
        return "input"
    before = graph.producer(node.input[0])
    return str((before if before is not None and node.op_type in ("HardSwish", "Relu", "HardSigmoid") else node).name)


def agreement(
    name: str,
    float_model: onnx.ModelProto,
    quantised: onnx.ModelProto,
    pictures: Sequence[tuple[np.ndarray, str]],
    charset: Sequence[str],
) -> Agreement:
    """Read labelled pictures with both networks, uint8 [48, w, 3] BGR."""
    sessions = [calibration.open_session(model) for model in (float_model, quantised)]
    feed = float_model.graph.input[0].name
    width = float_model.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    normalisation = Normalisation.of_model(quantised) or image.RECOGNIZERS
    right, same = [0, 0], 0
    with console.progress(f"reading {name}", len(pictures)) as bar:
        for pixels, text in pictures:
            tensor = image.normalise(pixels, width, normalisation)
            read = [ctc.decode(s.run(None, {feed: tensor})[0][0], charset).text for s in sessions]
            right = [count + (found == text) for count, found in zip(right, read, strict=True)]
            same += read[0] == read[1]
            bar.advance(bar.task_ids[0])
    return Agreement(name, len(pictures), right[0], right[1], same)


def picture(rows: Sequence[TensorError], width: int = 900) -> Picture:
    """Bars of SQNR, one tensor a line: alone behind, together in front."""
    left, line = 0.42 * width, 17
    room = width - left - 50
    shapes: list[Markup] = []
    for index, row in enumerate(rows):
        y = 40 + index * line
        shapes.append(svg.text(0, y + 11, svg.fit(names.readable(row.layer), left - 10, svg.SMALL), "small"))
        tip = f"{row.tensor}: alone {row.alone:.1f} dB, together {row.together:.1f} dB"
        for value, css, height in ((row.alone, "fill-rule", 13), (row.together, "fill-hue-0", 7)):
            long = room * min(max(value, 0), MOST_DB) / MOST_DB
            shapes.append(svg.rect(left, y + (13 - height) / 2, long, height, css, tip=tip, rx=2))
        end = left + room * min(max(row.alone, row.together, 0), MOST_DB) / MOST_DB
        shapes.append(svg.text(end + 5, y + 11, f"{row.together:.0f} dB", "small fill-soft"))
    title = "signal to quantisation noise of each int8 tensor: grey alone, coloured with all errors before it"
    shapes.insert(0, svg.text(0, 16, title, "bold"))
    return Picture(title, width, 50 + len(rows) * line, Markup("").join(shapes))


def show(rows: Sequence[TensorError], sets: Sequence[Agreement]) -> None:
    """Print the two tables."""
    console.table(
        "Quantised tensors",
        ("layer", "scale", "zero point", "SQNR alone", "SQNR together", "at the ends"),
        (
            (
                names.readable(row.layer),
                f"{row.scale[0]:.4g}" if row.scale[0] == row.scale[1] else f"{row.scale[0]:.3g}..{row.scale[1]:.3g}",
                row.zero_point,
                f"{row.alone:.1f} dB",
                f"{row.together:.1f} dB",
                f"{row.saturated:.2%}",
            )
            for row in rows
        ),
        right=("scale", "zero point", "SQNR alone", "SQNR together", "at the ends"),
    )
    if sets:
        console.table(
            "Texts",
            ("set", "pictures", "float exact", "int8 exact", "difference", "same text"),
            (
                (
                    s.name,
                    s.count,
                    f"{s.float_exact / s.count:.2%}",
                    f"{s.int8_exact / s.count:.2%}",
                    f"{100 * (s.int8_exact - s.float_exact) / s.count:+.2f} points",
                    f"{s.same / s.count:.2%}",
                )
                for s in sets
            ),
            right=("pictures", "float exact", "int8 exact", "difference", "same text"),
        )


def write(folder: Path, rows: Sequence[TensorError], sets: Sequence[Agreement]) -> None:
    """quantization.json and quantization.svg."""
    values = {"tensors": [asdict(row) for row in rows], "texts": [asdict(s) for s in sets]}
    with files.atomic_files(folder) as staging:
        files.write_json(staging / "quantization.json", values)
        files.write_text(staging / "quantization.svg", picture(rows).standalone())
