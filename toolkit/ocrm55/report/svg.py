"""SVG by hand: elements that escape their contents, one style for light and dark, and pictures made of both.

A picture is a file of its own (`Picture.standalone`) or part of a page that brings the style (`Picture.inline`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

# Colours by purpose: (on light paper, on dark paper). Every hue keeps its meaning in both.
COLOURS = {
    "paper": ("#ffffff", "#16181d"),
    "panel": ("#f4f5f7", "#1f2229"),
    "ink": ("#16181d", "#f0f1f4"),
    "soft": ("#5a6070", "#a5abb8"),
    "rule": ("#d9dce3", "#363b46"),
    "mark": ("#c22f30", "#ff7b72"),
    "hue-0": ("#2a78d6", "#3987e5"),
    "hue-1": ("#17976a", "#199e70"),
    "hue-2": ("#eb6834", "#d95926"),
    "hue-3": ("#7a4fc4", "#9085e9"),
    "hue-4": ("#d9942b", "#c98500"),
    "hue-5": ("#d4578a", "#d55181"),
    "hue-6": ("#4b7f1f", "#6aa52f"),
    "hue-7": ("#8a8f9c", "#7c8291"),
}
HUES = 7  # the eighth is grey, for everything else
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
TEXT = 12  # pixels; nothing is set smaller than SMALL
SMALL = 11
_ADVANCE = 0.56  # mean width of a letter, in heights of the text


@dataclass(frozen=True)
class Picture:
    """A drawing, sizes in pixels. `body` is the contents of the svg element."""

    title: str
    width: float
    height: float
    body: Markup

    def inline(self, css: str = "") -> Markup:
        """For a page that has `style()`; css: more classes for the svg element."""
        return self._svg(Markup(), css)

    def standalone(self) -> str:
        """A file of its own."""
        paper = tag("rect", class_="fill-paper", width=self.width, height=self.height)
        heading = tag("style", Markup(style())) + paper
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + str(self._svg(heading, "")) + "\n"

    def _svg(self, start: Markup, css: str) -> Markup:
        return tag(
            "svg",
            tag("title", self.title),
            start,
            self.body,
            xmlns="http://www.w3.org/2000/svg",
            class_=f"picture {css}".strip(),
            viewBox=f"0 0 {number(self.width)} {number(self.height)}",
            width=self.width,
            height=self.height,
            role="img",
        )


def style() -> str:
    """CSS of all pictures: `fill-NAME` and `line-NAME` for each colour, and the sizes of text."""
    light, dark = (_rules(which) for which in (0, 1))
    return (
        f".picture text{{font-family:{FONT};font-size:{TEXT}px}}.picture .small{{font-size:{SMALL}px}}"
        ".picture .bold{font-weight:600}.picture .end{text-anchor:end}.picture .middle{text-anchor:middle}"
        ".picture .mono{font-family:ui-monospace,'DejaVu Sans Mono',monospace}"
        f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
    )


def _rules(which: int) -> str:
    rules = [f".picture text{{fill:{COLOURS['ink'][which]}}}"]
    for name, pair in COLOURS.items():
        rules.append(f".picture .fill-{name}{{fill:{pair[which]}}}.picture .line-{name}{{stroke:{pair[which]}}}")
    return "".join(rules)


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """An element. Plain strings are escaped; `class_` is class, `stroke_width` is stroke-width; None is left out."""
    parts = []
    for key, value in attributes.items():
        if value is not None:
            key_text = key.rstrip("_").replace("_", "-")
            parts.append(f' {key_text}="{escape(number(value) if isinstance(value, int | float) else value)}"')
    inside = Markup("").join(child if isinstance(child, Markup) else printable(child) for child in children)
    opening = f"<{name}{''.join(parts)}"
    return Markup(f"{opening}>{inside}</{name}>" if inside else f"{opening}/>")


def group(*children: str, **attributes: object) -> Markup:
    return tag("g", *children, **attributes)


def rect(x: float, y: float, width: float, height: float, css: str, *, tip: str = "", **more: object) -> Markup:
    """A rectangle; the tip appears when the pointer rests on it."""
    inside = [tag("title", tip)] if tip else []
    return tag("rect", *inside, class_=css, x=x, y=y, width=max(width, 0), height=max(height, 0), **more)


def text(x: float, y: float, words: str, css: str = "", **more: object) -> Markup:
    """Words whose baseline starts at x, y."""
    return tag("text", words, class_=css or None, x=x, y=y, **more)


def line(x1: float, y1: float, x2: float, y2: float, css: str, **more: object) -> Markup:
    return tag("line", class_=css, x1=x1, y1=y1, x2=x2, y2=y2, **more)


def legend(entries: Sequence[tuple[int, str]], y: float, width: float) -> tuple[Markup, int]:
    """(number of a hue, words) side by side, with as many on a line as fit; and the number of lines of 17 pixels."""
    shapes = []
    x, lines = 0.0, 1
    for hue, words in entries:
        wide = 14 + text_width(words, SMALL) + 16
        if x and x + wide > width:
            x, lines = 0.0, lines + 1
        base = y + (lines - 1) * 17
        shapes.append(rect(x, base - 9, 9, 9, f"fill-hue-{hue}", rx=2, fill_opacity=0.75))
        shapes.append(text(x + 14, base, words, "small fill-soft"))
        x += wide
    return group(*shapes), lines


def number(value: float) -> str:
    """At most two decimals, without trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def text_width(words: str, height: float = TEXT) -> float:
    """The approximate width of words; no font is read."""
    return len(words) * height * _ADVANCE


def fit(words: str, width: float, height: float = TEXT) -> str:
    """The words, cut with an ellipsis if they are wider than `width`; nothing if fewer than three letters fit."""
    if text_width(words, height) <= width:
        return words
    room = int(width / (height * _ADVANCE)) - 1
    return words[:room].rstrip() + "…" if room >= 3 else ""


def printable(words: str) -> str:
    """The text without control characters; XML cannot hold them even escaped."""
    return "".join(
        char if char == "\t" or (char >= " " and not 0x7F <= ord(char) < 0xA0 and ord(char) not in _BAD) else "�"
        for char in words
    )


_BAD = {0xFFFE, 0xFFFF, *range(0xD800, 0xE000)}
