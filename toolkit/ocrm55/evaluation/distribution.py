"""Read tasks in this process, in several, or on a cluster: whichever, the same results come back."""

from __future__ import annotations

import atexit
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from ocrm55 import console, processes
from ocrm55.errors import ToolchainError
from ocrm55.evaluation.cluster import read_on_cluster

Advance = Callable[[int], None]  # receives the number of pictures done since the last call
Work = Callable[[Any, Sequence[Any]], list[Any]]  # an open reader and one task's pictures -> a result for each


class Spec(Protocol):
    """The input of an evaluation: a value that can be pickled, and that opens the reader where it arrives."""

    def open(self) -> Any:
        """Open a reader, which has a `close`."""


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Done = Iterator[tuple[int, list[Any]]]


def read_all(
    pictures: Sequence[Any], spec: Spec, work: Work, *, task: int, workers: int, cluster: str | None, advance: Advance
) -> list[Any]:
    """The results for `pictures`, in their order.

    pictures: values with a `name` and a `path`. work: a function of a module, called with the opened reader.
    task: pictures of one call of it. workers: processes on this machine; cluster: a Dask scheduler's address, instead.
    Raises what `work` raises, and ToolchainError for a worker that died.
    """
    tasks = [list(pictures[start : start + task]) for start in range(0, len(pictures), task)]
    if cluster:
        done: Done = read_on_cluster(tasks, spec, work, cluster)
    elif workers > 1 and len(tasks) > 1:
        done = _in_processes(tasks, spec, work, min(workers, len(tasks)))
    else:
        done = _here(tasks, spec, work)
    parts: dict[int, list[Any]] = {}
    for index, results in done:
        parts[index] = results
        advance(len(results))
    results = [result for index in sorted(parts) for result in parts[index]]
    assert len(results) == len(pictures), "a task got lost"
    return results


def _here(tasks: Sequence[Sequence[Any]], spec: Spec, work: Work) -> Done:
    reader = spec.open()
    try:
        for index, task in enumerate(tasks):
            with console.commands_told(index == 0):  # the others differ in their place alone
                results = work(reader, task)
            yield index, results
    finally:
        reader.close()


_reader: Any = None  # of a worker process, opened once


def _open_in_process(spec: Spec, verbose: bool) -> None:
    global _reader
    console.set_verbose(verbose)
    processes.end_with_parent()
    _reader = spec.open()
    atexit.register(_reader.close)


def _read_in_process(index: int, task: Sequence[Any], work: Work) -> tuple[int, list[Any]]:
    assert _reader is not None
    with console.commands_told(index == 0):
        return index, work(_reader, task)


@contextmanager
def _single_threads() -> Iterator[None]:
    """The workers compute on one thread each; several times as many threads as cores take longer."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _in_processes(tasks: Sequence[Sequence[Any]], spec: Spec, work: Work, workers: int) -> Done:
    # Paddle's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    spec.open().close()  # here, a model that cannot be opened gives one sentence
    with (
        _single_threads(),
        ProcessPoolExecutor(
            workers, mp_context=context, initializer=_open_in_process, initargs=(spec, console.is_verbose())
        ) as pool,
    ):
        futures = [pool.submit(_read_in_process, index, task, work) for index, task in enumerate(tasks)]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as trouble:
            raise ToolchainError(
                "A worker process of the evaluation died, probably for lack of memory.", ["use fewer --workers"]
            ) from trouble
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
