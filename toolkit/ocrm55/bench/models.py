"""What a byte and an instruction buy: accuracy of recognizers against what they cost on the target.

    python -m ocrm55.bench.models docs/models.json --picture models.svg
    python -m ocrm55.bench.models docs/models.json --measure fast --data words=ICDAR2015 --only words=val.txt

The file of figures keeps a row for each model, precision and width. `--measure` compiles a model, counts its
instructions on QEMU with a sample, reads the sets that are named on ONNX Runtime, and puts its row in. The table is
printed, and the picture drawn, from the file alone.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from markupsafe import Markup

from ocrm55 import console, files, resources, stages
from ocrm55.compiler.options import PRECISIONS, CompileOptions
from ocrm55.errors import InputError
from ocrm55.pictures import read_image
from ocrm55.report import figures, svg
from ocrm55.report.svg import Picture

SAMPLE = "word_capital.png"
TIMEOUT_S = 600.0  # of one inference
WIDTH, HEIGHT, LEFT, TOP, BELOW, RIGHT = 800, 420, 52, 40, 44, 190


@dataclass(frozen=True)
class Row:
    """A compiled model. width: of the input in pixels. accuracy: set -> (exact, letters and digits in any case), in
    per cent. instructions: of one inference.
    """

    model: str
    precision: str
    width: int
    macs: int
    instructions: int
    arena_bytes: int
    weight_bytes: int
    accuracy: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        return self.model, self.precision, self.width


def load(file: Path) -> list[Row]:
    """The rows of a file of figures; none if it is missing. Raises InputError for any other file."""
    if not file.exists():
        return []
    try:
        return [_row(values) for values in json.loads(file.read_text(encoding="utf-8"))["rows"]]
    except (ValueError, TypeError, LookupError, AttributeError, OSError) as trouble:
        raise InputError(f"{file} holds no figures of models.", ["name a file that this program wrote"]) from trouble


def _row(values: dict) -> Row:
    row = Row(**values)
    return replace(row, accuracy={name: (float(exact), float(any_)) for name, (exact, any_) in row.accuracy.items()})


def with_row(rows: Sequence[Row], new: Row) -> list[Row]:
    """The rows with a new one, instead of an older one of the same model, which lends it the sets that it lacks."""
    older = next((row for row in rows if row.key == new.key), None)
    if older is not None:
        new = replace(new, accuracy={**older.accuracy, **new.accuracy})
    return [new if row is older else row for row in rows] if older else [*rows, new]


def measured(
    source: str, options: CompileOptions, sets: Mapping[str, tuple[Path, Path | None]], build_dir: Path
) -> Row:
    """Compile a model, run it on QEMU and read the sets: name -> (labelled pictures, a file that names some)."""
    from ocrm55.artifact import Artifact
    from ocrm55.evaluation import assess
    from ocrm55.simulators import find_simulator
    from ocrm55.simulators.base import Request
    from ocrm55.tasks.recognizer import image

    chosen = stages.Options(source=source, compile=options, build_dir=build_dir)
    prepared = stages.prepare(chosen)
    artifact = Artifact.read(prepared.artifact)
    metadata, (height, width) = artifact.metadata, artifact.image_size
    picture = image.resize(read_image(resources.folder("models") / "samples" / SAMPLE), height, width)
    run = find_simulator("qemu", None).run(Request(prepared.elf, [picture], stats=True, timeout_s=TIMEOUT_S))
    accuracy = {}
    for name, (data, only) in sets.items():
        words = assess.select(data, only=only)
        scores = assess.evaluate_with_bar(words, assess.reader_spec("onnx", chosen)).scores
        accuracy[name] = (round(100 * scores.exact.value, 1), round(100 * scores.alphanumeric.value, 1))
    return Row(
        source, options.precision, width, metadata.macs, int(sum(run.results[0].operator_instructions)),
        metadata.arena_bytes, metadata.weight_bytes, accuracy,
    )  # fmt: skip


# --- showing ---------------------------------------------------------------------------------------------------------


def sets_of(rows: Sequence[Row]) -> list[str]:
    """The names of all sets, in the order in which rows name them."""
    return list(dict.fromkeys(name for row in rows for name in row.accuracy))


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """The head and the lines of the table, the cheapest model first."""
    names = sets_of(rows)
    head = ["model", "precision", "input", figures.MACS, "instructions", "arena", "constants", *names]
    lines = []
    for row in sorted(rows, key=lambda row: row.instructions):
        shares = [f"{row.accuracy[n][0]:.1f} / {row.accuracy[n][1]:.1f}" if n in row.accuracy else "" for n in names]
        sizes = [f"{row.macs / 1e6:.1f} M", f"{row.instructions / 1e6:.1f} M", f"{row.arena_bytes:,}"]
        lines.append([row.model, row.precision, f"{row.width}", *sizes, f"{row.weight_bytes:,}", *shares])
    return head, lines


def picture(rows: Sequence[Row]) -> Picture:
    """Accuracy, in any case, against instructions on a scale of powers of ten: a hue a set, a place a model."""
    names = sets_of(rows)
    shown = [row for row in rows if row.accuracy and row.instructions > 0]
    if not shown:
        raise InputError("there are no figures to draw.", ["--measure MODEL --data NAME=DIR"])
    costs = [math.log10(row.instructions) for row in shown]
    shares = [row.accuracy[name][1] for row in shown for name in row.accuracy]
    low, high = min(costs) - 0.1, max(costs) + 0.1
    floor, top = math.floor(min(shares) / 5) * 5 - 5, min(math.ceil(max(shares) / 5) * 5, 100)

    def place(row: Row, share: float) -> tuple[float, float]:
        x = LEFT + (math.log10(row.instructions) - low) / (high - low) * (WIDTH - LEFT - RIGHT)
        return x, TOP + (top - share) / (top - floor) * (HEIGHT - TOP - BELOW)

    shapes: list[Markup] = [svg.text(0, 16, "accuracy in any case, in per cent, against instructions", "bold")]
    for share in range(floor, top + 1, 5):
        _, y = place(shown[0], share)
        shapes += [svg.line(LEFT, y, WIDTH - RIGHT, y, "line-rule"), svg.text(LEFT - 30, y + 4, str(share), "small")]
    for row in shown:
        x, _ = place(row, floor)
        shapes.append(svg.text(x - 30, HEIGHT - 24, f"{row.instructions / 1e6:.0f} M", "small"))
        shapes.append(svg.text(x - 30, HEIGHT - 8, f"{row.model} {row.precision}", "small"))
    for hue, name in enumerate(names):
        shapes.append(svg.rect(WIDTH - RIGHT + 12, TOP + 20 * hue, 10, 10, f"fill-hue-{hue % svg.HUES}"))
        shapes.append(svg.text(WIDTH - RIGHT + 28, TOP + 20 * hue + 9, svg.fit(name, RIGHT - 30, svg.SMALL), "small"))
        for row in (each for each in shown if name in each.accuracy):
            x, y = place(row, row.accuracy[name][1])
            tip = f"{row.model}, {row.precision}, {row.width} pixels, {name}: {row.accuracy[name][1]:.1f} %"
            shapes.append(svg.rect(x - 5, y - 5, 10, 10, f"fill-hue-{hue % svg.HUES}", tip=tip, rx=5))
    return Picture("what recognizers read for their instructions", WIDTH, HEIGHT, Markup("").join(shapes))


# --- the program -----------------------------------------------------------------------------------------------------


def _named(texts: Sequence[str], option: str) -> dict[str, Path]:
    pairs = [text.partition("=") for text in texts]
    if any(not (name and sign and path) for name, sign, path in pairs):
        raise InputError(f"{option} takes NAME=PATH.", [f"{option} words=DIR"])
    return {name: Path(path) for name, _, path in pairs}


def run(words: Sequence[str] | None = None) -> None:
    """Measure what is asked for, print the table, draw the picture."""
    parser = argparse.ArgumentParser("python -m ocrm55.bench.models", description=__doc__)
    parser.add_argument("figures", type=Path, help="the file of figures")
    parser.add_argument("--measure", metavar="MODEL", help="a word, a folder or a file that `--model` takes")
    parser.add_argument("--precision", choices=PRECISIONS, default="int8")
    parser.add_argument("--width", type=int, help="of the input in pixels")
    parser.add_argument("--data", action="append", default=[], metavar="NAME=DIR", help="a set of labelled pictures")
    parser.add_argument("--only", action="append", default=[], metavar="NAME=LIST", help="the pictures of a set")
    parser.add_argument("--build-dir", type=Path, default=stages.DEFAULT_BUILD_DIR)
    parser.add_argument("--picture", type=Path, metavar="SVG", help="draw accuracy against instructions")
    given = parser.parse_args(words)
    rows = load(given.figures)
    if given.measure:
        only = _named(given.only, "--only")
        sets = {name: (path, only.get(name)) for name, path in _named(given.data, "--data").items()}
        options = CompileOptions(precision=given.precision, width=given.width)
        rows = with_row(rows, measured(given.measure, options, sets, given.build_dir))
        files.write_json(given.figures, {"rows": [asdict(row) for row in rows]})
    head, lines = table(rows)
    console.table("What recognizers read, exactly / in any case, and cost", head, lines, right=head[2:])
    if given.picture:
        files.write_text(given.picture, picture(rows).standalone())


if __name__ == "__main__":
    with console.errors_end_the_program():
        run()
