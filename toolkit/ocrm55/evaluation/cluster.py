"""An evaluation on a Dask cluster. Pictures and model travel with the tasks, so workers need only ocrm55."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocrm55 import temporary
from ocrm55.errors import InputError, Ocrm55Error, ToolchainError

Work = Callable[[Any, Sequence[Any]], list[Any]]
Parcel = list[tuple[Any, bytes]]  # pictures with the bytes of their files
_readers: dict[str, Any] = {}  # of one worker: it unpacks the model once, not for each task


def read_parcel(index: int, parcel: Parcel, spec: Any, work: Work, key: str) -> tuple[int, list[Any]]:
    """On a worker: read one task's pictures. key: distinguishes the models of several evaluations."""
    if key not in _readers:
        _readers[key] = spec.open()
    with temporary.folder() as folder:
        here = []
        for number, (picture, content) in enumerate(parcel):
            path = folder / f"{number}{Path(picture.path).suffix}"
            path.write_bytes(content)
            here.append(replace(picture, path=path))
        return index, work(_readers[key], here)


def read_on_cluster(
    tasks: Sequence[Sequence[Any]], spec: Any, work: Work, address: str, *, timeout_s: float = 20
) -> Iterator[tuple[int, list[Any]]]:
    """Read the tasks on the Dask cluster whose scheduler listens at `address`; yields them as they are done.

    A picture is a dataclass with a `path`. work: a function of a module, called with the opened reader and pictures.

    If a worker dies, Dask gives its tasks to another one. Only a few tasks are under way at a time, so a set of any
    size needs little memory here.
    Raises ToolchainError when Dask is not installed, nobody answers within timeout_s, or a task kills its workers.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError as missing:
        raise ToolchainError(
            "--cluster needs Dask, which is not installed.", ["pip install 'ocrm55[cluster]'"]
        ) from missing
    try:
        client = Client(address, timeout=timeout_s, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as trouble:
        raise ToolchainError(
            f"No Dask scheduler answers at {address}.", ["start one: dask scheduler", "name it as tcp://HOST:8786"]
        ) from trouble
    with client:
        if not client.scheduler_info()["workers"]:
            raise ToolchainError(
                f"The Dask cluster at {address} has no workers.", [f"start one on each machine: dask worker {address}"]
            )
        model = client.scatter(spec, broadcast=True, hash=False)
        key = model.key
        pending = iter(enumerate(tasks))

        def submit_next(queue: as_completed) -> None:
            for index, task in pending:
                parcel = [(picture, _content(picture.path)) for picture in task]
                queue.add(client.submit(read_parcel, index, parcel, model, work, key, pure=False, retries=2))
                return

        under_way = as_completed(loop=client.loop)
        for _ in range(3 * max(1, sum(client.nthreads().values()))):
            submit_next(under_way)
        for future in under_way:
            try:
                yield future.result()
            except Ocrm55Error:
                raise
            except KilledWorker as trouble:
                raise ToolchainError(
                    "A task of the evaluation killed every worker that took it.", ["look into the workers' logs"]
                ) from trouble
            submit_next(under_way)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
