"""A reader for tests that needs no model: bright pictures say "bright", dark ones "dark"."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import console
from ocrm55.tasks.recognizer.ctc import Recognition


@dataclass(frozen=True)
class StubReader:
    """slow_s: seconds a picture; diary: file to which each opened reader writes its process's number.

    command: one that it tells for each task.
    """

    slow_s: float = 0.0
    diary: Path | None = None
    command: str = ""

    def open(self) -> "StubReader":
        if self.diary:
            with self.diary.open("a") as diary:
                diary.write(f"{os.getpid()}\n")
        return self

    def recognise(self, images: Sequence[np.ndarray]) -> list[Recognition]:
        if self.command:
            console.note_command([self.command])
        time.sleep(self.slow_s * len(images))
        return [Recognition("bright" if pixels.mean() > 127 else "dark", 0.75) for pixels in images]

    def close(self) -> None:
        """Nothing to remove."""
