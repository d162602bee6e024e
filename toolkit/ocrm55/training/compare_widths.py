"""`python -m ocrm55.training.compare_widths DATA`: whether the text changes with the width of the input.

Reads labelled pictures at full width and at the narrowest of several with ONNX Runtime, in float32 or as the QDQ model
of an int8 artifact, and counts for several thresholds of doubt how many texts stay and how much work it takes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import typer
from onnx import numpy_helper

from ocrm55 import console, resources, stages
from ocrm55.compiler import frontend, widths
from ocrm55.errors import Ocrm55Error
from ocrm55.export.onnx_model import to_onnx
from ocrm55.export.paddle_model import PaddleModel
from ocrm55.recognizer import ctc, image
from ocrm55.recognizer.charset import load_charset
from ocrm55.recognizer.inference import OnnxRecognizer
from ocrm55.training import assess
from ocrm55.training.words import Word

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
SCORES = 4  # dimensions of an attention's scores: image, head, step, step


@dataclass(frozen=True)
class Reading:
    """A picture at full width and at the narrowest that holds it. sure: of its text, where the narrow is least so."""

    label: str
    full: str
    narrow: str
    sure: float
    width: int


@dataclass(frozen=True)
class Figures:
    """Texts that a rule leaves as they are, right ones before and after, and mean columns computed a picture."""

    same: int
    exact_full: int
    exact: int
    columns: float


def read(words: Sequence[Word], source: Path, choice: Sequence[int]) -> list[Reading]:
    """Read every picture twice. source: a model folder of Paddle's, or an ONNX file with the English characters."""
    charset = load_charset() if source.is_file() else PaddleModel(source).charset
    readings = []
    with tempfile.TemporaryDirectory() as folder:
        model = frontend.read_onnx(source if source.is_file() else to_onnx(source, Path(folder) / "model.onnx"))
        networks = {}
        for width in choice:
            path = Path(folder) / f"{width}.onnx"
            onnx.save(with_padding(widths.at_width(model, width), choice[-1]), str(path))
            networks[width] = OnnxRecognizer(path)
    with console.progress("reading", len(words)) as bar:
        for word in words:
            pixels = image.resize(image.read_image(word.path))
            width = widths.narrowest(choice, pixels.shape[1])
            both = [networks[w].probabilities(image.normalise(pixels, w)) for w in (choice[-1], width)]
            full, narrow = (ctc.decode(values, charset).text for values in both)
            readings.append(Reading(word.text, full, narrow, ctc.least_sure(both[1]), width))
            bar.advance(bar.task_ids[0])
    return readings


def with_padding(model: onnx.ModelProto, full: int) -> onnx.ModelProto:
    """The same network with padding that stands for more, as compiler/widths.py does it to the compiled program."""
    width = widths.model_width(model)
    steps = model.graph.output[0].type.tensor_type.shape.dim[-2].dim_value
    shapes = {each.name: [d.dim_value for d in each.type.tensor_type.shape.dim] for each in model.graph.value_info}
    times = np.ones(steps, np.float32)
    times[max(0, steps - 1 - widths.STEPS_BACK)] += (full - width) * steps // width
    nodes = []
    for node in model.graph.node:
        shape = shapes.get(node.input[0], [])
        if node.op_type == "GlobalAveragePool" and width != full:
            shares = times.repeat(shape[3] // steps).reshape(1, 1, 1, -1) * np.float32(width / full)
            nodes.append(_before(model, node, "Mul", shares))
        elif node.op_type == "Softmax" and len(shape) == SCORES and shape[-1] == steps and width != full:
            nodes.append(_before(model, node, "Add", np.log(times)))
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _before(model: onnx.ModelProto, node: onnx.NodeProto, kind: str, values: np.ndarray) -> onnx.NodeProto:
    """An operator with a constant between `node` and its input."""
    constant, result = f"{node.output[0]}_times", f"{node.output[0]}_repeated"
    model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), constant))
    made = onnx.helper.make_node(kind, [node.input[0], constant], [result])
    node.input[0] = result
    return made


def figures(readings: Sequence[Reading], threshold: float, full_width: int) -> Figures:
    """What comes out when readings with a step below `threshold` are made again at full width."""
    same = exact = columns = 0
    for r in readings:
        stands = r.width == full_width or r.sure >= threshold
        text = r.narrow if stands else r.full
        same += text == r.full
        exact += text == r.label
        columns += r.width + (0 if stands else full_width)
    return Figures(same, sum(r.full == r.label for r in readings), exact, columns / max(1, len(readings)))


def main(
    data: Annotated[Path, typer.Argument(help="Labelled pictures, as for `ocrm55 eval`.")],
    only: Annotated[Path | None, typer.Option(help="Take only the pictures that this list names.")] = None,
    choice: Annotated[str, typer.Option("--widths", help="The widths to choose from.")] = "96,160,320",
    model: Annotated[
        Path | None,
        typer.Option(help="A Paddle model folder, or the model.onnx of an artifact; otherwise the bundled."),
    ] = None,
) -> None:
    """Count the texts that a narrower input changes."""
    try:
        words = assess.select(data, only=only, limit=0)
        parsed = stages.parse_widths(choice)
        source = model or resources.folder("models") / stages.BUNDLED_MODEL
        readings = read(words, source, parsed)
    except Ocrm55Error as trouble:
        console.error(trouble)
        raise SystemExit(trouble.exit_code) from trouble
    rows = []
    for threshold in THRESHOLDS:
        found = figures(readings, threshold, parsed[-1])
        share = f"{100 * found.same / len(readings):.1f} %"
        rows.append((f"{threshold:g}", share, str(found.exact_full), str(found.exact), f"{found.columns:.0f}"))
    columns = ("sure", "same text", f"right at {parsed[-1]}", "right", "columns a picture")
    console.table(f"{len(readings)} pictures at {choice}", columns, rows, right=columns)


if __name__ == "__main__":
    typer.run(main)
