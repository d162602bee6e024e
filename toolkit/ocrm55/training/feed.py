"""Batches made ahead of the training in other processes, in an order that depends only on the seed.

Batches come in groups. A group is a function of seed, rank and its number. A training that resumes at a step asks for
that step's group again, and gets exactly the batches that it would have got.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol

from ocrm55 import processes
from ocrm55.errors import ToolchainError
from ocrm55.evaluation.words import Word, WordPictures
from ocrm55.training.curriculum import Stage, stage_at
from ocrm55.training.fonts import Font
from ocrm55.training.samples import Batch, Sample, SampleStream, collate, group

GROUP = 16  # batches
Lot = tuple[list[Sample], int]


@dataclass(frozen=True)
class Supply:
    """Everything that the batches depend on.

    rank: this process's number among those that train together; each sees other samples. columns: pixels of a batch.
    """

    fonts: list[Font]
    words: list[Word]
    stages: tuple[Stage, ...]
    steps: int
    columns: int = 4096
    seed: int = 1
    rank: int = 0

    def maker(self) -> GroupMaker:
        """What makes the groups of batches."""
        return GroupMaker(self)


class Maker(Protocol):
    """Makes groups of batches; each is a function of its number."""

    def make(self, number: int) -> list[Lot]:
        """GROUP batches, not collated yet."""


class AnySupply(Protocol):
    """What batches depend on; it goes to the processes that make them."""

    def maker(self) -> Maker:
        """What makes the groups."""


class GroupMaker:
    """Makes any group of batches; holds the pictures in memory."""

    def __init__(self, supply: Supply) -> None:
        self.supply = supply
        self.pictures = WordPictures(supply.words) if supply.words else None
        self.palette = self.pictures.palette() if self.pictures else []
        self.vocabulary = [word.text for word in self.pictures.words] if self.pictures else []

    def make(self, number: int) -> list[Lot]:
        """The group's batches, not collated yet, because bytes travel faster between processes."""
        supply = self.supply
        stage = stage_at(supply.stages, number * GROUP / supply.steps)
        mix = dataclasses.replace(stage.mix, palette=self.palette, vocabulary=self.vocabulary)
        rng = random.Random(f"{supply.seed} {supply.rank} {number}")
        return group(SampleStream(rng, supply.fonts, mix, self.pictures), GROUP, supply.columns)


_maker: Maker | None = None  # of a worker process


def _start(supply: AnySupply) -> None:
    import os

    import cv2

    global _maker
    processes.end_with_parent()
    cv2.setNumThreads(1)
    os.nice(1)  # the training itself comes first
    _maker = supply.maker()


def _make(number: int) -> list[Lot]:
    assert _maker is not None
    return _maker.make(number)


class Feed:
    """Batches from a step on, made by `processes` others (0: by this one); a context manager that ends them."""

    def __init__(self, supply: AnySupply, processes: int = 1) -> None:
        self.supply, self.processes = supply, processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Feed:
        if self.processes:
            context = multiprocessing.get_context("spawn")  # threads of Paddle and torch do not survive a fork
            self._pool = ProcessPoolExecutor(self.processes, context, initializer=_start, initargs=(self.supply,))
        return self

    def __exit__(self, *trouble: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of steps `step`, `step` + 1 and so on, without end."""
        for samples, width in self.lots(step):
            yield collate(samples, width)

    def lots(self, step: int) -> Iterator[Lot]:
        """The same, not collated."""
        skipped = step % GROUP
        for lots in self._groups(step // GROUP):
            yield from lots[skipped:]
            skipped = 0

    def _groups(self, number: int) -> Iterator[list[Lot]]:
        if not self._pool:
            maker = self.supply.maker()
            while True:
                yield maker.make(number)
                number += 1
        ahead: deque[Future[list[Lot]]] = deque()
        try:
            while True:
                while len(ahead) < 2 * self.processes:
                    ahead.append(self._pool.submit(_make, number))
                    number += 1
                yield ahead.popleft().result()
        except BrokenProcessPool as trouble:
            raise ToolchainError(
                "A process that makes training images died, probably for lack of memory.", ["use fewer --processes"]
            ) from trouble
