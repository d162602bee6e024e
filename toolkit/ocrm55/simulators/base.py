"""What every simulator takes and returns, and how a run of the firmware is started and judged."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocrm55 import boards, confinement, console, processes, temporary
from ocrm55.boards import Board
from ocrm55.errors import InputError, OutputError, TargetError, ToolchainError
from ocrm55.simulators import protocol
from ocrm55.simulators.companion import Companion
from ocrm55.simulators.frames import Frame, ocrf
from ocrm55.simulators.listener import Listener
from ocrm55.simulators.page_protocol import PageResult
from ocrm55.simulators.protocol import ImageResult

__all__ = ["ImageResult", "Request", "Run", "Simulator", "ocri"]

# Names within the run's own folder. They are short, because the FVP cuts the command line at 256 characters. They have
# no spaces and commas, because QEMU and the firmware split there.
_ELF, _IMAGES, _PROBABILITIES = "fw.elf", "images.bin", "probs.bin"


@dataclass(frozen=True)
class Request:
    """One run of the firmware.

    images: pixels, uint8 [height, width, 3], blue green red, of the model's height and at most its width. Without any,
    the firmware reads the image that is compiled in.
    row: numbers in a row of the output; they divide the file of probabilities. Of a recognizer: its classes.
    timeout_s: limit of the whole run, in seconds of the host's clock.
    guard: entered while the ELF is copied, to keep another ocrm55 from building it meanwhile.
    npu: the accelerator that the program was compiled for, such as ethos-u55-128; None for the CPU alone.
    npu_fault: a fault of the NPU, for tests; only for simulators that play the NPU themselves.
    frames: pages instead of images, for a program of pages; want_hashes: of what each of its steps makes.
    want_maps: the detector's probabilities of every page, uint8.
    want_confidence: how sure each text is, and each of its characters.
    view: words for a program for a camera, which reads a region of each of the frames; none for a program for pages.
    listener: hears the UART while the firmware runs, and may stop it.
    """

    elf: Path
    images: Sequence[NDArray[np.uint8]] = ()
    stats: bool = False
    want_probabilities: bool = False
    row: int = 1
    timeout_s: float = 120.0
    guard: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    npu: str | None = None
    npu_fault: str | None = None
    frames: Sequence[Frame] = ()
    want_hashes: bool = False
    want_maps: bool = False
    want_confidence: bool = False
    view: Sequence[str] = ()
    listener: Listener | None = None


@dataclass(frozen=True)
class Run:
    """The firmware's answer. `probabilities` is float32 [images, rows, row] when it was asked for.

    images: the pixels that it was given. lines: of the UART, each with what it is.
    pages: readings of a program for pages; maps: bytes of the detector's probabilities, page after page.
    """

    uart: str
    exit_status: int
    results: list[ImageResult]
    probabilities: NDArray[np.float32] | None = None
    identity: protocol.Identity | None = field(default=None)
    stack_bytes: int | None = None
    images: Sequence[NDArray[np.uint8]] = ()
    lines: Sequence[protocol.Line] = ()
    pages: Sequence[PageResult] = ()
    detector: protocol.Detector | None = None
    maps: bytes | None = None


@dataclass(frozen=True)
class Ended:
    """How the simulator's process ended."""

    output: str  # standard output: the UART, and what the simulator adds
    complaints: str  # standard error
    returncode: int


class Simulator(ABC):
    """A board that runs an ELF. Subclasses say how to call their simulator and how its failures look."""

    name: str
    kind: str  # what --simulator and a board's file call it
    counts_instructions: bool
    native = False  # whether it runs a program of this computer, which stages.prepare makes on demand

    def __init__(self, executable: Path, board: Board | None = None) -> None:
        """board: that it simulates, the default one where none is given. Raises UnsupportedError if it cannot."""
        self.executable = executable
        self.machine = (board or boards.find()).machine(self.kind)

    @abstractmethod
    def version(self) -> str:
        """The simulator's version. Raises ToolchainError when it does not answer or is too old."""

    @abstractmethod
    def arguments(self, elf: str, words: Sequence[str], request: Request) -> list[str]:
        """The command line for `elf` with the firmware's command line `words`; run in a folder of the run's own."""

    def command(self, elf: Path, words: Sequence[str], request: Request) -> list[str]:
        """The program and its arguments; elf: the copy in the run's own folder, in which the command starts."""
        return [str(self.executable), *self.arguments(elf.name, words, request)]

    def companion(self, request: Request, elf: Path) -> Companion:
        """The companion of the run of `elf`. If the board lacks a part, the companion plays it."""
        return Companion()

    @property
    def readable(self) -> Sequence[Path]:
        """Files and folders that the simulator's process reads, besides the system's."""
        return [confinement.installation_of(self.executable)]

    def readable_in(self, place: Path) -> Sequence[Path]:
        """The same for a run in the folder `place`."""
        return self.readable

    def uart_of(self, output: str) -> str:
        """The UART's part of the simulator's output."""
        return output

    def environment(self) -> dict[str, str]:
        """The environment that the simulator runs in."""
        return dict(os.environ)

    @abstractmethod
    def check_end(self, ended: Ended) -> None:
        """Raise the simulator's own kinds of failure (lockup, refused options) before the output is looked at."""

    def run(self, request: Request) -> Run:
        """Run the firmware once over all images. The ELF may be built anew as soon as it has been copied.

        Raises TargetError for a fault, a time limit, lost or damaged output; its sentence is the firmware's, if the
        firmware printed one. Raises ToolchainError when the simulator itself fails.
        """
        elf = Path(request.elf)
        if not elf.is_file():
            raise InputError(f"{elf} is not there.", ["ocrm55 build"])
        self.version()
        with _temporary_folder() as place, contextlib.ExitStack() as stack:
            with request.guard():
                # A hard link would be quicker. But the firmware may write in its folder, so into a linked file, too.
                shutil.copyfile(elf, place / _ELF)
            companion = stack.enter_context(contextlib.closing(self.companion(request, place / _ELF)))
            words = ["ocrm55"]
            if request.images:
                (place / _IMAGES).write_bytes(ocri(request.images))
                words.append(f"images={_IMAGES}")
            if request.frames:
                (place / _IMAGES).write_bytes(ocrf(request.frames))
                words.append(f"images={_IMAGES}")
            words += request.view
            if request.want_hashes:
                words.append("hashes=1")
            if request.want_probabilities or request.want_maps:
                words.append(f"probabilities={_PROBABILITIES}")
            if request.want_confidence:
                words.append("confidence=1")
            if request.stats:
                words.append("stats=1")
            command = [*self.command(place / _ELF, words, request), *companion.arguments]
            ended = self._execute(command, place, request, companion)
            self.check_end(ended)
            return self._judge(ended, request, place)

    def _execute(self, command: list[str], place: Path, request: Request, companion: Companion) -> Ended:
        """Run the simulator in `place`. Its process group ends with it, even when it hangs or the user interrupts."""
        console.note_command(command)
        output, complaints = place / "uart.txt", place / "stderr.txt"
        late = False
        with contextlib.ExitStack() as stack:
            try:
                process = stack.enter_context(
                    processes.running(
                        command,
                        confine=stack.enter_context(confinement.rules(place, self.readable_in(place))),
                        cwd=place,
                        env=self.environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=stack.enter_context(output.open("wb")),
                        stderr=stack.enter_context(complaints.open("wb")),
                        pass_fds=companion.descriptors,
                    )
                )
            except OSError as trouble:
                raise ToolchainError(
                    f"{self.name} cannot be started: {trouble.strerror}.", ["ocrm55 doctor"]
                ) from trouble
            if request.listener is not None:
                stack.enter_context(request.listener.attending(process, output, self.uart_of))
            try:
                companion.attend(process, request.timeout_s)
            except subprocess.TimeoutExpired:
                late = True
        if request.listener is not None:
            request.listener.check()
        text = output.read_bytes().decode("utf-8", "replace")
        if late:
            last = protocol.last_words(self.uart_of(text))
            raise TargetError(
                f"the firmware did not end within {request.timeout_s:g} s on {self.name}; {last}.",
                ["give it more time with --timeout", "try one image only"],
            )
        return Ended(text, complaints.read_bytes().decode("utf-8", "replace"), process.returncode)

    def _judge(self, ended: Ended, request: Request, place: Path) -> Run:
        said = protocol.parse(self.uart_of(ended.output))
        if said.exit_status != 0:
            for line in said.faults:
                console.note(f"  {line}")
            raise protocol.failure(said, request.elf)
        if said.exit_status is not None and ended.returncode not in (0, said.exit_status):
            raise ToolchainError(f"{self.name} ended with status {ended.returncode} after the firmware had ended well.")
        if request.frames and not request.view:
            return _pages_run(said, request, place, self.counts_instructions)
        expected = len(request.frames or request.images) or 1
        if len(said.results) != expected:
            raise TargetError(f"the firmware answered for {len(said.results)} of {expected} images.")
        results = said.results
        if request.stats and not self.counts_instructions:
            results = [
                replace(
                    result,
                    preprocess_instructions=None,
                    inference_instructions=None,
                    decode_instructions=None,
                    operator_instructions=[],
                    unsure_instructions=0,
                    cycles=[],
                    phase_cycles={},
                )
                for result in results
            ]
        probabilities = None
        if request.want_probabilities:
            probabilities = _read_probabilities(place / _PROBABILITIES, expected, request.row)
        return Run(
            said.uart,
            said.exit_status,
            results,
            probabilities,
            said.identity,
            said.stack_bytes,
            request.images,
            said.lines,
        )


def _pages_run(said: protocol.Said, request: Request, place: Path, counts: bool) -> Run:
    """The answer of a program for pages. Raises TargetError if pages or their maps are missing."""
    if len(said.pages) != len(request.frames):
        raise TargetError(f"the firmware answered for {len(said.pages)} of {len(request.frames)} pages.")
    for page, frame in zip(said.pages, request.frames, strict=True):
        if (page.width, page.height, page.format) != (frame.width, frame.height, frame.format):
            raise TargetError(f"the firmware read a page of {page.width} x {page.height} pixels that nobody gave it.")
    maps = None
    if request.want_maps:
        try:
            maps = (place / _PROBABILITIES).read_bytes()
        except OSError as trouble:
            raise TargetError("the firmware wrote no probabilities.") from trouble
    pages = said.pages if counts else [replace(page, work={}) for page in said.pages]
    return Run(
        uart=said.uart,
        exit_status=said.exit_status,
        results=[],
        identity=said.identity,
        stack_bytes=said.stack_bytes,
        lines=said.lines,
        pages=pages,
        detector=said.detector,
        maps=maps,
    )


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        with temporary.folder() as folder:
            yield folder
    except OSError as trouble:
        raise OutputError(
            f"the run's temporary folder cannot be written: {trouble.strerror or trouble}.",
            [f"free some space in {tempfile.gettempdir()}", "set TMPDIR to a folder that can be written"],
        ) from trouble


def ocri(images: Sequence[NDArray[np.uint8]]) -> bytes:
    """The container in which the firmware takes images (firmware/src/ocri.h).

    Raises InputError for an image that is not uint8 [height, width, 3].
    """
    records = bytearray()
    for number, image in enumerate(images, 1):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InputError(f"image {number} is {image.dtype} {list(image.shape)}, not uint8 [height, width, 3].")
        pixels = image.tobytes()  # C order, whatever the array's strides
        records += struct.pack("<III", image.shape[1], image.shape[0], len(pixels)) + pixels + bytes(-len(pixels) % 4)
    return b"OCRI" + struct.pack("<III", 1, len(images), zlib.crc32(records)) + bytes(records)


def _read_probabilities(path: Path, count: int, row: int) -> NDArray[np.float32]:
    """float32 [count, rows, row]; the file has no header, so whoever asks gives the shape."""
    try:
        values = np.fromfile(path, "<f4")
    except OSError as trouble:
        raise TargetError("the firmware wrote no probabilities.") from trouble
    if values.size == 0 or values.size % (count * row):
        raise TargetError(
            f"the firmware wrote {values.size} probabilities, which is no {count} images in rows of {row}."
        )
    return values.reshape(count, -1, row)
