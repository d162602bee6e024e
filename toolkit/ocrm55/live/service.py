"""The page's program as a process that stays: it holds a frame, finds boxes, and reads those that it is asked for.

firmware/live/serve.c is the other side. The process is confined to a folder of its own, as a simulator is.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import struct
import subprocess
import time
from pathlib import Path
from typing import IO

import numpy as np

from ocrm55 import confinement, processes, temporary
from ocrm55.errors import TargetError, ToolchainError
from ocrm55.simulators.frames import FORMATS, Frame
from ocrm55.tasks.page.boxes import Box

_REQUEST, _FOUND, _BOX, _LINE = (struct.Struct(layout) for layout in ("=i9i", "=II", "=8i3I", "=4If"))
_FIND, _READ, _HOLD = 1, 2, 3
_MORE, _LONG = 8, 9  # enum ocrm55_page_outcome: there is more than what is answered
_MOST_BOXES, _MOST_TEXT = 1000, 1 << 16


class Service:
    """The program of one pair of networks. Use it from one thread, the one that made it: its process ends with that."""

    def __init__(self, program: Path, timeout_s: float = 20.0) -> None:
        """program: as live.program builds it. timeout_s: of an answer."""
        self._program, self._timeout_s = program, timeout_s
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def find(self, frame: Frame) -> list[Box]:
        """Hand over a frame; its boxes in reading order. Raises TargetError where the program fails or is late."""
        self._hand_over(_FIND, frame)
        outcome, count = _FOUND.unpack(self._take(_FOUND.size))
        if outcome not in (0, _MORE) or count > _MOST_BOXES:
            return []
        answer = self._take(_BOX.size * count)
        found = []
        for a, b, c, d, e, f, g, h, score, line, turned in _BOX.iter_unpack(answer):
            found.append(Box(((a, b), (c, d), (e, f), (g, h)), score, line, turned))
        return found

    def hold(self, frame: Frame) -> None:
        """Hand over a frame of which the boxes are known. Raises TargetError as `find` does."""
        self._hand_over(_HOLD, frame)

    def read(self, box: Box, likely_upside_down: bool = False) -> tuple[str, float, bool]:
        """The text of a box of the frame, its score, and whether it stands on its head."""
        corners = [value for corner in box.corners for value in corner]
        self._send(_REQUEST.pack(_READ, *corners, likely_upside_down))
        outcome, upside_down, _, count, score = _LINE.unpack(self._take(_LINE.size))
        if count > _MOST_TEXT:
            raise self._ended("it answers more than a line")
        text = self._take(count).decode("utf-8", "replace")
        good = outcome in (0, _LONG) and math.isfinite(score)
        return (text, score, bool(upside_down)) if good else ("", 0.0, False)

    def close(self) -> None:
        """End the process."""
        self._process = None
        self._stack.close()
        self._stack = contextlib.ExitStack()

    def _hand_over(self, what: int, frame: Frame) -> None:
        code, pixels = FORMATS[frame.format][0], frame.rows.tobytes()
        self._send(_REQUEST.pack(what, frame.width, frame.height, frame.stride, code, len(pixels), *[0] * 4) + pixels)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            place = self._stack.enter_context(temporary.folder())
            rules = self._stack.enter_context(confinement.rules(place, [self._program]))
            pipe = subprocess.PIPE
            try:
                self._process = self._stack.enter_context(
                    processes.running(
                        [str(self._program.absolute())],
                        confine=rules,
                        cwd=place,
                        env={},
                        stdin=pipe,
                        stdout=pipe,
                        stderr=subprocess.DEVNULL,
                    )
                )
            except OSError as trouble:
                self.close()
                raise ToolchainError(f"{self._program} cannot be started: {trouble.strerror}.") from trouble
        return self._process

    def _send(self, data: bytes) -> None:
        stream = self._running().stdin
        assert stream is not None
        try:
            stream.write(data)
            stream.flush()
        except OSError as trouble:
            raise self._ended("it takes no frame") from trouble

    def _take(self, count: int) -> bytes:
        stream: IO[bytes] | None = self._running().stdout
        assert stream is not None
        taken, end = b"", time.monotonic() + self._timeout_s
        while len(taken) < count:
            ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
            part = os.read(stream.fileno(), count - len(taken)) if ready else b""
            if not part:
                raise self._ended("it ended" if ready else f"it did not answer within {self._timeout_s:g} s")
            taken += part
        return taken

    def _ended(self, why: str) -> TargetError:
        """Ends the process; the next frame starts another."""
        self.close()
        return TargetError(f"the native program failed: {why}.")


def grey(box: Box, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A small grey picture of a box, uint8 [height, width], to compare it with another. size: width and height."""
    import cv2

    corners = np.array(box.corners, np.float32) / 256
    wanted = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, wanted)
    part = cv2.warpPerspective(pixels, turn, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return part if part.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
