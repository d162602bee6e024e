"""CTC alignment: the character of each step of the output, its probability, and its columns of the image."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from ocrm55.report import svg
from ocrm55.report.svg import Picture
from ocrm55.tasks.recognizer import ctc

SURE, UNSURE = 0.9, 0.5  # a character is drawn as sure from this probability on, and as a guess below
_BAR = 34.0  # height of the bars
BLANK = "·"


@dataclass(frozen=True)
class Step:
    """One step of the output. second: the next likely class. kept: it became a character of the text. columns: of the
    network's input, from and to.
    """

    index: int
    character: str
    probability: float
    second: str
    second_probability: float
    kept: bool
    columns: tuple[float, float]

    @property
    def shown(self) -> str:
        return visible(self.character)


def visible(character: str) -> str:
    """The character; the blank and the space become visible signs."""
    return {"": BLANK, " ": "␣"}.get(character, character)


def align(probabilities: np.ndarray, charset: Sequence[str], input_width: int) -> list[Step]:
    """The steps of one image's output, float32 [steps, classes]."""
    classes = probabilities.argmax(axis=1)
    kept = ctc.kept_steps(classes)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    count = len(probabilities)
    return [
        Step(
            index,
            charset[order[index, 0]],
            float(row[order[index, 0]]),
            charset[order[index, 1]],
            float(row[order[index, 1]]),
            bool(kept[index]),
            (input_width * index / count, input_width * (index + 1) / count),
        )
        for index, row in enumerate(probabilities)
    ]


def text_of(steps: Sequence[Step]) -> str:
    """The text if each step is decoded by itself."""
    return "".join(step.character for step in steps if step.kept)


def alignment_picture(
    pixels: np.ndarray, steps: Sequence[Step], input_width: int, width: int, lines: int = 1
) -> Picture:
    """The image as the network sees it. Under its columns each step shows its character and a bar for its probability.

    pixels: uint8 [height, w, 3], BGR, w at most input_width; the padding is to its right.
    lines: the number of lines for the input, so that it stays readable on a narrow page.
    """
    a_line = -(-len(steps) // lines)
    scale = width / (input_width * a_line / len(steps))
    height = pixels.shape[0] * scale
    uri = data_uri(pixels)
    shapes = []
    y = 0.0
    for start in range(0, len(steps), a_line):
        part = steps[start : start + a_line]
        left, right = part[0].columns[0], part[-1].columns[1]
        if start and left >= pixels.shape[1] and not any(step.kept for step in part):
            continue  # only padding, and no character was read there
        shapes.append(_image(pixels, uri, (left, right), y, scale))
        shapes += [_draw(step, (step.columns[0] - left) * scale, y, height, scale) for step in part]
        y += height + 26 + _BAR + 30
    words = text_of(steps)
    return Picture(f"CTC alignment: {words or 'no text'}", width, y - 8, Markup("").join(shapes))


def _image(pixels: np.ndarray, uri: str, columns: tuple[float, float], y: float, scale: float) -> Markup:
    """The image's columns left to right, in a window that cuts the rest; padding is an empty field."""
    left, right = columns
    rows, true_width = pixels.shape[:2]
    wide, high = (right - left) * scale, rows * scale
    shapes = [svg.rect(left, 0, right - left, rows, "fill-panel")]
    shapes.append(
        svg.tag("image", href=uri, x=0, y=0, width=true_width, height=rows, preserveAspectRatio="none", role="none")
    )
    window = svg.tag(
        "svg",
        *shapes,
        x=0,
        y=y,
        width=wide,
        height=high,
        viewBox=f"{svg.number(left)} 0 {svg.number(right - left)} {rows}",
    )
    outside = Markup()
    room = (right - max(left, true_width)) * scale
    if room > svg.text_width("padding") + 12:
        outside = svg.text(wide - room + 8, y + 18, "padding", "fill-soft")
    shown = min(right, true_width) - left
    frame = svg.rect(0.5, y + 0.5, shown * scale - 1, high - 1, "line-rule", fill="none") if shown > 0 else Markup()
    return svg.group(window, frame, outside)  # a white picture on white paper needs its frame


def _draw(step: Step, x: float, y: float, height: float, scale: float) -> Markup:
    wide = (step.columns[1] - step.columns[0]) * scale
    middle, base = x + wide / 2, y + height + 20
    tip = (
        f"step {step.index}, columns {step.columns[0]:g} to {step.columns[1]:g}: {step.shown} {step.probability:.4f}, "
        f"next {visible(step.second)} {step.second_probability:.4f}" + ("" if step.kept else ", not kept")
    )
    shapes = []
    if step.kept:
        shapes.append(svg.line(middle, y, middle, y + height, f"line-{_colour(step)}", stroke_opacity=0.55))
        shapes.append(svg.text(middle, base, step.shown, "bold middle", style="font-size:16px"))
    else:
        shapes.append(svg.text(middle, base, step.shown, "small middle fill-soft"))
    bar = step.probability * _BAR
    floor = base + 6 + _BAR
    shapes.append(svg.rect(x + 0.5, base + 6, wide - 1, _BAR, "fill-panel", tip=tip))
    opacity = 0.9 if step.kept else 0.45
    css = f"fill-{_colour(step)}"
    shapes.append(svg.rect(x + 0.5, floor - bar, wide - 1, bar, css, tip=tip, fill_opacity=opacity))
    if step.kept and wide >= 15:
        percent = f"{int(100 * step.probability + 1e-6)}"  # cut, not rounded: 100 means certain
        shapes.append(svg.text(middle, floor + 13, percent, "small middle fill-soft"))
    return svg.group(*shapes)


def _colour(step: Step) -> str:
    if not step.kept:
        return "hue-7"
    return "hue-0" if step.probability >= SURE else "hue-4" if step.probability >= UNSURE else "mark"


def data_uri(pixels: np.ndarray) -> str:
    """A BGR image as a PNG inside a URI."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
