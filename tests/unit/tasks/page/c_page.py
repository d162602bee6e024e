"""firmware/tasks/page as a program of the host, built by each compiler that is there, with its sanitizers."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.options import DEFAULTS, Options

FIRMWARE = Path(__file__).resolve().parents[4] / "firmware"
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
COMPILERS = {"gcc": ["gcc"], "clang": ["clang-19", "clang"]}
GRAY8, RGB565, RGB888, BGR888, YUYV = range(5)
OK, NO_POINTER, FRAME, BOX, NETWORK, ARENA, SCRATCH, CROWDED, MORE, LONG, NPU, STOPPED = range(12)
PIXEL_BYTES = {GRAY8: 1, RGB565: 2, RGB888: 3, BGR888: 3, YUYV: 2}


@dataclass(frozen=True)
class Frame:
    """struct ocrm55_frame with its bytes: the last row ends with its last pixel."""

    width: int
    height: int
    stride: int
    format: int
    pixels: bytes

    @property
    def picture(self) -> np.ndarray:
        """What it shows: uint8, BGR [h, w, 3] or grey [h, w]."""
        each = PIXEL_BYTES[self.format]
        rows = [self.pixels[y * self.stride :][: self.width * each] for y in range(self.height)]
        data = np.array([[*row] for row in rows], np.uint8).reshape(self.height, self.width, each)
        if self.format == GRAY8:
            return data[..., 0]
        if self.format == RGB565:
            words = data[..., 0].astype(np.uint16) | data[..., 1].astype(np.uint16) << 8
            blue, green, red = words & 31, words >> 5 & 63, words >> 11
            parts = [blue << 3 | blue >> 2, green << 2 | green >> 4, red << 3 | red >> 2]
            return np.stack(parts, axis=-1).astype(np.uint8)
        if self.format == YUYV:
            return cv2.cvtColor(data, cv2.COLOR_YUV2BGR_YUYV)
        return data if self.format == BGR888 else data[..., ::-1]


def frame_of(picture: np.ndarray) -> Frame:
    """A picture, BGR or grey, as a frame without gaps."""
    height, width = picture.shape[:2]
    kind = GRAY8 if picture.ndim == 2 else BGR888
    return Frame(width, height, width * PIXEL_BYTES[kind], kind, np.ascontiguousarray(picture).tobytes())


class Page:
    """The program, which answers one command after the other."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def _ask(self, command: int, *parts: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join([ints(command), *parts]))
        self._process.stdin.flush()

    def _bytes(self, count: int) -> bytes:
        assert self._process.stdout is not None and self._process.stderr is not None
        data = self._process.stdout.read(count)
        assert len(data) == count, self._process.stderr.read().decode()
        return data

    def _ints(self, count: int) -> list[int]:
        return list(struct.unpack(f"<{count}i", self._bytes(4 * count)))

    def _boxes(self) -> list[Box]:
        rows = [self._ints(11) for _ in range(self._ints(1)[0])]
        return [Box(tuple(zip(r[0:8:2], r[1:8:2], strict=True)), *r[8:]) for r in rows]  # type: ignore[arg-type]

    def boxes(
        self, values: np.ndarray, frame: Frame, options: Options = DEFAULTS, runs: int = 4000, room: int = 1000
    ) -> tuple[int, list[Box]]:
        height, width = values.shape
        self._ask(0, frame_bytes(frame), option_bytes(options), ints(width, height, runs, room), values.tobytes())
        return self._ints(1)[0], self._boxes()

    def picture(self, frame: Frame, width: int, height: int, options: Options = DEFAULTS) -> np.ndarray:
        self._ask(1, frame_bytes(frame), option_bytes(options), ints(width, height))
        return np.frombuffer(self._bytes(width * height * 3), np.uint8).reshape(height, width, 3)

    def crop(
        self, frame: Frame, box: Box, height: int, whole: int, first: int, width: int
    ) -> tuple[int, int, np.ndarray]:
        """The outcome of the check, the columns, and the pixels."""
        self._ask(2, frame_bytes(frame), box_bytes(box), ints(height, whole, first, width))
        outcome, columns = self._ints(2)
        return outcome, columns, np.frombuffer(self._bytes(width * height * 3), np.uint8).reshape(height, width, 3)

    def region(
        self, frame: Frame, box: Box | None, height: int, widest: int, polarity: int = 0
    ) -> tuple[int, np.ndarray]:
        """The outcome of the check, and the crop that ocrm55_recognize_frame reads; box: None for the whole frame."""
        given = ints(0) if box is None else ints(1) + box_bytes(box)
        self._ask(10, frame_bytes(frame), given, ints(height, widest, polarity))
        outcome, columns = self._ints(2)
        return outcome, np.frombuffer(self._bytes(columns * height * 3), np.uint8).reshape(height, columns, 3)

    def ordered(self, boxes: Sequence[Box], turn: bool = False) -> list[Box]:
        self._ask(4 if turn else 3, ints(len(boxes)), *map(box_bytes, boxes))
        return self._boxes()

    def components(self, values: np.ndarray, threshold: int, room: int) -> list[list[tuple[int, ...]]] | None:
        """Each component's runs by their links; None where there are more than room."""
        self._ask(5, ints(values.shape[1], values.shape[0], threshold, room), values.tobytes())
        count = self._ints(1)[0]
        if count < 0:
            return None
        runs = [self._ints(5) for _ in range(count)]
        listed = []
        for i, run in enumerate(runs):
            if run[3]:
                listed.append([tuple(run[:3])])
                while runs[i][4]:
                    i = runs[i][4]  # noqa: PLW2901
                    listed[-1].append(tuple(runs[i][:3]))
        return listed

    def read(
        self,
        frame: Frame,
        box: Box,
        options: Options,
        class_room: int = 200,
        text_bytes: int = 400,
        likely: bool = False,
        stop_at: int = 0,
        steps: int = 0,
    ) -> tuple[int, list[int], float, int, bool, bytes, float]:
        """Outcome, classes, score, readings, whether it stands on its head, the text, and how likely that is right.

        stop_at: which question whether to go on gets a no; 0: nobody asks. steps: of the recognizer; 0: in one go.
        """
        how = ints(class_room, text_bytes, likely, stop_at, steps)
        self._ask(6, frame_bytes(frame), option_bytes(options), box_bytes(box), how)
        outcome, count = self._ints(2)
        classes = self._ints(count)
        score, right = struct.unpack("<2f", self._bytes(8))
        readings, upside_down, used = self._ints(3)
        return outcome, classes, score, readings, bool(upside_down), self._bytes(used), right

    def windows(
        self, width: int, steps: int, widths: Sequence[int], whole: int, beyond: int, squeeze: int
    ) -> tuple[int, int, int, list[int]]:
        """Columns of a step, those that two windows share, those of the line; the first column of each window."""
        self._ask(7, ints(width, steps, len(widths), *widths, whole, beyond, squeeze))
        step, overlap, fitted, count = self._ints(4)
        return step, overlap, fitted, self._ints(count)

    def join(self, before: np.ndarray, first: int, after: np.ndarray, second: int, behind: int) -> int:
        parts = [ints(start, len(values)) + values.tobytes() for values, start in ((before, first), (after, second))]
        self._ask(8, ints(before.shape[1], behind), *parts)
        return self._ints(1)[0]

    def find(
        self, frame: Frame, *, has_output: bool = True, misaligned: bool = False, stop_at: int = 0, steps: int = 0
    ) -> tuple[int, int]:
        """The outcome with a detector of 32 x 32 that sees no text, and how often it or one of its steps ran.

        stop_at, steps: as for read.
        """
        self._ask(9, frame_bytes(frame), ints(has_output, misaligned, stop_at, steps))
        outcome, runs = self._ints(2)
        return outcome, runs


def ints(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def frame_bytes(frame: Frame) -> bytes:
    return ints(frame.width, frame.height, frame.stride, frame.format, len(frame.pixels)) + frame.pixels


def option_bytes(o: Options) -> bytes:
    found = (o.threshold, o.least_side, o.least_score, o.unclip, *o.padding)
    return ints(*found, o.windows, o.sure, o.lead, o.beyond, o.squeeze)


def box_bytes(box: Box) -> bytes:
    corners, *rest = astuple(box)
    return ints(*(value for corner in corners for value in corner), *rest)


@contextmanager
def program(compiler: str) -> Iterator[Page]:
    """Build and start the program, to talk with."""
    with _built(compiler) as path:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([path], **pipes) as process:  # type: ignore[call-overload]
            yield Page(process)
            process.stdin.close()


def answers(compiler: str, commands: bytes) -> bytes:
    """What the program answers to all commands."""
    with _built(compiler) as path:
        return subprocess.run([path], input=commands, capture_output=True, check=True).stdout


@contextmanager
def _built(compiler: str) -> Iterator[Path]:
    """Build the program; skip the test where the compiler or its sanitizers are not installed."""
    found = next((path for name in COMPILERS[compiler] if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{compiler} is not installed")
    sources = [*(FIRMWARE / "tasks/page").glob("*.c"), *(FIRMWARE / "tasks/recognizer").glob("*.c")]
    folders = [FIRMWARE / "include", FIRMWARE / "tasks/page", FIRMWARE / "tasks/recognizer"]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "page"
        words = [found, *FLAGS, *SANITIZERS, *(f"-I{each}" for each in folders), Path(__file__).with_name("driver.c")]
        command = [*map(str, [*words, *sources]), "-lm", "-o", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "sanitize" in done.stderr:
            pytest.skip(f"{compiler} has no sanitizers")
        assert done.returncode == 0, done.stderr
        yield output
