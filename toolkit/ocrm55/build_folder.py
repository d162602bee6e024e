"""The build folder: the place of each stage's artifact, and whether the artifact is up to date.

    build/NAME/model/               export:  the Paddle inference model
    build/NAME/PRECISION/           compile: C, weights, headers, metadata.json
    build/NAME/PRECISION-firmware/  build:   the CMake tree with ocrm55.elf
    build/models/NAME/              finetune: a model that `--model NAME` finds

Beside each artifact lies `STAGE.stamp.json` with two digests: of everything that the stage read and of everything
that it wrote. A stage runs again when either digest differs: after an edited source, with another option, or with a
damaged artifact.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import console
from ocrm55.errors import Ocrm55Error, OutputError
from ocrm55.files import digest, reason, refuse_link, remove_leftovers, write_json

DEFAULT_BUILD_DIR = Path("build")
MODELS = "models"
_MOST_REFUSALS = 1000


def named(build_dir: Path, name: str) -> Path:
    """The folder of a model that the user made and named."""
    return build_dir / MODELS / name


@dataclass(frozen=True)
class ModelFolder:
    """The folder of one model below the build folder."""

    build_dir: Path
    model: str

    @property
    def root(self) -> Path:
        return self.build_dir / self.model

    @property
    def model_dir(self) -> Path:
        return self.root / "model"

    def artifact_dir(self, variant: str) -> Path:
        """The folder of `compile`. variant: the precision, followed by the options that change the C."""
        return self.root / variant

    def firmware_dir(self, variant: str) -> Path:
        return self.root / f"{variant}-firmware"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock this folder until the block ends. A second ocrm55 waits and says so."""
        lock = self._lock()
        try:
            remove_leftovers(self.root)
            yield
        finally:
            with suppress(OSError):  # a stage that failed at once leaves no empty folders
                self.root.rmdir()
                self.build_dir.rmdir()
            os.close(lock)

    def _lock(self) -> int:
        """The folder, open and locked. The previous holder of the lock may have removed the folder; then try again."""
        refusals = 0
        while True:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            except OSError as trouble:
                # Another process may remove a folder between two steps; some file systems (/proc) never allow one.
                if isinstance(trouble, FileNotFoundError) and refusals < _MOST_REFUSALS:
                    refusals += 1
                    continue
                raise OutputError(
                    f"{self.root} cannot be written: {reason(self.root, trouble)}.",
                    ["choose another folder with --build-dir"],
                ) from trouble
            try:
                self._wait_for(lock)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(lock), self.root.stat()):
                        return lock
                os.close(lock)
            except BaseException:
                os.close(lock)
                raise

    def _wait_for(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.note(f"waiting for another ocrm55 that works in {self.root}")
            fcntl.flock(lock, fcntl.LOCK_EX)


def run_stage(
    name: str,
    detail: str,
    output: Path,
    read: str,
    action: Callable[[], object],
    *,
    outputs: Sequence[Path] | None = None,
    force: bool = False,
    first: Callable[[], object] = lambda: None,
) -> bool:
    """Run `action`, which writes `output`, unless that is up to date; return whether it ran.

    name, detail: shown as the stage is announced.
    read: digest of everything that the action reads.
    outputs: the files that count as written (default: all of the folder `output`).
    first: is called before the stage is announced, if it runs: what refuses a user's words.
    """
    written = [output] if outputs is None else list(outputs)
    stamp = output.with_name(f"{output.name}.stamp.json")
    if not force and _holds(stamp, read, written):
        return False
    first()
    if outputs is None:
        refuse_link(output)  # the action would, after all its work
    console.stage(name, detail)
    try:
        stamp.unlink(missing_ok=True)
    except OSError as trouble:
        raise OutputError(f"{stamp} cannot be removed: {trouble.strerror}.") from trouble
    action()
    write_json(stamp, {"read": read, "written": digest(written)})
    return True


def _holds(stamp: Path, read: str, written: Sequence[Path]) -> bool:
    try:
        if not stamp.is_file():  # reading a pipe would wait for ever
            return False
        recorded = json.loads(stamp.read_text())
        return bool(recorded["read"] == read and recorded["written"] == digest(written))
    except (Ocrm55Error, OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
