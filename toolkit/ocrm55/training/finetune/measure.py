"""What a fine-tuning changed: how much of two sets is read right, in float and in int8, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ocrm55 import console, stages
from ocrm55.evaluation import assess
from ocrm55.evaluation.words import Word
from ocrm55.pictures import read_image
from ocrm55.training.samples import Sample

PLACES = {"float": "host", "int8": "reference"}  # who reads


@dataclass(frozen=True)
class Set:
    """Pictures uint8 [H, W, 3] BGR and what is written there."""

    name: str
    texts: list[str]
    pictures: list[np.ndarray] = field(repr=False)


@dataclass(frozen=True)
class Row:
    """Shares of a set that are read exactly, by arithmetic, before and after."""

    name: str
    count: int
    before: dict[str, float]
    after: dict[str, float]


Scores = dict[str, dict[str, float]]  # arithmetic -> set -> share


def of_words(name: str, words: Sequence[Word]) -> Set:
    """A set of labelled pictures."""
    return Set(name, [word.text for word in words], [read_image(word.path) for word in words])


def of_samples(name: str, samples: Sequence[Sample]) -> Set:
    """A set of drawn lines."""
    pictures = [np.ascontiguousarray(sample.pixels[:, :, ::-1]) for sample in samples]
    return Set(name, [sample.text for sample in samples], pictures)


def scores(building: stages.Options, sets: Sequence[Set]) -> Scores:
    """How much of each set a model reads exactly; it is exported and compiled as needed."""
    found: Scores = {}
    for arithmetic, place in PLACES.items():
        reader = assess.reader_spec(place, building).open()
        try:
            shares = {}
            with console.progress(f"reading in {arithmetic}", sum(len(each.texts) for each in sets)) as bar:
                for each in sets:
                    right = 0
                    for pixels, text in zip(each.pictures, each.texts, strict=True):
                        right += reader.recognise([pixels])[0].text == text
                        bar.advance(bar.task_ids[0])
                    shares[each.name] = right / len(each.texts)
            found[arithmetic] = shares
        finally:
            reader.close()
    return found


def rows(sets: Sequence[Set], before: Scores, after: Scores) -> list[Row]:
    """A row for each set."""
    return [
        Row(
            each.name,
            len(each.texts),
            {arithmetic: before[arithmetic][each.name] for arithmetic in PLACES},
            {arithmetic: after[arithmetic][each.name] for arithmetic in PLACES},
        )
        for each in sets
    ]


def values(table: Sequence[Row]) -> list[dict[str, object]]:
    """For JSON."""
    return [{"set": r.name, "pictures": r.count, "before": r.before, "after": r.after} for r in table]


def show(table: Sequence[Row]) -> None:
    """Print the table."""
    columns = ("read exactly", "pictures", *(f"{kind} {when}" for kind in PLACES for when in ("before", "after")))
    console.table(
        "",
        columns,
        [
            (r.name, str(r.count), *(f"{part[kind]:.1%}" for kind in PLACES for part in (r.before, r.after)))
            for r in table
        ],
        right=columns[1:],
    )
