"""Evaluate a model on labelled pictures: read them all, in worker processes or on a cluster, and count."""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import __version__, files, processes
from ocrm55.errors import ToolchainError
from ocrm55.evaluation import metrics
from ocrm55.evaluation.cluster import read_on_cluster
from ocrm55.evaluation.readers import Reader, Spec
from ocrm55.evaluation.readings import Reading, read_task
from ocrm55.evaluation.words import Word

Advance = Callable[[int], None]  # receives the number of pictures done since the last call
# Pictures of one task: enough to outweigh a simulator's start, few enough to keep the progress bar moving.
TASK = 20


@dataclass(frozen=True)
class Evaluation:
    """All readings in the order of the label file, and the figures over them."""

    readings: list[Reading]
    scores: metrics.Scores

    def worst_first(self) -> list[Reading]:
        """The wrong readings. Those with the most errors for their length come first; among equals, the surer
        reading.
        """
        wrong = [reading for reading in self.readings if reading.read != reading.written]
        return sorted(wrong, key=lambda r: (-r.errors / max(1, len(r.written)), -r.score, r.name))

    def as_values(self, **about: object) -> dict[str, object]:
        """For JSON; `about` (data, model, place) comes first."""
        rows = [
            {"name": r.name, "written": r.written, "read": r.read, "score": round(r.score, 6)} for r in self.readings
        ]
        return {"ocrm55": __version__, **about, **self.scores.as_values(), "readings": rows}

    def write_json(self, destination: Path, **about: object) -> None:
        """Write all figures and readings."""
        files.write_json(destination, self.as_values(**about))


def evaluate(
    words: Sequence[Word],
    spec: Spec,
    *,
    workers: int = 1,
    cluster: str | None = None,
    advance: Advance = lambda count: None,
) -> Evaluation:
    """Read the pictures of `words` with the reader of `spec` and count the right readings.

    workers: processes on this machine; cluster: address of a Dask scheduler, used instead of the workers.
    advance: called in this process with the number of pictures done since the last call.
    Raises InputError for a picture or model that cannot be read, TargetError when the target fails.
    """
    tasks = [list(words[start : start + TASK]) for start in range(0, len(words), TASK)]
    if cluster:
        done: Iterable[tuple[int, list[Reading]]] = read_on_cluster(tasks, spec, cluster)
    elif workers > 1 and len(tasks) > 1:
        done = _read_in_processes(tasks, spec, min(workers, len(tasks)))
    else:
        done = _read_here(tasks, spec)
    parts: dict[int, list[Reading]] = {}
    for index, readings in done:
        parts[index] = readings
        advance(len(readings))
    readings = [reading for index in sorted(parts) for reading in parts[index]]
    assert len(readings) == len(words), "a task got lost"
    return Evaluation(readings, metrics.score((r.written, r.read) for r in readings))


def _read_here(tasks: Sequence[Sequence[Word]], spec: Spec) -> Iterator[tuple[int, list[Reading]]]:
    reader = spec.open()
    try:
        for index, task in enumerate(tasks):
            yield index, read_task(reader, task)
    finally:
        reader.close()


_reader: Reader | None = None  # of a worker process, opened once


def _open_in_process(spec: Spec) -> None:
    global _reader
    processes.end_with_parent()
    _reader = spec.open()
    atexit.register(_reader.close)


def _read_in_process(index: int, task: Sequence[Word]) -> tuple[int, list[Reading]]:
    assert _reader is not None
    return index, read_task(_reader, task)


def _read_in_processes(
    tasks: Sequence[Sequence[Word]], spec: Spec, workers: int
) -> Iterator[tuple[int, list[Reading]]]:
    # Paddle's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    spec.open().close()  # here, a model that cannot be opened gives one sentence
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_open_in_process, initargs=(spec,)) as pool:
        futures = [pool.submit(_read_in_process, index, task) for index, task in enumerate(tasks)]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as trouble:
            raise ToolchainError(
                "A worker process of the evaluation died, probably for lack of memory.", ["use fewer --workers"]
            ) from trouble
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
