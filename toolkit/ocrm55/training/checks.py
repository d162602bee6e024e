"""The sets that measure a network in training: fonts that it never sees, and labelled words kept apart."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55.evaluation import metrics
from ocrm55.evaluation.words import Word, read_pixels
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.ctc import kept_steps
from ocrm55.tasks.recognizer.image import WIDTH
from ocrm55.training import camera, fields, texts
from ocrm55.training.fonts import Font, FontChooser
from ocrm55.training.legibility import decidable
from ocrm55.training.samples import Mix, Sample, collate, resize, steps_needed, written

# Images float32 [B, 3, 48, 320] -> scores of any kind [B, 40, classes], the largest of which is the answer.
Network = Callable[[np.ndarray], np.ndarray]
LONGEST = 25  # characters


@dataclass(frozen=True)
class Check:
    """A fixed set of samples with a name."""

    name: str
    samples: list[Sample]


def unseen_fonts(fonts: Sequence[Font], count: int, *, clean: bool, seed: int = 99) -> Check:
    """Lines of 1 to 25 characters in the given fonts, squeezed into 320 pixels if they are longer.

    clean: as drawn; otherwise as a scanner or a straight camera shows them. Texts that nobody can read with certainty
    in their font are passed over (legibility.py).
    """
    rng, chooser, mix = random.Random(seed), FontChooser(fonts), Mix()
    samples: list[Sample] = []
    strength = camera.CLEAN if clean else camera.PRINT
    while len(samples) < count:
        text = texts.line(rng, rng.randint(1, LONGEST))
        font = chooser.choose(rng)
        if not decidable(text.upper() if font.caps else text, font.path):
            continue
        sample = written(rng, text, font, strength, clean or rng.random() < 0.6, mix)
        if steps_needed(sample.text) <= WIDTH // 8:
            samples.append(sample)
    return Check("unseen fonts, clean" if clean else "unseen fonts", samples)


def of_form(fonts: Sequence[Font], count: int, form: str, *, clean: bool, seed: int = 99) -> Check:
    """Texts of a form (fields.FORMS) in the given fonts, drawn as lines are; none is passed over as undecidable."""
    rng, chooser, mix = random.Random(seed), FontChooser(fonts), Mix()
    strength = camera.CLEAN if clean else camera.PRINT
    samples: list[Sample] = []
    while len(samples) < count:
        sample = written(rng, fields.text(rng, form), chooser.choose(rng), strength, clean or rng.random() < 0.6, mix)
        if steps_needed(sample.text) <= WIDTH // 8:
            samples.append(sample)
    return Check(form, samples)


def words_apart(words: Sequence[Word]) -> Check:
    """Labelled words as the recognizer sees them."""
    return Check("words", [Sample(resize(read_pixels(word), WIDTH), word.text, None) for word in words])


def read(network: Network, samples: Sequence[Sample], batch: int = 16) -> list[str]:
    """The network's readings, with each image padded to 320 pixels."""
    charset, answers = load_charset(), []
    for start in range(0, len(samples), batch):
        part = [Sample(sample.pixels, "0", None) for sample in samples[start : start + batch]]
        classes = np.asarray(network(collate(part, WIDTH).images)).argmax(axis=2)
        answers += ["".join(charset[index] for index in row[kept_steps(row)]) for row in classes]
    return answers


def measure(network: Network, checks: Sequence[Check]) -> dict[str, metrics.Scores]:
    """The scores of the network on each check, by name."""
    scores = {}
    for check in checks:
        answers = read(network, check.samples)
        scores[check.name] = metrics.score(zip((s.text for s in check.samples), answers, strict=True))
    return scores


def merit(scores: dict[str, metrics.Scores]) -> float:
    """One figure that compares networks: the mean of the sets' scores."""
    values = [s.alphanumeric.value if name == "words" else s.exact.value for name, s in scores.items()]
    return sum(values) / len(values) if values else 0.0
