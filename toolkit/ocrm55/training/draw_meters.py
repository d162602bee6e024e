"""Draw photographs of seven-segment displays, labelled: pictures to try `ocrm55 finetune` with.

python -m ocrm55.training.draw_meters meters --count 100
python -m ocrm55.training.draw_meters others --count 200 --unseen --seed 2
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from ocrm55 import console, files
from ocrm55.errors import OutputError

Pixels = np.ndarray  # uint8 [height, width, 3] BGR
Colour = tuple[int, int, int]
FINE = 4  # pixels of a drawing for one of a picture
# The segments of a digit: a on top, then clockwise, g in the middle.
SEGMENTS = {
    "0": "abcdef", "1": "bc", "2": "abdeg", "3": "abcdg", "4": "bcfg", "5": "acdfg", "6": "acdefg", "7": "abc",
    "8": "abcdefg", "9": "abcdfg", "-": "g",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """A design of a display. Sizes are shares of a digit's height.

    thick: of a segment. wide: a digit. space: between digits. gap: between segments. slant: to the right over the
    height. ends: `mitre`, `square` or `round`. lit, dark: colours BGR of segments and of the ground. ghost: how much of
    the colour segments have that are off. hook: whether 6, 7 and 9 have the segment that some designs leave out or add.
    """

    thick: float
    wide: float
    space: float
    gap: float
    slant: float
    ends: str
    lit: Colour
    dark: Colour
    ghost: float
    hook: str = "69"


STYLES = {
    "lcd": Style(0.11, 0.52, 0.24, 0.02, 0.06, "mitre", (40, 48, 40), (150, 175, 160), 0.10),
    "water meter": Style(0.14, 0.55, 0.22, 0.03, 0.0, "mitre", (30, 30, 34), (190, 200, 196), 0.06),
    "red led": Style(0.12, 0.54, 0.30, 0.035, 0.16, "mitre", (60, 40, 250), (24, 16, 30), 0.12),
    "clock": Style(0.16, 0.60, 0.26, 0.02, 0.10, "square", (90, 230, 90), (20, 26, 20), 0.08, "79"),
    "thermometer": Style(0.085, 0.48, 0.22, 0.01, 0.0, "square", (52, 44, 40), (176, 182, 170), 0.0, "6"),
}
# Never drawn without --unseen: rounded ends, other proportions, other colours.
UNSEEN = {
    "fuel pump": Style(0.13, 0.50, 0.30, 0.05, 0.08, "round", (240, 200, 90), (44, 28, 16), 0.09),
    "scale": Style(0.13, 0.50, 0.30, 0.05, 0.08, "round", (44, 50, 46), (168, 190, 186), 0.07),
}


def text(rng: random.Random) -> str:
    """What a meter shows: three to eight digits, in half of the cases with a point, seldom with a sign."""
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(3, 8)))
    if rng.random() < 0.5:
        place = rng.randint(1, len(digits) - 1)
        digits = f"{digits[:place]}.{digits[place:]}"
    return f"-{digits}" if rng.random() < 0.08 else digits


def draw(rng: random.Random, shown: str, style: Style) -> Pixels:
    """The display as it is, before a camera sees it."""
    height = rng.randint(40, 72)
    size = height * FINE
    advance = (style.wide + style.space) * size
    places = [index for index, char in enumerate(shown) if char != "."]
    width = round(len(places) * advance + (0.6 + abs(style.slant)) * size)
    canvas = np.empty((round(1.5 * size), width, 3), np.float32)
    canvas[:] = style.dark
    left = 0.3 * size
    for char in shown:
        if char == ".":
            centre = (left - style.space * size / 2, 1.25 * size - style.thick * size / 2)
            _point(canvas, centre, 0.62 * style.thick * size, style)
            continue
        on = _lit(char, style.hook)
        for segment in "abcdefg":
            share = 1.0 if segment in on else style.ghost
            if share:
                _fill(canvas, _segment(segment, style, size, left, 0.25 * size), style, share, size)
        left += advance
    small = (max(8, width // FINE), canvas.shape[0] // FINE)
    return cv2.resize(canvas, small, interpolation=cv2.INTER_AREA).clip(0, 255).astype(np.uint8)


def _lit(char: str, hook: str) -> str:
    on = SEGMENTS[char]
    if char == "6" and "6" not in hook:
        on = on.replace("a", "")
    if char == "9" and "9" not in hook:
        on = on.replace("d", "")
    return on + "f" if char == "7" and "7" in hook else on


def _segment(name: str, style: Style, size: float, left: float, top: float) -> np.ndarray:
    """The corners of a segment [N, 2]."""
    thick, wide, high, gap = style.thick * size, style.wide * size, float(size), style.gap * size
    middle = high / 2
    x = {"left": thick / 2, "right": wide - thick / 2}
    y = {"a": thick / 2, "g": middle, "d": high - thick / 2}
    if name in "agd":
        line = ((x["left"] + gap, y[name]), (x["right"] - gap, y[name]))
    else:
        side = "left" if name in "ef" else "right"
        upper = name in "bf"
        line = (
            (x[side], (y["a"] if upper else middle) + gap),
            (x[side], (middle if upper else y["d"]) - gap),
        )
    points = _outline(np.array(line, np.float32), thick, style.ends)
    points[:, 0] += left + style.slant * (high - points[:, 1])
    points[:, 1] += top
    return points


def _outline(line: np.ndarray, thick: float, ends: str) -> np.ndarray:
    along = (line[1] - line[0]) / max(float(np.linalg.norm(line[1] - line[0])), 1e-6)
    across = np.array([-along[1], along[0]], np.float32) * thick / 2
    if ends == "mitre":
        inner = along * thick / 2
        corners = [line[0], line[0] + inner + across, line[1] - inner + across, line[1]]
        return np.array([*corners, line[1] - inner - across, line[0] + inner - across], np.float32)
    reach = along * thick * 0.38
    return np.array(
        [line[0] - reach + across, line[1] + reach + across, line[1] + reach - across, line[0] - reach - across],
        np.float32,
    )


def _fill(canvas: np.ndarray, points: np.ndarray, style: Style, share: float, size: float) -> None:
    mask: np.ndarray = np.zeros(canvas.shape[:2], np.uint8)
    if style.ends == "round":  # a smaller shape, with a round brush around it
        middle = points.mean(0)
        radius = style.thick * size * 0.25
        points = middle + (points - middle) * (1 - radius / np.abs(points - middle).max(0).clip(radius * 1.5))
        cv2.polylines(mask, [np.rint(points).astype(np.int32)], True, (1,), max(1, round(2 * radius)))
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (1,))
    colour = np.array(style.dark, np.float32) * (1 - share) + np.array(style.lit, np.float32) * share
    canvas[mask > 0] = colour


def _point(canvas: np.ndarray, centre: tuple[float, float], radius: float, style: Style) -> None:
    place = (round(centre[0]), round(centre[1]))
    if style.ends == "round":
        cv2.circle(canvas, place, round(radius), style.lit, -1)
    else:
        reach = round(radius * 0.9)
        cv2.rectangle(canvas, (place[0] - reach, place[1] - reach), (place[0] + reach, place[1] + reach), style.lit, -1)


def photograph(rng: random.Random, pixels: Pixels) -> Pixels:
    """The display as a hand-held camera sees it: from aside, with glare, blur, noise and JPEG's losses."""
    noise = np.random.default_rng(rng.randrange(1 << 32))
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + np.array([[rng.gauss(0, 0.035) * height for _ in range(2)] for _ in range(4)], np.float32)
    ground = tuple(float(each) for each in np.median(pixels.reshape(-1, 3), axis=0))
    turned = cv2.warpPerspective(
        pixels, cv2.getPerspectiveTransform(corners, moved), (width, height), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=ground,
    )  # fmt: skip
    seen: np.ndarray = turned.astype(np.float32)
    seen *= rng.uniform(0.65, 1.15)
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    seen *= (1 + rng.uniform(-0.25, 0.25) * (x - 0.5) + rng.uniform(-0.25, 0.25) * (y - 0.5))[..., None]
    if rng.random() < 0.5:  # a window or a lamp in the glass
        angle, at, wide = rng.uniform(0, np.pi), rng.uniform(0, 1), rng.uniform(0.06, 0.3)
        across = np.cos(angle) * (x - at) * width / height + np.sin(angle) * (y - 0.5)
        seen += rng.uniform(20, 110) * np.exp(-((across / wide) ** 2))[..., None]
    if rng.random() < 0.7:
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.4, 1.6) * height / 60)
    seen += noise.normal(0, rng.uniform(1, 9), seen.shape)
    written = cv2.imencode(".jpg", seen.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, rng.randint(55, 95)])
    return np.asarray(cv2.imdecode(written[1], cv2.IMREAD_COLOR))


def main(
    output: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the pictures and labels.tsv.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = 1,
    unseen: Annotated[bool, typer.Option("--unseen", help="In designs that are drawn in no other way.")] = False,
) -> None:
    """Draw labelled photographs of seven-segment displays."""
    rng, styles = random.Random(seed), list((UNSEEN if unseen else STYLES).values())
    lines = []
    with console.errors_end_the_program():
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as trouble:
            raise OutputError(f"{output} cannot be written: {trouble.strerror}.") from trouble
        for number in range(count):
            shown, name = text(rng), f"meter_{number:04}.png"
            pixels = photograph(rng, draw(rng, shown, styles[number % len(styles)]))
            with files.atomic_file(output / name) as staging:
                staging.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            lines.append(f"{name}\t{shown}\n")
        files.write_text(output / "labels.tsv", "".join(lines))
    console.result(f"{output}: {count} pictures")


if __name__ == "__main__":
    typer.run(main)
