"""The training of the recognizer in Paddle: one process, or several under `python -m paddle.distributed.launch`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import console, files, processes
from ocrm55.errors import InputError
from ocrm55.evaluation.words import Word, load_names, load_words, split_words, trainable
from ocrm55.training import checks, curriculum
from ocrm55.training.feed import Feed, Supply
from ocrm55.training.fonts import FONT_FOLDERS, Font, find_fonts, split
from ocrm55.training.record import Record, draw_curve, load_rows
from ocrm55.training.samples import Batch

CLIP = 5.0  # limit of the gradient's norm; one unreadable batch must not undo the work of hundreds
# Aligned cross-entropy is a mean over output steps, CTC a sum; these factors bring both to the same order.
CTC_SCALE, ALIGNED_SCALE = 0.25, 2.0
AVERAGE = 0.998  # average of the weights over the steps; the average is measured and exported


@dataclass(frozen=True)
class TrainOptions:
    """The options of a training.

    output: folder for checkpoints, log and curve. data: labelled sets to train on. apart: list of names in them that
    are only measured, never trained on. start: checkpoint (.pdparams) to start from, or None for random weights.
    columns: pixels of a batch, side by side; 4096 is 32 words of 128 pixels. measure_every: steps between measurements,
    which write a checkpoint. patience: stop after so many measurements without a better one; 0 never. checked: lines a
    check.
    processes: that make images, for each training process.
    """

    output: Path
    data: Sequence[Path] = ()
    apart: Path | None = None
    start: Path | None = None
    fonts: Sequence[Path] = FONT_FOLDERS
    steps: int = 20000
    columns: int = 4096
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    seed: int = 1
    measure_every: int = 500
    patience: int = 0
    checked: int = 200
    processes: int = 1

    def fingerprint(self) -> dict[str, object]:
        """The options that must stay the same when a training resumes. The number of steps shapes the whole
        schedule.
        """
        same = ("steps", "columns", "learning_rate", "weight_decay", "dropout", "seed")
        return {name: getattr(self, name) for name in same} | {
            "start": "a checkpoint" if self.start else "random weights",  # each has stages of its own
            "data": sorted(str(path.resolve()) for path in self.data),
            "apart": str(self.apart.resolve()) if self.apart else None,
            "fonts": sorted(str(path.resolve()) for path in self.fonts),
        }


@dataclass
class Material:
    """The material of a training: the sets to learn from and to measure on."""

    fonts: list[Font]
    words: list[Word]
    checks: list[checks.Check] = field(default_factory=list)


def gather(options: TrainOptions) -> Material:
    """Find fonts, read labels, draw the sets to measure on.

    Raises InputError when there is nothing to train on, or a list or picture is damaged.
    """
    words = [word for data in options.data for word in load_words(data)]
    kept: list[Word] = []
    if options.apart:
        words, kept = split_words(words, load_names(options.apart))
    seen, unseen = split(find_fonts(options.fonts))
    measured = [checks.unseen_fonts(unseen or seen, options.checked, clean=clean) for clean in (False, True)]
    if kept:
        measured.append(checks.words_apart(trainable(kept)))
    return Material(seen, trainable(words), measured)


def train(options: TrainOptions, *, resume: bool = False) -> Record:
    """Train to the end, the early stop, Ctrl-C or SIGTERM; return the record of the measurements.

    Writes in options.output: last/ (everything that resuming needs), best.pdparams and final.pdparams (averaged
    weights, for `ocrm55 export --source`), log.jsonl and curve.png (with matplotlib).
    resume: go on from last/. The weights at the end are those of a training without interruption.
    Raises InputError for bad data and for a folder that holds another training.
    """
    import paddle

    processes.keep_good_order()
    world = paddle.distributed.ParallelEnv().world_size
    if world > 1:
        paddle.distributed.init_parallel_env()
    trainer = Trainer(options, gather(options), paddle.distributed.get_rank() if world > 1 else 0, world)
    last = options.output / "last"
    if resume:
        trainer.load(last)
    elif last.is_dir() and trainer.first:
        raise InputError(f"{options.output} holds a training already.", ["--resume", "choose another --output"])
    return trainer.run()


class Trainer:
    """Network, optimiser and place in the schedule of one training process."""

    def __init__(self, options: TrainOptions, material: Material, rank: int, world: int) -> None:
        import paddle

        from ocrm55.tasks.recognizer.checkpoint import load_checkpoint
        from ocrm55.tasks.recognizer.network import Recognizer

        self.options, self.material, self.rank, self.world = options, material, rank, world
        self.first = rank == 0  # the process that measures, writes and prints
        paddle.seed(options.seed)
        self.network = Recognizer(dropout=options.dropout)
        if options.start:
            self.network.set_state_dict(load_checkpoint(options.start).state_dict())
        self.average = Recognizer(dropout=0.0)
        self.average.set_state_dict(self.network.state_dict())
        self.average.eval()
        self.parallel = paddle.DataParallel(self.network) if world > 1 else self.network
        # Paddle takes the mean of the processes' gradients on GPUs, but with gloo, on CPUs, their sum.
        summed = world > 1 and paddle.distributed.get_backend() == "GLOO"
        self.gradient_scale = 1 / world if summed else 1.0
        self.optimizer = paddle.optimizer.AdamW(
            learning_rate=options.learning_rate,
            parameters=self.network.parameters(),
            weight_decay=options.weight_decay,
            # Decay of biases and norms gains nothing, and int8 depends on the scales of a norm.
            apply_decay_param_fun=_decayed(self.network),
            grad_clip=paddle.nn.ClipGradByGlobalNorm(CLIP),
        )
        stages = curriculum.FROM_CHECKPOINT if options.start else curriculum.FROM_NOTHING
        self.supply = Supply(material.fonts, material.words, stages, options.steps, options.columns, options.seed, rank)
        self.hold = 0.0 if options.start else 0.4
        self.step = self.images = 0
        self.record = Record()
        self.averaged = list(zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True))

    # -- learning

    def learn(self, batch: Batch) -> float:
        """One step of the optimiser; return the loss."""
        import paddle
        import paddle.nn.functional as F

        options = self.options
        rate = curriculum.learning_rate_at(self.step, options.steps, options.learning_rate, hold=self.hold)
        self.optimizer.set_lr(rate)
        weight = curriculum.stage_at(self.supply.stages, self.step / options.steps).ctc
        self.network.train()
        # Dropout, too, is a function of seed and step, so that a resumed training repeats it in every process.
        paddle.seed((options.seed * 1_000_003 + self.step) * 1009 + self.rank)
        logits = self.parallel(paddle.to_tensor(batch.images))  # [B, steps, classes]
        loss = paddle.zeros([])
        frames = paddle.to_tensor(batch.frames)
        if weight < 1 and bool((batch.frames >= 0).any()):
            aligned = F.cross_entropy(logits, frames, ignore_index=-1, reduction="mean")
            loss = loss + ALIGNED_SCALE * (1 - weight) * aligned
        if weight > 0:
            count, steps = logits.shape[0], logits.shape[1]
            ctc = F.ctc_loss(
                logits.transpose([1, 0, 2]),
                paddle.to_tensor(batch.labels.astype(np.int32)),
                paddle.full([count], steps, "int64"),
                paddle.to_tensor(batch.lengths),
                reduction="none",
            )
            loss = loss + CTC_SCALE * weight * ctc.mean()
        (loss * self.gradient_scale).backward()
        self.optimizer.step()
        self.optimizer.clear_grad()
        keep = min(AVERAGE, (self.step + 10) / (self.step + 20))
        with paddle.no_grad():
            for mean, now in self.averaged:
                mean.set_value(mean * keep + now * (1 - keep))
        self.step += 1
        self.images += len(batch.images) * self.world
        return float(loss)

    def run(self) -> Record:
        """Learn until the end, the early stop or a signal; write a checkpoint in each case."""
        options = self.options
        losses: list[float] = []
        began, images_before, clock = time.monotonic(), self.images, time.monotonic()
        with Feed(self.supply, options.processes) as feed, self._bar() as show:
            batches = feed.batches(self.step)
            try:
                while self.step < options.steps:
                    batch = next(batches)
                    # A half-done step would leave weights that belong to no number of steps.
                    with processes.held_back():
                        losses.append(self.learn(batch))
                    rate = (self.images - images_before) / max(1e-9, time.monotonic() - clock)
                    show(self.step, float(np.mean(losses[-50:])), rate)
                    if self.step % options.measure_every == 0 or self.step == options.steps:
                        minutes = (time.monotonic() - began) / 60
                        better = self.measure(float(np.mean(losses)), rate, minutes)
                        with processes.held_back():
                            self.save(better)
                        losses, images_before, clock = [], self.images, time.monotonic()
                        if options.patience and self._stopped():
                            break
            except KeyboardInterrupt:
                if self.first:
                    console.note(f"stopped at step {self.step}; `--resume` goes on from there")
                    with processes.held_back():
                        self.save(False)
                raise
        if self.first:
            self._save_weights(options.output / "final.pdparams")
        return self.record

    # -- measuring and showing

    def measure(self, loss: float, rate: float, minutes: float) -> bool:
        """Measure the averaged weights on all checks; return whether they are the best so far."""
        if not self.first:
            return False
        scores = checks.measure(self._probabilities, self.material.checks)
        shares = {
            name: round(s.alphanumeric.value if name == "words" else s.exact.value, 4) for name, s in scores.items()
        }
        row: dict[str, float] = {"step": self.step, "images": self.images, "loss": round(loss, 4), **shares}
        row |= {"images_per_second": round(rate, 1), "minutes": round(minutes, 2)}
        better = self.record.add(row, checks.merit(scores))
        told = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        console.note(f"step {self.step}: loss {loss:.3f}, {rate:.0f} images/s, {told}{'  (best)' if better else ''}")
        return better

    def _probabilities(self, images: np.ndarray) -> np.ndarray:
        import paddle

        with paddle.no_grad():
            return self.average(paddle.to_tensor(images)).numpy()

    def _stopped(self) -> bool:
        """Whether there were too many measurements without a better one; the first process decides for all."""
        import paddle

        stop = paddle.to_tensor([int(self.record.since_best() >= self.options.patience)])
        if self.world > 1:
            paddle.distributed.broadcast(stop, src=0)
        stopping = bool(stop.numpy()[0])
        if stopping and self.first:
            console.note(f"no better measurement since step {self.record.best_step}: stopping early")
        return stopping

    @contextmanager
    def _bar(self) -> Iterator[Any]:
        if not self.first:
            yield lambda step, loss, rate: None
            return
        with console.progress("training", self.options.steps) as bar:
            task = bar.task_ids[0]

            def show(step: int, loss: float, rate: float) -> None:
                rows = self.record.rows
                unseen = f", unseen fonts {rows[-1]['unseen fonts']:.1%}" if rows else ""
                bar.update(task, completed=step, description=f"loss {loss:.3f}, {rate:.0f} images/s{unseen}")

            yield show

    # -- keeping

    def save(self, better: bool) -> None:
        """Write last/, log and curve, and best.pdparams when these weights are the best."""
        import paddle

        if not self.first:
            return
        output = self.options.output
        with files.atomic_directory(output / "last") as folder:
            paddle.save(self.network.state_dict(), str(folder / "network.pdparams"))
            paddle.save(self.average.state_dict(), str(folder / "average.pdparams"))
            paddle.save(self._optimizer_state(), str(folder / "optimizer.pdopt"))
            state = {"step": self.step, "images": self.images, "options": self.options.fingerprint()}
            state |= {"best": self.record.best, "best_step": self.record.best_step}
            (folder / "state.json").write_text(json.dumps(state, indent=2, default=str), encoding="utf-8")
            self.record.write(folder / "log.jsonl")
        self.record.write(output / "log.jsonl")
        if better:
            self._save_weights(output / "best.pdparams")
        _try_curve(self.record, output / "curve.png")

    def _save_weights(self, destination: Path) -> None:
        import paddle

        with files.atomic_file(destination) as staging:
            paddle.save(self.average.state_dict(), str(staging))

    def _optimizer_state(self) -> dict[str, Any]:
        """The optimiser's moments by the layers' names. Paddle's own names count the layers made in this process."""
        moments = self.optimizer.state_dict()
        return {
            f"{name}|{key.removeprefix(parameter.name)}": value
            for name, parameter in self.network.named_parameters()
            for key, value in moments.items()
            if key.startswith(parameter.name + "_")
        }

    def _set_optimizer_state(self, state: dict[str, Any]) -> None:
        names = {name: parameter.name for name, parameter in self.network.named_parameters()}
        self.optimizer.set_state_dict(
            {names[name] + key: value for (name, key), value in ((k.split("|"), v) for k, v in state.items())}
        )

    def load(self, folder: Path) -> None:
        """Resume a training where `save` left it. Raises InputError if the folder holds none, or one with other
        options.
        """
        from ocrm55.tasks.recognizer.checkpoint import read_arrays

        state = _state(folder / "state.json")
        now = json.loads(json.dumps(self.options.fingerprint(), default=str))
        for name, value in state["options"].items():
            if now.get(name) != value:
                raise InputError(
                    f"{folder} was trained with {name} = {value}, not {now.get(name)}.",
                    ["resume with the same options", "start anew in another --output"],
                )
        self.network.set_state_dict(read_arrays(folder / "network.pdparams"))
        self.average.set_state_dict(read_arrays(folder / "average.pdparams"))
        self._set_optimizer_state(read_arrays(folder / "optimizer.pdopt"))
        self.step, self.images = state["step"], state["images"]
        self.record = Record(load_rows(folder / "log.jsonl"), state["best"], state["best_step"])


def _state(file: Path) -> dict[str, Any]:
    """What `save` wrote beside the weights. Raises InputError where it did not."""
    if not file.is_file():
        raise InputError(f"{file.parent} holds no training to resume.", ["start one without --resume"])
    kinds: dict[str, Any] = {"options": dict, "step": int, "images": int, "best": int | float, "best_step": int}
    try:
        state = json.loads(files.read_text(file))
    except (OSError, ValueError) as trouble:
        raise InputError(f"{file} cannot be read as JSON: {trouble}.", ["start anew in another --output"]) from trouble
    for name, kind in kinds.items():
        if not isinstance(state, dict) or not isinstance(state.get(name), kind):
            raise InputError(f"{file} does not say `{name}` of a training.", ["start anew in another --output"])
    return state


def _decayed(network: Any) -> Any:
    """Tells by a parameter's name whether weight decay applies: to matrices and kernels only."""
    names = {parameter.name for parameter in network.parameters() if parameter.ndim > 1}
    return lambda name: name in names


def _try_curve(record: Record, destination: Path) -> None:
    from ocrm55.errors import ToolchainError

    try:
        draw_curve(record.rows, destination)
    except ToolchainError:
        if len(record.rows) == 1:
            console.note("no curve.png: matplotlib is not installed (pip install 'ocrm55[train]')")
