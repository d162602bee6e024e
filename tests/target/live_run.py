"""`ocrm55 live` over many frames: what its memory does, and the seconds of a processor that a frame takes.

    python -m tests.target.live_run [--frames 1000] [--build-dir build]

The server is a process of its own, as a user has it. It gets frames of 320 x 320 pixels with two lines of text that
move and change: lines come, stay, change and leave. Then come some of which each has two other texts, so that both
are read in every one. Memory and time are those of the server and of all that it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 320
BUSY = 20  # frames that change altogether
WARM_UP = 40  # frames after which memory is looked at: all buffers were used once
PATIENCE_S = 600
_WALL, _CARD, _INK = (70, 92, 80), (244, 242, 235), (25, 25, 30)


@dataclass(frozen=True)
class Seen:
    """memory: bytes after the warm-up and at the end. seconds: of a processor, a frame. read: lines of all frames.

    busy_seconds, busy_read: the same of frames that change altogether.
    """

    frames: int
    memory: tuple[int, int]
    seconds: float
    read: int
    busy_seconds: float
    busy_read: float
    texts: Sequence[str]

    @property
    def growth(self) -> int:
        """Bytes."""
        return self.memory[1] - self.memory[0]


def texts_of(number: int) -> tuple[str, str]:
    """What stands on the sheet in a frame: another meter every 20 frames, and its reading every 5."""
    return f"Meter {10 + number // 20 % 80} 213", f"{7000 + number // 5 % 900}.4"


def frame(number: int, texts: tuple[str, str] | None = None) -> bytes:
    """A JPEG of SIDE x SIDE pixels; of 20 frames the last two show nothing. texts: others than those of the number."""
    sheet = Image.new("RGB", (SIDE, SIDE), _WALL)
    if number % 20 < 18 or texts:
        card = Image.new("RGB", (260, 120), _CARD)
        pen = ImageDraw.Draw(card)
        for top, size, text in zip((12, 70), (34, 30), texts or texts_of(number), strict=True):
            pen.text((14, top), text, _INK, font=ImageFont.load_default(size))
        sheet.paste(card, (10 + number % 20 * 2, 90 + number % 20))
    noise = np.random.default_rng(number).normal(0, 2, (SIDE, SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(sheet) + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


@contextlib.contextmanager
def served(build_dir: Path) -> Iterator[tuple[int, str]]:
    """The server as a process: its number and the page's address."""
    words = [sys.executable, "-m", "ocrm55", "live", "--port", "0", "--build-dir", str(build_dir)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """A socket of the page; what the server tells of itself was taken."""
    from websockets.sync.client import connect

    origin = address[: address.index("/", 8)]
    with connect(f"ws{address.removeprefix('http')}socket", origin=origin, open_timeout=PATIENCE_S) as socket:
        json.loads(socket.recv(PATIENCE_S))
        yield socket


def asked(socket: Any, data: bytes) -> dict[str, Any]:
    """The answer to a frame."""
    socket.send(data)
    answer: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
    return answer


def family(number: int) -> list[int]:
    """A process and all that it started."""
    found = [number]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def memory(number: int) -> int:
    """Bytes that a process and all that it started hold."""
    total = 0
    for each in family(number):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return total


def seconds(number: int) -> float:
    """Of a processor, user's and system's, of a process and all that it started."""
    total = 0
    for each in family(number):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def run(build_dir: Path, frames: int) -> Seen:
    """Send WARM_UP frames, then so many more, then BUSY that change altogether."""
    busy: list[dict[str, Any]] = []
    with served(build_dir) as (number, address), connected(address) as socket:
        answers = [asked(socket, frame(each)) for each in range(WARM_UP)]
        end = time.monotonic() + PATIENCE_S
        while "board" not in asked(socket, frame(0)):  # it counts on QEMU once, when it starts
            assert time.monotonic() < end, "nothing was counted on QEMU"
            time.sleep(1)
        before, begun = memory(number), seconds(number)
        answers += [asked(socket, frame(WARM_UP + each)) for each in range(frames)]
        taken = (seconds(number) - begun) / frames
        after = memory(number)
        begun, chosen = seconds(number), np.random.default_rng(55)
        for each in range(BUSY):
            low, high = chosen.integers(10_000, 99_999, 2)
            busy.append(asked(socket, frame(each, (f"Meter {low}", f"Reading {high}"))))
        busy_taken = (seconds(number) - begun) / BUSY
    texts = {line["text"] for answer in answers for line in answer["lines"]}
    read, busy_read = (sum(each["readings"] for each in some) for some in (answers, busy))
    return Seen(frames, (before, after), taken, read, busy_taken, busy_read / BUSY, sorted(texts))


def main() -> int:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--build-dir", type=Path, default=Path("build"))
    options = parser.parse_args()
    seen = run(options.build_dir, options.frames)
    before, after = (each / (1 << 20) for each in seen.memory)
    print(f"{seen.frames} frames, {seen.read} lines read; memory {before:.1f} MiB -> {after:.1f} MiB")
    for what, taken in (("", seen.seconds), (f", {seen.busy_read:.1f} lines read in each", seen.busy_seconds)):
        print(f"{1000 * taken:.0f} ms of a processor a frame{what}: {1 / taken:.1f} frames a second of one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
