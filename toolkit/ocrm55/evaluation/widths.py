"""`python -m ocrm55.evaluation.widths DATA`: does the text change with the width of the input?

It reads labelled pictures with ONNX Runtime, at full width and at the narrowest of several widths. The model is float32
or the QDQ model of an int8 artifact. For several thresholds of doubt it counts the texts that stay, and the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import onnx
import onnxruntime
import typer
from onnx import numpy_helper

from ocrm55 import console, resources, stages, temporary
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.widths import padding, sharing
from ocrm55.evaluation import assess
from ocrm55.evaluation.words import Word
from ocrm55.normalisation import Normalisation
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import decoding, image
from ocrm55.tasks.recognizer.inference import OnnxRecognizer
from ocrm55.tasks.recognizer.model import BUNDLED, to_onnx
from ocrm55.tasks.recognizer.task import RECOGNIZER

THRESHOLDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_LOOKING = ("Conv", "GlobalAveragePool")  # operators that see several columns
SCORES = 4  # dimensions of an attention's scores: image, head, step, step


@dataclass(frozen=True)
class Trial:
    """A picture's text at full width and at the narrowest that holds it. lead: the narrow text's smallest lead."""

    label: str
    full: str
    narrow: str
    lead: float
    width: int


@dataclass(frozen=True)
class Figures:
    """The effect of a rule: unchanged texts, pictures read again, right ones before and after, mean columns
    computed.
    """

    same: int
    again: int
    exact_full: int
    exact: int
    columns: float


def read(
    words: Sequence[Word], source: Path, choice: Sequence[int], most: int, decoder: str = decoding.CONTEXT
) -> list[Trial]:
    """Read every picture of at most `most` columns twice.

    source: a model folder of Paddle's, or an ONNX file with the English characters.
    """
    network = RECOGNIZER.network(source)
    readings = []
    with temporary.folder() as folder:
        model = entrance.read(source if source.is_file() else to_onnx(source, folder / "model.onnx"))
        normalisation = Normalisation.of_model(model) or network.normalisation
        networks, narrow_model = {}, NarrowModel(model)
        for width in choice:
            path = folder / f"{width}.onnx"
            onnx.save(narrow_model.at_width(width), str(path))
            networks[width] = OnnxRecognizer(path)
    with console.progress("reading", len(words)) as bar:
        for word in words:
            bar.advance(bar.task_ids[0])
            pixels = image.resize(read_image(word.path))
            if pixels.shape[1] > most:
                continue
            width = sharing.narrowest(choice, pixels.shape[1])
            columns = width if width == choice[-1] else width + padding.TAIL
            tensors = ((choice[-1], choice[-1]), (width, columns))
            both = [networks[w].probabilities(image.normalise(pixels, c, normalisation)) for w, c in tensors]
            full, narrow = (network.decode(values, decoder).text for values in both)
            lead = decoding.least_lead(both[1], network.charset, decoder)
            readings.append(Trial(word.text, full, narrow, lead, width))
    return readings


class NarrowModel:
    """The networks for narrower images as compiler/widths/padding.py has them compiled, for ONNX Runtime."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.full = sharing.model_width(model)
        self.model = model
        probe = onnx.ModelProto()
        probe.CopyFrom(model)
        names = list(dict.fromkeys(node.input[0] for node in model.graph.node if node.op_type in _LOOKING))
        probe.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
        session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
        empty = np.zeros((1, 3, image.HEIGHT, self.full), np.float32)
        values = session.run(names, {session.get_inputs()[0].name: empty})
        self.steady = {
            name: v[..., v.shape[3] // 2, None] for name, v in zip(names, values, strict=True) if v.shape[-1] > 1
        }

    def at_width(self, width: int) -> onnx.ModelProto:
        """For images of `width` columns."""
        if width == self.full:
            return self.model
        model = sharing.at_width(self.model, width)
        columns = width + padding.TAIL
        steps = model.graph.output[0].type.tensor_type.shape.dim[-2].dim_value
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.value_info}
        before_mean, replaced, nodes = True, {model.graph.input[0].name: model.graph.input[0].name}, []
        for node in model.graph.node:
            shape = shapes.get(node.input[0] if node.input else "", [])
            if before_mean and node.op_type in _LOOKING and node.input[0] in self.steady:
                if node.input[0] not in replaced:
                    computed = -(-(width + padding.SEEN) * shape[3] // columns)
                    inserted = _behind(model, node.input[0], self.steady[node.input[0]], computed, shape[3])
                    replaced[node.input[0]] = inserted[-1].output[0]
                    nodes += inserted
                before_mean = node.op_type != "GlobalAveragePool"
            for index, name in enumerate(node.input):
                node.input[index] = replaced.get(name, name)
            if node.op_type == "GlobalAveragePool":
                times = np.ones(shape[3], np.float32)
                times[-1] += (self.full - columns) * shape[3] // columns
                nodes.append(_before(model, node, "Mul", times.reshape(1, 1, 1, -1) * np.float32(columns / self.full)))
            elif node.op_type == "Softmax" and len(shape) == SCORES and shape[-1] == steps:
                times = np.ones(steps, np.float32)
                times[-1] += (self.full - columns) * steps // columns
                nodes.append(_before(model, node, "Add", np.log(times)))
            elif node.op_type == "Conv" and not before_mean:
                nodes += _look_at_last_column(model, node)
            nodes.append(node)
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        del model.graph.value_info[:]
        return model


def _behind(model: onnx.ModelProto, name: str, steady: np.ndarray, computed: int, columns: int) -> list[onnx.NodeProto]:
    """Operators that give a tensor its steady column from column `computed` on."""
    kept = (np.arange(columns) < computed).astype(np.float32).reshape(1, 1, 1, -1)
    for what, values in (("kept", kept), ("beyond", steady * (1 - kept))):
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), f"{name}_{what}"))
    make = onnx.helper.make_node
    return [
        make("Mul", [name, f"{name}_kept"], [f"{name}_computed"]),
        make("Add", [f"{name}_computed", f"{name}_beyond"], [f"{name}_padded"]),
    ]


def _look_at_last_column(model: onnx.ModelProto, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """An operator that repeats the last column, so a convolution does not see the border."""
    pads = next((a.ints for a in node.attribute if a.name == "pads"), [0, 0, 0, 0])
    right, pads[3] = pads[3], 0
    if not right:
        return []
    amounts, result = f"{node.output[0]}_border", f"{node.output[0]}_bordered"
    values = np.array([0, 0, 0, 0, 0, 0, 0, right], np.int64)
    model.graph.initializer.append(numpy_helper.from_array(values, amounts))
    inserted = onnx.helper.make_node("Pad", [node.input[0], amounts], [result], mode="edge")
    node.input[0] = result
    return [inserted]


def _before(model: onnx.ModelProto, node: onnx.NodeProto, kind: str, values: np.ndarray) -> onnx.NodeProto:
    """An operator with a constant between `node` and its input."""
    constant, result = f"{node.output[0]}_times", f"{node.output[0]}_repeated"
    model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), constant))
    inserted = onnx.helper.make_node(kind, [node.input[0], constant], [result])
    node.input[0] = result
    return inserted


def figures(readings: Sequence[Trial], threshold: float, full_width: int) -> Figures:
    """The outcome if pictures with a lead below `threshold` are read again at full width."""
    same = again = exact = columns = 0
    for r in readings:
        stands = r.width == full_width or r.lead >= threshold
        text = r.narrow if stands else r.full
        same += text == r.full
        again += not stands
        exact += text == r.label
        columns += r.width + (0 if stands else full_width)
    return Figures(same, again, sum(r.full == r.label for r in readings), exact, columns / max(1, len(readings)))


def main(
    data: Annotated[Path, typer.Argument(help="Labelled pictures, as for `ocrm55 eval`.")],
    only: Annotated[Path | None, typer.Option(help="Take only the pictures that this list names.")] = None,
    choice: Annotated[str, typer.Option("--widths", help="The widths to choose from.")] = "96,160,320",
    most: Annotated[int, typer.Option(help="Take only pictures of at most so many columns.")] = image.WIDTH,
    model: Annotated[
        Path | None,
        typer.Option(help="A Paddle model folder, or the model.onnx of an artifact; otherwise the bundled."),
    ] = None,
    decoder: Annotated[
        Literal["context", "greedy"], typer.Option(help="What makes a text of the probabilities.")
    ] = "context",
) -> None:
    """Count the texts that a narrower input changes."""
    with console.errors_end_the_program():
        words = assess.select(data, only=only, limit=0)
        parsed = stages.parse_widths(choice)
        source = model or resources.folder("models") / BUNDLED
        readings = read(words, source, parsed, most, decoder)
    rows = []
    for threshold in THRESHOLDS:
        found = figures(readings, threshold, parsed[-1])
        same, again = (f"{100 * count / max(1, len(readings)):.1f} %" for count in (found.same, found.again))
        rows.append((f"{threshold:g}", same, again, str(found.exact_full), str(found.exact), f"{found.columns:.0f}"))
    columns = ("lead", "same text", "read again", f"right at {parsed[-1]}", "right", "columns a picture")
    console.table(f"{len(readings)} pictures at {choice}", columns, rows, right=columns)


if __name__ == "__main__":
    typer.run(main)
