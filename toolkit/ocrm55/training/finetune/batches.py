"""Batches of a fine-tuning: own pictures, and drawn ones, by turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocrm55.normalisation import Normalisation
from ocrm55.training.feed import GROUP, Lot
from ocrm55.training.finetune.own import OwnPictures, OwnStream
from ocrm55.training.fonts import Font
from ocrm55.training.samples import Mix, Sample, SampleStream, group

# As the bundled weights were trained at their end: half signs in the street, half print, much of it untouched.
DRAWN = Mix(photographs=0, scene=0.45, lines=0.55, clean=0.4, full=0.3, tricky=0.15, decided=True, figures=0.08)


@dataclass(frozen=True)
class OwnSupply:
    """What the batches depend on. columns: pixels of a batch; widest: of a picture."""

    pictures: OwnPictures
    fonts: list[Font]
    columns: int
    widest: int
    seed: int

    def maker(self) -> OwnMaker:
        """What makes the groups of batches."""
        return OwnMaker(self)


class OwnMaker:
    """Makes any group of batches: a batch of own pictures, a batch of drawn ones, and so on."""

    def __init__(self, supply: OwnSupply) -> None:
        self.supply = supply

    def make(self, number: int) -> list[Lot]:
        """The group's batches, not collated yet."""
        supply = self.supply
        rng = random.Random(f"{supply.seed} finetune {number}")
        own = group(OwnStream(rng, supply.pictures, supply.widest), GROUP // 2, supply.columns)
        drawn = group(SampleStream(rng, supply.fonts, DRAWN, None), GROUP // 2, supply.columns)
        return [lot for pair in zip(own, drawn, strict=True) for lot in pair]


@dataclass(frozen=True)
class Collator:
    """Makes tensors of samples as a model takes them: its classes, its normalisation, the height of its input."""

    class_of: dict[str, int]
    levels: Normalisation
    height: int

    def images(self, samples: Sequence[Sample], width: int) -> np.ndarray:
        """float32 [B, 3, height, width]. width: in pixels at a height of 48."""
        wide = round(width * self.height / 48)
        rows = []
        for sample in samples:
            pixels = np.ascontiguousarray(sample.pixels[:, :, ::-1])
            if self.height != pixels.shape[0]:
                size = (max(1, min(wide, round(pixels.shape[1] * self.height / 48))), self.height)
                pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
            rows.append(self.levels.tensor(pixels, self.height, wide)[0])
        return np.stack(rows)

    def known(self, samples: Sequence[Sample]) -> list[int]:
        """The places of the samples whose text the model has classes for."""
        return [place for place, sample in enumerate(samples) if all(char in self.class_of for char in sample.text)]

    def labels(self, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
        """Classes int64 [B, L] with 0 behind the text, and lengths int64 [B]."""
        labels = np.zeros((len(samples), max(len(sample.text) for sample in samples)), np.int64)
        for row, sample in enumerate(samples):
            labels[row, : len(sample.text)] = [self.class_of[char] for char in sample.text]
        return labels, np.array([len(sample.text) for sample in samples], np.int64)
