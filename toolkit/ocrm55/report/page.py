"""`ocrm55 report`: one HTML page with everything about a run. It needs no other file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from ocrm55 import files
from ocrm55.cycles.inference import Inference
from ocrm55.pictures import read_image
from ocrm55.report import alignment, figures, profile, svg, widths
from ocrm55.report import cycles as in_cycles
from ocrm55.report.accuracy import Accuracy
from ocrm55.report.alignment import Step
from ocrm55.report.arena import boxes, occupied
from ocrm55.report.cost_picture import hue, kind_title
from ocrm55.report.layers import Layer, Totals, by, totals
from ocrm55.report.measurement import Measurement
from ocrm55.report.svg import Picture
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.confidence import Confidence

WIDE, NARROW = 880, 360  # pixels; the page shows the picture that fits
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class ImageCard:
    """An image on the page: its reading, and the picture of the alignment for wide and narrow pages.

    alone: the text if each step is decoded by itself, if that is another text.
    sure: how sure the text is, in words; empty where it is not known.
    """

    name: str
    size: str
    text: str
    score: str
    instructions: list[tuple[str, str]]
    steps: list[Step]
    alone: str
    sure: str
    wide: Markup
    narrow: Markup

    @property
    def kept(self) -> list[Step]:
        return [step for step in self.steps if step.kept]


@dataclass(frozen=True)
class Group:
    """Layers of one kind, or of one target, and their sums as text."""

    name: str
    hue: int
    count: int
    instructions: str
    share: str
    macs: str
    per_mac: str
    bound: str


@dataclass(frozen=True)
class Refusal:
    """Why a target did not take layers."""

    target: str
    reason: str
    layers: list[str]


def write(
    measured: Measurement,
    destination: Path,
    *,
    charset: Sequence[str],
    accuracies: Sequence[Accuracy] = (),
    versions: Sequence[tuple[str, str]] = (),
    cycles: Inference | None = None,
) -> None:
    """Write the page, whole or not at all. cycles: the estimate for the first image. Raises OutputError."""
    written_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    files.write_text(destination, render(measured, charset, accuracies, versions, written_at, cycles))


def templates() -> jinja2.Environment:
    """The HTML templates of reports: what comes in is escaped, and a name that is not there is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(
    measured: Measurement,
    charset: Sequence[str],
    accuracies: Sequence[Accuracy],
    versions: Sequence[tuple[str, str]],
    written_at: str,
    cycles: Inference | None = None,
) -> str:
    """The page as HTML. charset: the model's classes, the blank first. written_at: the date, in words."""
    environment = templates()
    environment.filters |= {"count": figures.count, "size": figures.size, "shape": figures.shape}
    rows, first = measured.layers, measured.run.results[0]
    text = environment.get_template("report.html.j2").render(
        measured=measured,
        metadata=measured.first,
        at_width=widths.words(measured.metadata, first.width),
        width_columns=widths.COLUMNS,
        width_costs=widths.costs(measured.metadata, measured.run.results),
        tables=tables(measured),
        written_at=written_at,
        style=Markup(page_colours() + svg.style()),
        tiles=tiles(measured),
        cards=[card(measured, index, charset) for index in range(len(measured.paths))],
        kinds=groups(rows, "kind"),
        targets=groups(rows, "target"),
        refusals=refusals(rows),
        columns=profile.COLUMNS,
        numbers=profile.NUMBERS,
        sums=totals(rows),
        layers=rows,
        bound=profile.bound_in_words(rows),
        npu=profile.npu_in_words(measured.metadata),
        cycle_columns=in_cycles.COLUMNS,
        cycle_numbers=in_cycles.NUMBERS,
        cycle_rows=[] if cycles is None else in_cycles.rows(rows, cycles),
        cycle_words=[] if cycles is None else in_cycles.in_words(cycles, None),
        pictures=both_widths(measured),
        peak=max(occupied(boxes(measured.first), len(rows))),
        accuracies=accuracies,
        versions=versions,
        sure=alignment.SURE,
        unsure=alignment.UNSURE,
        visible=alignment.visible,
    )
    return "\n".join(svg.printable(line) for line in text.splitlines()) + "\n"


def page_colours() -> str:
    """The pictures' colours as CSS variables for the page around them."""
    light, dark = ("".join(f"--{name}:{pair[which]};" for name, pair in svg.COLOURS.items()) for which in (0, 1))
    return f":root{{color-scheme:light dark;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def tiles(measured: Measurement) -> list[tuple[str, str, str]]:
    """(figure, meaning, remark) for the head of the page."""
    metadata, first = measured.first, measured.run.results[0]
    at_width = widths.words(measured.metadata, first.width)
    found = []
    if first.inference_instructions is not None:
        per_mac = figures.ratio(first.inference_instructions / metadata.macs if metadata.macs else None)
        total = figures.short(first.inference_instructions)
        remarks = [f"{per_mac} a MAC" if per_mac else "", at_width]
        found.append((total, "instructions an inference", ", ".join(filter(None, remarks))))
    remark = ", ".join(filter(None, [f"{len(metadata.operators)} operators", at_width]))
    found.append((figures.short(metadata.macs), figures.MACS, remark))
    found.append((figures.size(metadata.arena_bytes), "arena", f"{figures.count(metadata.arena_bytes)} bytes"))
    weights = metadata.weight_bytes
    on_npu = sum(row.weight_bytes for row in measured.layers if row.on_npu)
    remark = f"{figures.count(on_npu)} bytes of them for the NPU" if on_npu else f"{figures.count(weights)} bytes"
    found.append((figures.size(weights + on_npu), "weights", remark))
    loaded = sum(section.size for section in measured.sections if section.loaded)
    found.append((figures.size(loaded), "to be loaded", "code, constants and weights"))
    if measured.run.stack_bytes is not None:
        found.append(
            (figures.size(measured.run.stack_bytes), "stack used", f"of {figures.size(measured.board.stack_bytes)}")
        )
    return found


def card(measured: Measurement, index: int, charset: Sequence[str]) -> ImageCard:
    """The page's text about one of the images. Raises InputError when the file has disappeared."""
    path, result = measured.paths[index], measured.run.results[index]
    height, full = measured.input_size
    original = read_image(path)
    pixels = image.resize(original, height, full)
    assert measured.run.probabilities is not None
    rows, width = measured.run.probabilities[index], result.width or full
    # The rows behind a narrow image's last step are empty.
    steps = alignment.align(rows[: len(rows) * width // full], charset, width)
    alone = alignment.text_of(steps)
    counts = {
        "preprocess": result.preprocess_instructions,
        "inference": result.inference_instructions,
        "CTC decode": result.decode_instructions,
        "of a narrower reading that did not stand": result.unsure_instructions or None,
    }
    return ImageCard(
        name=path.name,
        size=", ".join(
            filter(None, [_size(original.shape, pixels.shape), widths.words(measured.metadata, result.width)])
        ),
        text=result.text,
        score=f"{result.score:.6f}",
        instructions=[(name, figures.count(count)) for name, count in counts.items() if count is not None],
        steps=steps,
        alone="" if alone == result.text else alone,
        sure=sure_in_words(result.confidence),
        wide=alignment.alignment_picture(pixels, steps, width, WIDE).inline("wide"),
        narrow=alignment.alignment_picture(pixels, steps, width, NARROW, lines=2).inline("narrow"),
    )


def sure_in_words(found: Confidence | None) -> str:
    """How sure a text is, in words; empty where that is not known."""
    if found is None:
        return ""
    right = "" if found.right is None else f"right with a probability of {found.right:.4f}; "
    return (
        f"{right}of its characters the least sure has {found.least:.4f}, the mean {found.mean:.4f}; lead over the next "
        f"text {found.lead:.4f}; likelihood {found.likelihood:.4f}"
    )


def _size(original: Sequence[int], read: Sequence[int]) -> str:
    """Pixels of the file, and of the network's view of it."""
    words = f"{original[1]} x {original[0]} pixels, read at {read[1]} x {read[0]}"
    kept = math.ceil(read[0] * original[1] / original[0])  # its width with the ratio kept
    return f"{words}, squeezed from {kept}" if kept > read[1] else words


def tables(measured: Measurement) -> list[tuple[str, list[Layer], Totals]]:
    """(width, layers, their sums) for each width at which images were read."""
    found = []
    for result in measured.first_of_each_width:
        rows = measured.layers_of(result)
        found.append((widths.words(measured.metadata, result.width), rows, totals(rows)))
    return found


def both_widths(measured: Measurement) -> dict[str, Markup]:
    """Every picture twice: for wide and for narrow pages."""
    wide, narrow = profile.pictures(measured, WIDE), profile.pictures(measured, NARROW)
    return {name: _pair(wide[name], narrow[name]) for name in wide}


def _pair(wide: Picture, narrow: Picture) -> Markup:
    return wide.inline("wide") + narrow.inline("narrow")


def groups(rows: Sequence[Layer], key: str) -> list[Group]:
    """Rows of the table by kind or by target."""
    whole = totals(rows)
    found = []
    for name, members in by(rows, lambda row: str(getattr(row, key))).items():
        sums = totals(members)
        share = figures.share(sums.instructions, whole.instructions) if sums.instructions and whole.instructions else ""
        found.append(
            Group(
                name=kind_title(name) if key == "kind" else name,
                hue=hue(name) if key == "kind" else svg.HUES,
                count=len(members),
                instructions=figures.count(sums.instructions),
                share=share,
                macs=figures.nonzero(sums.macs),
                per_mac=figures.ratio(sums.per_mac),
                bound=figures.nonzero(sums.bound),
            )
        )
    return found


def refusals(rows: Sequence[Layer]) -> list[Refusal]:
    """Reasons why targets did not take layers, each with its layers; the reason with the most layers comes first."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for target, reason in row.why_not.items():
            found.setdefault((target, reason), []).append(row.title)
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [Refusal(target, reason, titles) for (target, reason), titles in ordered]
