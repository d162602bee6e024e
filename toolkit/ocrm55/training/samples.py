"""From texts and pictures to batches: the samples that the network learns from, and their shares."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import cv2
import numpy as np

from ocrm55.evaluation.words import WordPictures
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.image import HEIGHT
from ocrm55.training import camera, texts
from ocrm55.training.fonts import Font, FontChooser
from ocrm55.training.legibility import decidable, digits_like_letters
from ocrm55.training.render import draw

Pixels = np.ndarray  # uint8 [height, width, 3] RGB
WIDTHS = (48, 64, 80, 96, 128, 160, 224)  # batches are padded to these pixels, or to the widest
STEP = 8  # pixels of the input for each step of the output
# Both 95 and 96 stand for the space; the official models use 95, and so do ours.
CLASS_OF = {char: index for index, char in reversed(list(enumerate(load_charset()))) if char}


@dataclass(frozen=True)
class Sample:
    """One picture with its text. pixels: [48, w, 3] RGB. centres: x of each character's middle, None if unknown."""

    pixels: Pixels
    text: str
    centres: list[float] | None


@dataclass
class Mix:
    """The sources of the pictures, by shares that need not add up to 1.

    photographs: labelled words; scene: synthetic signs; lines: synthetic print, `clean` of them untouched.
    gentle: distort photographs by half; at its end, a training should look like the use after it.
    longest: characters of a line; sign_longest: of a sign. full: share of the lines that are nearly as long.
    tricky: share of the lines made of shapes that are mistaken for each other. decided: replace a text that nobody can
    read with certainty in its font, because it would teach to guess. figures: share of the lines that are numbers and
    codes in fonts whose digits are like letters. decorative: share of decorative fonts in all other lines.
    widest: pixels of a picture. padded: share of the pictures that are padded to so many, as a compiled model reads.
    """

    photographs: float = 0.56
    scene: float = 0.16
    lines: float = 0.28
    clean: float = 0.35
    gentle: bool = False
    longest: int = 25
    full: float = 0.0
    tricky: float = 0.0
    decided: bool = False
    figures: float = 0.0
    decorative: float = 0.08
    sign_longest: int = 14
    widest: int = 320
    padded: float = 0.0
    vocabulary: Sequence[str] = field(default_factory=tuple)
    palette: Sequence[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=tuple)


def steps_needed(text: str) -> int:
    """Output steps that CTC needs for a text: one for each character, and a blank between equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))


def resize(pixels: Pixels, widest: int, stretch: float = 1.0) -> Pixels:
    """Scale to height 48 with the ratio kept, squeezed if longer than `widest`: the recognizer's own preprocessing."""
    height, width = pixels.shape[:2]
    target = int(np.ceil(HEIGHT * width / height * stretch))
    return cv2.resize(pixels, (min(widest, max(target, STEP)), HEIGHT), interpolation=cv2.INTER_LINEAR)


def written(rng: random.Random, text: str, font: Font, strength: camera.Strength, plain: bool, mix: Mix) -> Sample:
    """One synthetic picture of a text."""
    drawing = draw(rng, text, font, plain=plain, palette=mix.palette)
    height = camera.shrink(rng, strength.optics) if strength.optics else rng.randint(40, 56)
    stretch = rng.uniform(0.75, 1.3) if strength.geometry else 1.0
    seen, homography = camera.photograph(rng, drawing.pixels, drawing.box, height, strength.geometry, stretch)
    if strength.geometry and rng.random() < 0.2:
        seen = camera.bend(rng, seen, strength.geometry)
    pixels = resize(camera.treat(rng, seen, strength), mix.widest)
    middle = (drawing.box[1] + drawing.box[3]) / 2
    points = np.array([[x, middle] for x in drawing.centres], np.float32).reshape(-1, 1, 2)
    moved = cv2.perspectiveTransform(points, homography)[:, 0, 0] * pixels.shape[1] / seen.shape[1]
    return Sample(pixels, drawing.text, [float(x) for x in moved])


def photographed(rng: random.Random, pixels: Pixels, text: str, widest: int, gentle: bool = False) -> Sample:
    """One labelled picture, seen from a slightly different place and in another light."""
    height, width = pixels.shape[:2]
    weight = 0.5 if gentle else 1.0
    if rng.random() < (0.65 if gentle else 0.8):
        inset = [rng.uniform(-0.06, 0.05) * height * weight for _ in range(4)]
        box = (inset[0], inset[1], width - inset[2], height - inset[3])
        lines = min(64, height) if rng.random() > 0.15 * weight else max(16, round(height * rng.uniform(0.5, 1.0)))
        stretch = float(np.exp(rng.gauss(0, 0.14 * weight)))
        pixels, _ = camera.photograph(rng, pixels, box, min(lines, 64), 0.4 * weight, stretch)
        if rng.random() < 0.1 * weight:
            pixels = camera.bend(rng, pixels, 0.4)
        pixels = camera.treat(rng, pixels, camera.WORDS_GENTLY if gentle else camera.WORDS)
        if rng.random() < 0.06 * weight:  # something in the way
            x, wide = rng.randint(0, pixels.shape[1] - 1), rng.randint(2, max(3, pixels.shape[0] // 5))
            y = rng.randint(0, pixels.shape[0] - 1)
            pixels[y : y + wide, x : x + wide] = rng.randint(0, 255)
    return Sample(resize(pixels, widest), text, None)


class SampleStream:
    """An endless stream of samples, the same for the same seed.

    fonts: fonts to write with. pictures: labelled words; with None there is only synthetic text.
    """

    def __init__(self, rng: random.Random, fonts: Sequence[Font], mix: Mix, pictures: WordPictures | None) -> None:
        self.rng, self.mix, self.pictures = rng, mix, pictures
        self.fonts = FontChooser(fonts, mix.decorative)
        like = [font for font in fonts if digits_like_letters(font.path)] if mix.figures else []
        self.figure_fonts = FontChooser(like) if like else self.fonts

    def sample(self) -> Sample:
        """The next sample. Samples whose text would not fit the output's steps are passed over."""
        while True:
            sample = self._any()
            if steps_needed(sample.text) <= sample.pixels.shape[1] // STEP:
                return sample

    def _any(self) -> Sample:
        rng, mix = self.rng, self.mix
        dice = rng.random() * ((mix.photographs if self.pictures else 0.0) + mix.scene + mix.lines)
        if dice < mix.scene:
            text = texts.sign(rng, mix.sign_longest, mix.vocabulary)
            return written(rng, text, self.fonts.choose(rng), camera.SCENE, rng.random() < 0.1, mix)
        if dice < mix.scene + mix.lines or not self.pictures:
            text, font = self._line()
            clean = rng.random() < mix.clean
            strength = camera.CLEAN if clean else camera.PRINT
            return written(rng, text, font or self.fonts.choose(rng), strength, clean or rng.random() < 0.6, mix)
        pixels, text = self.pictures.draw(rng)
        return photographed(rng, pixels, text, mix.widest, mix.gentle)

    def _line(self) -> tuple[str, Font | None]:
        """A text of print, and a font in which it can be decided; None if any font is good."""
        rng, mix = self.rng, self.mix
        for _ in range(20):
            fonts = self.fonts
            if mix.figures and rng.random() < mix.figures:
                fonts, length = self.figure_fonts, rng.randint(2, mix.longest)
                text = texts.stuttered_number(rng) if rng.random() < 0.5 else texts.stuttered_code(rng, length)
            elif mix.tricky and rng.random() < mix.tricky:
                text = texts.tricky(rng, rng.randint(2, mix.longest))
            elif mix.full and rng.random() < mix.full:
                text = texts.full_line(rng, mix.longest)
            else:
                text = texts.line(rng, rng.randint(1, mix.longest) if rng.random() < 0.5 else mix.longest)
            if not mix.decided and fonts is self.fonts:
                return text, None
            font = fonts.choose(rng)
            if not mix.decided or decidable(text.upper() if font.caps else text, font.path):
                return text, font
        return text, None


@dataclass(frozen=True)
class Batch:
    """images: float32 [B, 3, 48, W] BGR in [-1, 1], 0 right of the picture; labels: int64 [B, L], 0 after the text;
    lengths: int64 [B]; frames: int64 [B, W / 8], the class at each character's middle, 0 between, -1 where unknown.
    """

    images: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray


def frame_targets(sample: Sample, steps: int) -> np.ndarray:
    """The right class of each output step: a character's class at its middle, blank elsewhere, -1 beside a middle."""
    frames = np.full(steps, -1, np.int64)
    if sample.centres is None:
        return frames
    places = [min(steps - 1, max(0, int(x // STEP))) for x in sample.centres]
    frames[:] = 0
    for place in places:
        frames[max(0, place - 1) : place + 2] = -1
    for char, place in zip(sample.text, places, strict=True):
        frames[place] = CLASS_OF[char]
    return frames


def collate_pixels(pictures: Sequence[Pixels], width: int = 0) -> np.ndarray:
    """Pictures [48, w, 3] RGB as the network takes them: see `images` of Batch. width: 0 for that of the widest."""
    images = np.zeros((len(pictures), 3, HEIGHT, width or max(p.shape[1] for p in pictures)), np.float32)
    for row, picture in enumerate(pictures):
        pixels = picture[:, :, ::-1].astype(np.float32).transpose(2, 0, 1)
        images[row, :, :, : pixels.shape[2]] = (pixels / 255 - 0.5) / 0.5
    return images


def collate(samples: Sequence[Sample], width: int) -> Batch:
    """Samples of at most `width` pixels, padded on the right to `width` as the recognizer pads."""
    images = collate_pixels([sample.pixels for sample in samples], width)
    labels = np.zeros((len(samples), max(len(s.text) for s in samples)), np.int64)
    for row, sample in enumerate(samples):
        labels[row, : len(sample.text)] = [CLASS_OF[char] for char in sample.text]
    frames = np.stack([frame_targets(sample, width // STEP) for sample in samples])
    return Batch(images, labels, np.array([len(s.text) for s in samples], np.int64), frames)


class Stream(Protocol):
    """Gives samples without end; rng decides on them, and mix.widest says how wide one may be."""

    rng: random.Random
    mix: Mix

    def sample(self) -> Sample:
        """The next sample."""


def group(stream: Stream, batches: int, columns: int) -> list[tuple[list[Sample], int]]:
    """`batches` batches of samples of similar widths, each with the width in pixels to pad to.

    columns: pixels of a batch, all its pictures side by side. A batch of narrow words has more pictures than a batch of
    long lines, and both take the same time. There are only as many shapes of batches as WIDTHS, because convolution
    libraries compile a kernel for each shape. Samples left over in one width are padded to the next. Some others are
    too, so that the network sees padding of every length.
    """
    rng, widths = stream.rng, [width for width in WIDTHS if width < stream.mix.widest] + [stream.mix.widest]
    waiting: dict[int, list[Sample]] = {width: [] for width in widths}
    lots: list[tuple[list[Sample], int]] = []
    total = 0
    while len(lots) < batches:
        while total < (batches - len(lots)) * columns:
            sample = stream.sample()
            fitting = [width for width in widths if width >= sample.pixels.shape[1]]
            width = rng.choice(fitting) if rng.random() < 0.1 else fitting[0]
            if stream.mix.padded and rng.random() < stream.mix.padded:
                width = fitting[-1]
            waiting[width].append(sample)
            total += width
        for width, wider in pairwise([*widths, 0]):
            count, queue = max(1, columns // width), waiting[width]
            while len(queue) >= count:
                lots.append((queue[:count], width))
                del queue[:count]
                total -= count * width
            if wider:
                waiting[wider] += queue
                total += len(queue) * (wider - width)
                queue.clear()
    rng.shuffle(lots)
    return lots[:batches]
