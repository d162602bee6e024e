"""Batches of a fine-tuning: own pictures, and drawn ones, by turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ocrm55.evaluation.words import two_tones
from ocrm55.normalisation import Normalisation
from ocrm55.training.feed import GROUP, Lot
from ocrm55.training.finetune.own import PADDED, OwnPictures, OwnStream, varied
from ocrm55.training.fonts import Font
from ocrm55.training.samples import Mix, Sample, SampleStream, group, photographed

# More signs in the street than print, some of it untouched: photographs of words are what is forgotten first.
OWN_SHARE = 0.6
DRAWN = Mix(
    photographs=0, scene=0.6, lines=0.4, clean=0.25, full=0.3, tricky=0.15, decided=True, figures=0.08, padded=PADDED
)  # fmt: skip


class DrawnStream(SampleStream):
    """Drawn signs and lines, half of them distorted just as the own pictures are.

    Otherwise the network could tell the own ones by their look, and would read digits in every photograph.
    """

    def __init__(self, rng: random.Random, fonts: Sequence[Font], mix: Mix) -> None:
        super().__init__(rng, fonts, mix, None)

    def sample(self) -> Sample:
        """The next sample; what it says may be beyond recognition."""
        sample = super().sample()
        if self.rng.random() < 0.5:
            pixels = varied(self.rng, sample.pixels)
            return photographed(self.rng, pixels, sample.text, self.mix.widest, gentle=self.rng.random() < 0.4)
        return sample


@dataclass(frozen=True)
class OwnSupply:
    """What the batches depend on. columns: pixels of a batch of both together; widest: of a picture."""

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
        self.palette = [pair for pixels in supply.pictures.pixels if (pair := two_tones(pixels))]

    def make(self, number: int) -> list[Lot]:
        """The group's batches, not collated yet."""
        supply = self.supply
        rng = random.Random(f"{supply.seed} finetune {number}")
        own = group(OwnStream(rng, supply.pictures, supply.widest), GROUP // 2, round(OWN_SHARE * supply.columns))
        stream = DrawnStream(rng, supply.fonts, replace(DRAWN, palette=self.palette, widest=supply.widest))
        drawn = group(stream, GROUP // 2, round((1 - OWN_SHARE) * supply.columns))
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
