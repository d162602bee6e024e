"""The training of the PyTorch twin, in one process or several under torchrun, on CPUs or GPUs."""

from __future__ import annotations

import copy
import os
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ocrm55 import console, files
from ocrm55.training import checks, curriculum
from ocrm55.training.feed import Feed, Supply
from ocrm55.training.loop import ALIGNED_SCALE, AVERAGE, CLIP, CTC_SCALE, TrainOptions, gather
from ocrm55.training.record import Record
from ocrm55.training.samples import Batch
from ocrm55.training.twin.convert import read_torch
from ocrm55.training.twin.networks import network
from ocrm55.training.twin.noise import RoundingNoise, disagreement, unlabelled


@dataclass(frozen=True)
class TwinOptions(TrainOptions):
    """As in Paddle's training, but `start` is a .pt, and `minutes` (0: no limit) ends the schedule too.

    network: see networks.py. lines, both: when training from weights, learn lines of print instead of signs, or as many
    photographs as print. threads: of this process on a CPU, 0 for its share of the cores.
    int8_noise, agree: see noise.py.
    """

    minutes: float = 0.0
    network: str = "ppocrv3"
    threads: int = 0
    lines: bool = False
    both: bool = False
    int8_noise: float = 0.0
    agree: float = 0.0


class Twin:
    """Network, optimiser and place in the schedule of one process."""

    def __init__(self, options: TwinOptions, rank: int, world: int) -> None:
        self.options, self.rank, self.world = options, rank, world
        self.first = rank == 0
        self.device = torch.device("cuda", rank % torch.cuda.device_count()) if torch.cuda.is_available() else "cpu"
        torch.manual_seed(options.seed)
        self.network = network(options.network).to(self.device, memory_format=torch.channels_last)
        if options.start:
            weights = {name: torch.from_numpy(value) for name, value in read_torch(options.start).items()}
            self.network.load_state_dict(weights)
        self.pace = self.network.pace()
        self.average = copy.deepcopy(self.network).eval()
        # Each process has its own buffers; only those of the first are averaged, measured and written.
        self.parallel: Any = self.network
        if world > 1:
            self.parallel = DistributedDataParallel(self.network, broadcast_buffers=False, gradient_as_bucket_view=True)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=options.learning_rate,
            fused=True,
        )
        from_weights = curriculum.FOR_LINES if options.lines else curriculum.FROM_CHECKPOINT
        from_weights = curriculum.FOR_BOTH if options.both else from_weights
        from_weights = curriculum.FOR_INT8 if options.agree else from_weights
        self.stages = from_weights if options.start else curriculum.FROM_NOTHING
        self.noise = RoundingNoise(self.network, options.int8_noise) if options.int8_noise else None
        self.step = self.images = 0
        self.seconds = 0.0  # seconds of training before this run
        self.began = time.monotonic()
        self.record = Record()

    # -- learning

    def share(self) -> float:
        """The share of the schedule that is over, 0 to 1; the same in every process."""
        steps = self.step / self.options.steps
        elapsed = (self.seconds + time.monotonic() - self.began) / 60
        value = torch.tensor([max(steps, elapsed / self.options.minutes if self.options.minutes else 0.0)])
        if self.world > 1:
            dist.broadcast(value, 0)
        return float(value)

    def learn(self, batch: Batch, share: float) -> float:
        """One step of the optimiser; return the loss."""
        highest, start = self.options.learning_rate, bool(self.options.start)
        rate = curriculum.learning_rate_at(round(share * 10**6), 10**6, highest, warm_up=0, hold=0.0 if start else 0.4)
        for part in self.optimizer.param_groups:
            part["lr"] = rate * min(1.0, (self.step + 1) / 150)
        self.network.train()
        images = torch.from_numpy(batch.images).to(self.device).contiguous(memory_format=torch.channels_last)
        self.optimizer.zero_grad()
        computing = torch.autocast(images.device.type, dtype=torch.bfloat16)
        labelled, wanted = len(images), None
        if self.noise and self.options.agree:
            images = torch.cat([images, unlabelled(images, self.noise.rng)])
            with torch.no_grad(), computing:
                wanted = self.network(images)
        with self.noise or nullcontext():
            with computing:
                logits = self.parallel(images)
            logs = F.log_softmax(logits[:labelled].float(), -1)
            loss = self.loss(logs, batch, curriculum.stage_at(self.stages, share).ctc)
            if wanted is not None:
                loss = loss + self.options.agree * CTC_SCALE * disagreement(wanted, logits)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self._move()
        self._follow(min(AVERAGE, (self.step + 10) / (self.step + 20)))
        self.step += 1
        self.images += len(batch.images) * self.world
        return float(loss.detach())

    @staticmethod
    def loss(logs: Tensor, batch: Batch, ctc: float) -> Tensor:
        """The loss of log probabilities [B, steps, classes]: aligned cross-entropy and CTC, mixed by CTC's weight."""
        total = logs.new_zeros(())
        if ctc < 1 and bool((batch.frames >= 0).any()):
            frames = torch.from_numpy(batch.frames).to(logs.device)
            aligned = F.nll_loss(logs.flatten(0, 1), frames.flatten(), ignore_index=-1)
            total = total + ALIGNED_SCALE * (1 - ctc) * aligned
        if ctc > 0:
            each = F.ctc_loss(
                logs.transpose(0, 1),
                torch.from_numpy(batch.labels).to(logs.device),
                torch.full((len(logs),), logs.shape[1]),
                torch.from_numpy(batch.lengths),
                zero_infinity=True,
                reduction="none",
            )
            total = total + CTC_SCALE * ctc * each.mean()
        return total

    def _move(self) -> None:
        """A step of the optimiser, of each parameter by its pace."""
        if not self.pace:
            self.optimizer.step()
            return
        values = [value.data for value in self.network.parameters()]
        before = [value.clone() for value in values]
        self.optimizer.step()
        for value, start, factor in zip(values, before, self.pace, strict=True):
            value.copy_(start + (value - start) * factor)

    def _follow(self, keep: float) -> None:
        now = [value for value in self.network.state_dict().values() if value.is_floating_point()]
        mean = [value for value in self.average.state_dict().values() if value.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_(mean, now, 1 - keep)

    def run(self) -> Record:
        """Learn until the schedule is over, writing a checkpoint at each measurement."""
        options = self.options
        material = gather(options)
        supply = Supply(
            material.fonts, material.words, self.stages, options.steps, options.columns, options.seed, self.rank
        )
        losses: list[float] = []
        clock, images_before = time.monotonic(), self.images
        with Feed(supply, options.processes) as feed:
            batches = feed.batches(self.step)
            while (share := self.share()) < 1:
                losses.append(self.learn(next(batches), share))
                if self.first and len(losses) % 100 == 0:
                    rate = (self.images - images_before) / (time.monotonic() - clock)
                    told = f"loss {np.mean(losses[-100:]):.3f}, {rate:.0f} images/s"
                    console.note(f"{time.strftime('%H:%M:%S')} step {self.step}, {share:.1%} over: {told}")
                if self.first and len(losses) == options.measure_every:
                    self.measure(material, losses, (self.images - images_before) / (time.monotonic() - clock))
                    losses, clock, images_before = [], time.monotonic(), self.images
        if self.first and losses:
            self.measure(material, losses, (self.images - images_before) / (time.monotonic() - clock))
        return self.record

    # -- measuring and keeping

    def measure(self, material: Any, losses: list[float], rate: float) -> None:
        """Measure the averaged weights. Write them and everything that resuming needs."""

        def average(images: np.ndarray) -> np.ndarray:
            tensor = torch.from_numpy(images).to(self.device).contiguous(memory_format=torch.channels_last)
            with torch.no_grad():
                return self.average(tensor).float().cpu().numpy()

        scores = checks.measure(average, material.checks)
        shares = {
            name: round(s.alphanumeric.value if name == "words" else s.exact.value, 4) for name, s in scores.items()
        }
        minutes = (self.seconds + time.monotonic() - self.began) / 60
        row = {"step": self.step, "images": self.images, "loss": round(float(np.mean(losses)), 4), **shares}
        self.record.add(row | {"images_per_second": round(rate, 1), "minutes": round(minutes, 1)}, checks.merit(scores))
        if "words" in scores:
            shares["words, exact"] = round(scores["words"].exact.value, 4)
        console.note(f"step {self.step}, {self.images} images: {', '.join(f'{k} {v:.1%}' for k, v in shares.items())}")
        self.save()

    def save(self) -> None:
        """Write best.pt (the averaged weights as of now), state.pt and log.jsonl, each whole or not at all."""
        output = self.options.output
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "images": self.images,
            "seconds": self.seconds + time.monotonic() - self.began,
            "rows": self.record.rows,
        }
        for name, value in (("best.pt", self.average.state_dict()), ("state.pt", state)):
            with files.atomic_file(output / name) as staging:
                torch.save(value, staging)
        self.record.write(output / "log.jsonl")

    def resume(self) -> None:
        """Go on from state.pt, if there is one."""
        source = self.options.output / "state.pt"
        if not source.is_file():
            return
        state = torch.load(source, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.images, self.seconds = state["step"], state["images"], state["seconds"]
        self.record = Record(state["rows"])


def train(options: TwinOptions) -> Record:
    """Train; resume if `options.output` holds a training. Under torchrun, train together with the other processes."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if not torch.cuda.is_available():
        torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) // world))
    twin = Twin(options, dist.get_rank() if world > 1 else 0, world)
    twin.resume()
    record = twin.run()
    if world > 1:
        dist.destroy_process_group()
    return record
