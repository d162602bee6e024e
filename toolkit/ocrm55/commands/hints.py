"""Warnings about pictures that were read on a board, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ocrm55 import console, plain_text
from ocrm55.errors import StrictError
from ocrm55.simulators.protocol import ImageResult
from ocrm55.tasks.recognizer import picture_warnings
from ocrm55.tasks.recognizer.picture_warnings import PictureWarning


def sureness(result: ImageResult) -> float:
    """How sure a reading is: the probability that its text is right, or its score where that is not known."""
    right = None if result.confidence is None else result.confidence.right
    return result.score if right is None else right


def find(
    pictures: Sequence[np.ndarray],
    results: Sequence[ImageResult],
    size: tuple[int, int],
    read: Callable[[list[np.ndarray]], Sequence[ImageResult]],
) -> list[list[PictureWarning]]:
    """The warnings about each picture, uint8 [h, w, 3] BGR, that was read at `size`, height and width.

    read: reads pictures once more; it is given those whose reading is in doubt, turned.
    """
    found = [
        picture_warnings.of_picture(pixels, sureness(result), *size) + picture_warnings.of_gap(pixels, result.text)
        for pixels, result in zip(pictures, results, strict=True)
    ]
    tasks = [
        (number, quarters)
        for number, (pixels, result) in enumerate(zip(pictures, results, strict=True))
        for quarters in picture_warnings.ways_to_turn(pixels, sureness(result))
    ]
    if tasks:
        again = read([picture_warnings.turned(pictures[number], quarters) for number, quarters in tasks])
        for number in dict.fromkeys(number for number, _ in tasks):
            ways = [(q, result) for (n, q), result in zip(tasks, again, strict=True) if n == number]
            readings = {quarters: (result.text, sureness(result)) for quarters, result in ways}
            found[number] += picture_warnings.of_turns(readings)
    return found


def show(images: Sequence[Path], found: Sequence[Sequence[PictureWarning]]) -> None:
    """Say each warning in a line of its own, beside what is read."""
    for path, warnings in zip(images, found, strict=True):
        for warning in warnings:
            console.note(f"warning: {plain_text.shown(str(path))}: {warning}")


def check(images: Sequence[Path], found: Sequence[Sequence[PictureWarning]]) -> None:
    """Raise StrictError where there are warnings."""
    warned = [(path, warning) for path, warnings in zip(images, found, strict=True) for warning in warnings]
    if warned:
        path, first = warned[0]
        others = ", and that is not the only warning" if len(warned) > 1 else ""
        raise StrictError(f"{path}: {first.sentence}{others}.", [first.advice])


def values(warnings: Sequence[PictureWarning]) -> list[dict[str, str]]:
    """For JSON."""
    return [{"kind": each.kind, "sentence": each.sentence, "advice": each.advice} for each in warnings]
