"""The user's own pictures: which are learnt and which are held out, what the model must know, and how they vary."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocrm55.errors import InputError
from ocrm55.evaluation.words import Word, read_pixels
from ocrm55.tasks.recognizer.image import HEIGHT
from ocrm55.training.samples import STEP, Mix, Pixels, Sample, photographed, steps_needed

LEAST = 20  # pictures: a fifth of fewer says nothing about the next picture
MOST = 20_000  # of a set: all of them lie in memory, decoded
HELD_OUT = 0.2
PADDED = 0.2  # of the pictures, to the model's width, as all are when it reads
_TRIES = 20


def checked(words: Sequence[Word], charset: Sequence[str], steps: int) -> list[Word]:
    """The words, if a model can learn them. charset: the characters of its classes. steps: of its output.

    Raises InputError for too few pictures, for characters without a class, and for texts longer than the output.
    """
    words = [word for word in words if word.text]
    if len(words) < LEAST:
        raise InputError(
            f"{len(words)} labelled pictures are too few to learn from; {LEAST} are the least.", ["label some more"]
        )
    counts: dict[str, int] = {}
    for word in words:
        for char in sorted(set(word.text) - set(charset)):
            counts[char] = counts.get(char, 0) + 1
    if counts:
        listed = ", ".join(f"`{char}` ({count} pictures)" for char, count in sorted(counts.items())[:8])
        raise InputError(
            f"the model has no class for {listed}.",
            [
                "start from a model that knows them (--model), and keep the classes you need with "
                "`ocrm55 export --characters FILE`",
                "label these pictures otherwise",
            ],
        )
    longest = max(words, key=lambda word: steps_needed(word.text))
    if steps_needed(longest.text) > steps:
        raise InputError(
            f"the text of {longest.name} needs {steps_needed(longest.text)} steps of the output, which has {steps}.",
            ["cut the picture in two", "a larger --width"],
        )
    return words


def split(words: Sequence[Word], share: float, seed: int) -> tuple[list[Word], list[Word]]:
    """(to learn, held out). Of each length of text a share is held out; seed and names decide, everywhere alike."""

    def place(word: Word) -> tuple[int, bytes]:
        return len(word.text), hashlib.sha256(f"{seed} {word.name}".encode()).digest()

    ordered = sorted(words, key=place)
    count = max(1, round(share * len(ordered)))
    chosen = {int((number + 0.5) * len(ordered) / count) for number in range(count)}
    learnt = [word for number, word in enumerate(ordered) if number not in chosen]
    return learnt, [word for number, word in enumerate(ordered) if number in chosen]


@dataclass(frozen=True)
class OwnPictures:
    """Pictures uint8 [H, W, 3] RGB in memory with their texts."""

    pixels: list[Pixels]
    texts: list[str]

    @staticmethod
    def of(words: Sequence[Word]) -> OwnPictures:
        """Read them. Raises InputError for a damaged one, and where all are too narrow for their texts."""
        pictures = OwnPictures([read_pixels(word) for word in words], [word.text for word in words])
        if not any(map(_fits, pictures.pixels, pictures.texts)):
            raise InputError(
                f"each of the {len(words)} pictures to learn is too narrow for its text. A picture of 48 lines needs "
                f"{STEP} columns a character, and {STEP} more between two that are alike.",
                ["label pictures of lines of text that run from left to right"],
            )
        return pictures


def _fits(pixels: Pixels, text: str) -> bool:
    """Whether a picture, resized as it is, has the steps that its text needs."""
    height, width = pixels.shape[:2]
    return steps_needed(text) <= math.ceil(HEIGHT * width / height) // STEP


class OwnStream:
    """An endless stream of the own pictures, each time a little different; the same for the same seed."""

    def __init__(self, rng: random.Random, pictures: OwnPictures, widest: int) -> None:
        self.rng, self.pictures, self.mix = rng, pictures, Mix(widest=widest, padded=PADDED)

    def sample(self) -> Sample:
        """The next sample."""
        rng, most = self.rng, self.mix.widest
        while True:
            index = rng.randrange(len(self.pictures.texts))
            pixels, text = self.pictures.pixels[index], self.pictures.texts[index]
            for _ in range(_TRIES):
                sample = photographed(rng, varied(rng, pixels), text, most, gentle=rng.random() < 0.4)
                if steps_needed(text) <= sample.pixels.shape[1] // STEP:
                    return sample


def varied(rng: random.Random, pixels: Pixels) -> Pixels:
    """A picture as another product of its kind would look: other strokes, slants, widths and colours.

    A hundred pictures show a handful of these, and the next device has others.
    """
    if rng.random() < 0.5:
        pixels = _strokes(rng, pixels)
    if rng.random() < 0.6:
        pixels = _geometry(rng, pixels)
    if rng.random() < 0.5:
        pixels = _colours(rng, pixels)
    return pixels


def _strokes(rng: random.Random, pixels: Pixels) -> Pixels:
    """Thicker or thinner strokes: the darkest or the brightest of a neighbourhood."""
    most = max(1, round(pixels.shape[0] * 0.05))
    size = 1 + rng.randint(1, most)
    shape = rng.choice((cv2.MORPH_ELLIPSE, cv2.MORPH_RECT))
    change = cv2.erode if rng.random() < 0.5 else cv2.dilate
    return np.asarray(change(pixels, cv2.getStructuringElement(shape, (size, size))))


def _geometry(rng: random.Random, pixels: Pixels) -> Pixels:
    """Narrower or wider, upright or slanted."""
    height, width = pixels.shape[:2]
    slant = rng.uniform(-0.22, 0.22)
    stretch = float(np.exp(rng.gauss(0, 0.18)))
    wide = max(8, round(width * stretch + abs(slant) * height))
    move = np.array([[stretch, slant, max(0.0, -slant * height)], [0, 1, 0]], np.float32)
    return cv2.warpAffine(pixels, move, (wide, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _colours(rng: random.Random, pixels: Pixels) -> Pixels:
    """Light on dark for dark on light, other colours, another contrast."""
    if rng.random() < 0.4:
        pixels = 255 - pixels
    order = [0, 1, 2]
    rng.shuffle(order)
    low, high = rng.uniform(0, 60), rng.uniform(170, 255)
    levels = np.clip(np.linspace(low, high, 256) + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels[pixels[:, :, order]])
