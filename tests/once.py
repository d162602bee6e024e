"""What takes long to make and is only read afterwards: made by one of pytest's workers, for all of them."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Once:
    """Asks for a thing by name; see `__call__`. `folder` is one that the workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, object] = {}

    @classmethod
    def of_session(cls, base_temp: Path) -> Once:
        """base_temp: pytest's own; a worker's lies in that of the session."""
        return cls((base_temp.parent if os.environ.get("PYTEST_XDIST_WORKER") else base_temp) / "once")

    def __call__(self, name: str, make: Callable[[Path], T]) -> T:
        """What `make` gave for an empty folder in the worker that asked first; others wait, and read its pickle.

        Nobody may write into the folder afterwards. What `make` raises is raised, and the next who asks tries again.
        """
        if name not in self._known:
            self._known[name] = self._shared(name, make)
        return self._known[name]  # type: ignore[return-value]

    def _shared(self, name: str, make: Callable[[Path], T]) -> T:
        self._folder.mkdir(exist_ok=True)
        folder, kept = self._folder / name, self._folder / f"{name}.pickle"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if kept.exists():
                return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            value = make(folder)
            kept.write_bytes(pickle.dumps(value))
            return value
