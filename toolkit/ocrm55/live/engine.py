"""Who computes a frame: the native service, a simulator, or ONNX Runtime."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.live.program import Programs
from ocrm55.live.service import Service
from ocrm55.live.tracking import Track, Tracker
from ocrm55.page import program, read
from ocrm55.page.program import PreparedPage
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Run, Simulator
from ocrm55.simulators.frames import frame
from ocrm55.simulators.listener import Listener
from ocrm55.tasks.page.boxes import Box

ENGINES = ("native", "qemu", "fvp", "onnx")
MOST_BYTES = 4 << 20  # of a frame as it comes
MOST_SIDE, LONGEST = 4096, 1600  # pixels: of a frame that is taken, and of one that is read
_FORMATS = ("JPEG", "PNG", "WEBP")


def pixels_of(data: bytes) -> np.ndarray:
    """A frame as it comes from a browser, JPEG, PNG or WebP: uint8 [height, width, 3] BGR, at most LONGEST a side.

    Raises InputError for anything else, and for more than MOST_BYTES or MOST_SIDE.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"a frame has {len(data):,} bytes; {MOST_BYTES:,} are taken.")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if max(image.size) > MOST_SIDE:
                raise InputError(f"a frame has {image.width} x {image.height} pixels; {MOST_SIDE} a side are taken.")
            image.draft("RGB", (LONGEST, LONGEST))  # a JPEG is decoded smaller
            colours = np.asarray(image.convert("RGB"))
    except InputError:
        raise
    except Exception as trouble:  # a decoder may raise anything for a damaged frame
        raise InputError("a frame is no whole JPEG, PNG or WebP picture.") from trouble
    pixels = np.ascontiguousarray(colours[:, :, ::-1])
    scale = LONGEST / max(pixels.shape[:2])
    if scale < 1:
        size = [max(1, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0])]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return pixels


@dataclass(frozen=True)
class Answer:
    """What was read of a frame. lines: for JSON, corners as shares of the frame. readings: boxes that were read.

    seconds: of this machine. uart: of a simulator.
    """

    lines: Sequence[dict[str, Any]]
    seconds: float
    came: Sequence[int] = ()
    changed: Sequence[int] = ()
    left: Sequence[int] = ()
    readings: Sequence[Box] | None = None
    uart: str = ""


@dataclass
class Engine:
    """The programs of one pair of networks. `follow` and `line` want one thread, `whole` and `prove` another one."""

    programs: Programs
    fvp: Path | None = None
    _service: Service | None = field(default=None, init=False)
    _onnx: Any = field(default=None, init=False)

    def follow(self, pixels: np.ndarray, tracker: Tracker) -> Answer:
        """Read a frame natively, and of what `tracker` knows only what looks different."""
        begun, service = time.monotonic(), self._native()
        found = service.find(frame(pixels, "bgr888"))
        step = tracker.step(found, pixels, service.read)
        lines = [_line(track, pixels.shape) for track in step.tracks]
        return Answer(lines, time.monotonic() - begun, step.came, step.changed, step.left, step.readings)

    def line(self, pixels: np.ndarray, region: Sequence[float]) -> tuple[str, float, Box]:
        """One line in a region, x, y, width and height as shares of the frame: text, score, box."""
        height, width = pixels.shape[:2]
        left, top = region[0] * width, region[1] * height
        right, bottom = left + region[2] * width, top + region[3] * height
        places = ((left, top), (right, top), (right, bottom), (left, bottom))
        box = Box(tuple((round(x * 256 - 128), round(y * 256 - 128)) for x, y in places))  # type: ignore[arg-type]
        service = self._native()
        service.hold(frame(pixels, "bgr888"))
        text, score, _ = service.read(box)
        return text, score, box

    def whole(self, pixels: np.ndarray, name: str, listener: Listener | None = None) -> Answer:
        """Read a frame by one of ENGINES, from nothing. listener: of a simulator's run."""
        begun = time.monotonic()
        if name == "onnx":
            found, _ = self._onnx_reader().read(pixels)
            size = np.array([pixels.shape[1], pixels.shape[0]])
            lines = [_values(0, (np.asarray(each.corners) / size).tolist(), each.text, each.score) for each in found]
            return Answer(lines, time.monotonic() - begun)
        run = self._run(pixels, name, listener=listener)
        lines = []
        for box in run.pages[0].in_order:
            lines.append(_values(0, _shares(box.corners, pixels.shape), box.text, box.score))
        return Answer(lines, time.monotonic() - begun, uart=run.uart)

    def prove(self, pixels: np.ndarray, listener: Listener | None = None) -> dict[str, Any]:
        """Read a frame natively and on QEMU; compare what each step made, by hashes, and every line of the UART.

        listener: of the run on QEMU.
        """
        native = self._run(pixels, "native", hashes=True)
        board = self._run(pixels, "qemu", hashes=True, listener=listener)
        pairs = zip(native.uart.splitlines(), board.uart.splitlines(), strict=False)
        apart = next((pair for pair in pairs if pair[0] != pair[1]), None)
        same = native.uart == board.uart
        lines = board.uart.splitlines()
        hashes = sum(line.startswith(("hash ", "crop ")) for line in lines)
        return {"same": same, "lines": len(lines), "hashes": hashes, "apart": apart, "uart": board.uart}

    def close(self) -> None:
        """End what runs."""
        if self._service is not None:
            self._service.close()

    def _native(self) -> Service:
        self._service = self._service or Service(self.programs.service)
        return self._service

    def _run(self, pixels: np.ndarray, name: str, *, hashes: bool = False, listener: Listener | None = None) -> Run:
        if listener is not None:
            listener.check()  # it may have waited for another tab's run
        board: Simulator = find_simulator(name, self.fvp, self.programs.options.recognizer.board)
        prepared: PreparedPage = program.prepare(self.programs.options, native=board.native)
        picture = read.picture_of(Path("frame"), pixels, "bgr888")
        ((_, run),) = read.run([picture], prepared, board, want_hashes=hashes, listener=listener)
        return run

    def _onnx_reader(self) -> Any:
        if self._onnx is None:
            from ocrm55.evaluation.page_specs import spec_of
            from ocrm55.simulators import Choice

            self._onnx = spec_of("onnx", self.programs.options, simulator=Choice(), timeout_s=60).open()
        return self._onnx


def sentence(trouble: Exception) -> str:
    """What a page may say of an error."""
    return trouble.sentence if isinstance(trouble, Ocrm55Error) else "the frame cannot be read."


def _shares(corners: Sequence[Sequence[float]], shape: Sequence[int]) -> list[list[float]]:
    height, width = shape[:2]
    return [[(x / 256 + 0.5) / width, (y / 256 + 0.5) / height] for x, y in corners]


def _line(track: Track, shape: Sequence[int]) -> dict[str, Any]:
    corners = _shares(track.box.corners, shape)
    corners = corners[2:] + corners[:2] if track.upside_down else corners
    return _values(track.number, corners, track.text, track.score)


def _values(number: int, corners: list[list[float]], text: str, score: float) -> dict[str, Any]:
    return {
        "number": number,
        "corners": [[round(x, 5), round(y, 5)] for x, y in corners],
        "text": text,
        "score": round(float(score), 6),
    }
