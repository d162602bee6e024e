"""The training of a fine-tuning: own pictures by their labels, drawn ones by labels and by the start's own answers."""

from __future__ import annotations

import copy
import io
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ocrm55 import console, files
from ocrm55.training.feed import Feed
from ocrm55.training.finetune.batches import Collator, OwnSupply
from ocrm55.training.finetune.graph import TorchGraph
from ocrm55.training.finetune.noise import WeightNoise
from ocrm55.training.loop import CLIP, CTC_SCALE
from ocrm55.training.samples import Sample
from ocrm55.training.twin.noise import unlabelled

STILL = 0.75  # of the convolutions do not learn: a step takes a third of the time, and strokes stay what they were
AVERAGE = 0.99  # of the weights over the steps; the average is what is kept
WARM_UP = 40  # steps
SAVE_EVERY = 50  # steps
REMEMBER = 2.0  # weight of the start's answers on drawn pictures
TEMPERATURE = 2.0  # of both answers: drawn pictures are easy, and what is second and third there counts in photographs
DRAWN_LABELS = 0.5  # weight of their labels
Lots = Iterator[tuple[list[Sample], int]]


@dataclass(frozen=True)
class Schedule:
    """steps: batches of own pictures. minutes: the schedule ends after so long too; 0 for no limit.

    threads: of PyTorch, 0 for the cores that the processes leave: threads that wait for each other on a busy core take
    many times as long. processes: that make pictures.
    """

    steps: int
    minutes: float
    learning_rate: float
    seed: int
    threads: int = 0
    processes: int = 1


class Learner:
    """Network, teacher, optimiser and place in the schedule. The state is kept in a file, and gone on from there."""

    def __init__(self, graph: TorchGraph, schedule: Schedule, collator: Collator) -> None:
        self.schedule, self.collator = schedule, collator
        torch.manual_seed(schedule.seed)
        torch.set_num_threads(schedule.threads or max(1, (os.cpu_count() or 1) - schedule.processes))
        self.network = graph.train()
        self.teacher, self.average = copy.deepcopy(graph).eval(), copy.deepcopy(graph).eval()
        self.pace = graph.pace()
        decayed = [value for value in graph.parameters() if value.ndim > 1]
        others = [value for value in graph.parameters() if value.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
            lr=schedule.learning_rate,
        )
        self.noise = WeightNoise(graph, schedule.seed)
        self.step, self.seconds = 0, 0.0
        self.began = time.monotonic()

    def share(self) -> float:
        """The share of the schedule that is over, 0 to 1."""
        limit, spent = self.schedule.minutes, (self.seconds + time.monotonic() - self.began) / 60
        return max(self.step / self.schedule.steps, spent / limit if limit else 0.0)

    def run(self, supply: OwnSupply, state: Path) -> None:
        """Learn until the schedule is over; go on from the file `state`, and write it as the training goes."""
        self.resume(state)
        losses: list[np.ndarray] = []
        with console.progress("learning", 100) as bar, Feed(supply, self.schedule.processes) as feed:
            lots = feed.lots(2 * self.step)
            while (share := self.share()) < 1:
                losses.append(self.learn(lots, share))
                bar.update(bar.task_ids[0], completed=100 * self.share())
                if self.step % SAVE_EVERY == 0:
                    own, drawn = np.mean(losses[-SAVE_EVERY:], axis=0)
                    minutes = (self.seconds + time.monotonic() - self.began) / 60
                    told = f"loss of own pictures {own:.3f}, of drawn ones {drawn:.3f}"
                    console.note(f"step {self.step} of {self.schedule.steps}, {minutes:.1f} min: {told}")
                    self.save(state)
        if losses:
            self.save(state)  # so that the same command goes on behind the training, where it is interrupted there
        if self.step < self.schedule.steps:
            part = f"{self.step} of {self.schedule.steps} steps"
            console.warning(f"the time was over after {part}, so less was learnt; --minutes gives more of it")

    def learn(self, lots: Lots, share: float) -> np.ndarray:
        """One step; return the losses of the own pictures and of the drawn ones."""
        rate = self.schedule.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        for part in self.optimizer.param_groups:
            part["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        self.optimizer.zero_grad()
        with self.noise if self.step % 4 < 2 else nullcontext():
            own = self._own(*next(lots))
            own.backward()
            drawn = self._drawn(*next(lots))
            drawn.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self._move()
        self._follow(min(AVERAGE, (self.step + 1) / (self.step + 10)))
        self.step += 1
        return np.array([float(own.detach()), float(drawn.detach())])

    def _own(self, samples: list[Sample], width: int) -> Tensor:
        logits = self._logits(self.network, self._images(samples, width))
        return CTC_SCALE * self._ctc(logits, samples)

    def _drawn(self, samples: list[Sample], width: int) -> Tensor:
        """The network says what it said before of drawn pictures, and what they say; by turns, of pieces of them."""
        images = self._images(samples, width)
        whole = self.step % 2 == 0
        if not whole:
            images = unlabelled(images, self.noise.rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = self.network.first(images)  # of the teacher too: this part does not learn
            with torch.no_grad():
                wanted = self.teacher.rest(made)
            logits = self.network.rest(made)
        known = self.collator.known(samples) if whole else []
        labelled = self._ctc(logits[known], [samples[place] for place in known]) if known else 0.0
        return CTC_SCALE * (REMEMBER * forgotten(logits, wanted) + DRAWN_LABELS * labelled)

    def _images(self, samples: list[Sample], width: int) -> Tensor:
        images = torch.from_numpy(self.collator.images(samples, width))
        return images.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def _logits(network: TorchGraph, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return network(images)

    def _ctc(self, logits: Tensor, samples: list[Sample]) -> Tensor:
        labels, lengths = self.collator.labels(samples)
        each = F.ctc_loss(
            F.log_softmax(logits, -1).transpose(0, 1),
            torch.from_numpy(labels),
            torch.full((len(logits),), logits.shape[1]),
            torch.from_numpy(lengths),
            zero_infinity=True,
            reduction="none",
        )
        return each.mean()

    def _move(self) -> None:
        """A step of the optimiser, of each weight by its size."""
        values = [value.data for value in self.network.parameters()]
        before = [value.clone() for value in values]
        self.optimizer.step()
        for value, start, factor in zip(values, before, self.pace, strict=True):
            value.copy_(start + (value - start) * factor)

    def _follow(self, keep: float) -> None:
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - keep)

    # -- keeping

    def save(self, state: Path) -> None:
        """Write everything that resuming needs, whole or not at all."""
        values = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds + time.monotonic() - self.began,
        }
        content = io.BytesIO()
        torch.save(values, content)  # into memory: of a full disk it says something else than the system
        with files.atomic_file(state) as staging:
            staging.write_bytes(content.getbuffer())

    def resume(self, state: Path) -> None:
        """Go on from a file, if there is one that can be read."""
        if not state.is_file():
            return
        values: Mapping[str, Any] = {}
        with suppress(Exception):  # a damaged file: begin again
            values = torch.load(state, map_location="cpu", weights_only=True)
        if values:
            self.network.load_state_dict(values["network"])
            self.average.load_state_dict(values["average"])
            self.optimizer.load_state_dict(values["optimizer"])
            self.step, self.seconds = values["step"], values["seconds"]
            console.note(f"going on from step {self.step}")


def forgotten(logits: Tensor, wanted: Tensor) -> Tensor:
    """How far the answers are from the start's: Kullback-Leibler divergence a picture, of logits [N, steps, classes].

    Both are divided by TEMPERATURE before the softmax, and the divergence multiplied by its square, so that its
    gradient has the same size at any (Hinton et al. 2015, Distilling the knowledge in a neural network).
    """
    now = F.log_softmax(logits / TEMPERATURE, -1)
    before = torch.softmax(wanted / TEMPERATURE, -1)
    return TEMPERATURE**2 * F.kl_div(now, before, reduction="none").sum((1, 2)).mean()
