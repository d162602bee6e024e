"""The readers of an evaluation: Paddle or ONNX Runtime on the host, or the firmware on a simulator.

A `ReaderSpec` has everything that a reader needs, the model's bytes included. It goes to a worker process or to another
machine as it is, and is opened there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ocrm55 import temporary
from ocrm55.errors import InputError, TargetError
from ocrm55.restriction import UNRESTRICTED, Restriction
from ocrm55.simulators import Choice, Request
from ocrm55.tasks.recognizer import decoding, image
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.tasks.recognizer.restriction import lexicon

_LEXICON = "lexicon.txt"
KINDS = ("host", "onnx", "reference", "native", "target")


class Reader(Protocol):
    """Reads pictures; close it when done."""

    def recognise(self, images: Sequence[np.ndarray]) -> list[Recognition]:
        """Pictures uint8 [H, W, 3] BGR of any size -> what each says."""

    def close(self) -> None:
        """Remove what was unpacked."""


class Spec(Protocol):
    """The input of an evaluation: a value that can be pickled, and that opens the reader where it arrives."""

    def open(self) -> Reader:
        """Open the reader."""


@dataclass(frozen=True)
class ReaderSpec:
    """kind: host, onnx or target. files: name -> content of the model's folder, the ONNX file or the ELF.

    size: height and width of the images that the model reads.
    simulator, timeout_s (a picture), npu (that the firmware was compiled for): for the target only.
    decoder, restriction: for the host; the firmware has its own. The restriction's words are among the files.
    """

    kind: str
    files: dict[str, bytes] = field(repr=False)
    size: tuple[int, int] = (image.HEIGHT, image.WIDTH)
    simulator: Choice | None = None
    timeout_s: float = 120.0
    npu: str | None = None
    decoder: str = decoding.CONTEXT
    restriction: Restriction = UNRESTRICTED

    def open(self) -> Reader:
        """The reader. Raises InputError for a kind that does not exist and for a model that cannot be loaded."""
        if self.kind in ("host", "onnx"):
            return HostReader(self)
        if self.kind == "target":
            return TargetReader(self)
        raise InputError(f"`{self.kind}` is no place of an evaluation.", [f"use one of: {', '.join(KINDS)}"])


def host_spec(
    model_dir: Path,
    size: tuple[int, int] = (image.HEIGHT, image.WIDTH),
    *,
    decoder: str = decoding.CONTEXT,
    restriction: Restriction = UNRESTRICTED,
) -> ReaderSpec:
    """Paddle on the host, from a Paddle inference model folder."""
    files = {path.name: path.read_bytes() for path in sorted(model_dir.iterdir()) if path.is_file()}
    return ReaderSpec("host", files | _words(restriction), size, decoder=decoder, restriction=restriction)


def onnx_spec(
    onnx: Path,
    model_dir: Path,
    size: tuple[int, int] = (image.HEIGHT, image.WIDTH),
    *,
    decoder: str = decoding.CONTEXT,
    restriction: Restriction = UNRESTRICTED,
) -> ReaderSpec:
    """ONNX Runtime on the host, from an ONNX file; the charset comes from the Paddle model folder."""
    files = {path.name: path.read_bytes() for path in sorted(model_dir.iterdir()) if path.is_file()}
    files |= {"model.onnx": onnx.read_bytes(), **_words(restriction)}
    return ReaderSpec("onnx", files, size, decoder=decoder, restriction=restriction)


def _words(restriction: Restriction) -> dict[str, bytes]:
    """The words of a restriction, by their name among a reader's files. Raises InputError."""
    return {} if restriction.lexicon is None else {_LEXICON: "\n".join(lexicon.read(restriction.lexicon)).encode()}


def target_spec(
    elf: Path,
    size: tuple[int, int] = (image.HEIGHT, image.WIDTH),
    *,
    simulator: Choice,
    timeout_s: float = 120.0,
    npu: str | None = None,
) -> ReaderSpec:
    """The firmware on a simulator."""
    return ReaderSpec("target", {"ocrm55.elf": elf.read_bytes()}, size, simulator, timeout_s, npu)


class HostReader:
    """Paddle or ONNX Runtime, one picture after the other on one thread."""

    def __init__(self, spec: ReaderSpec) -> None:
        from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer
        from ocrm55.tasks.recognizer.task import RECOGNIZER

        self._size, self._decoder = spec.size, spec.decoder
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(_unpacked(spec))
        asked = spec.restriction
        asked = asked if asked.lexicon is None else replace(asked, lexicon=folder / _LEXICON)
        self._task = RECOGNIZER.network(folder).restricted(asked)
        self._network: PaddleRecognizer | OnnxRecognizer
        self._network = PaddleRecognizer(folder) if spec.kind == "host" else OnnxRecognizer(folder / "model.onnx")

    def recognise(self, images: Sequence[np.ndarray]) -> list[Recognition]:
        """Pictures uint8 [H, W, 3] BGR -> what each says."""
        height, width = self._size
        pictures = (self._task.resize(pixels, height, width) for pixels in images)
        tensors = (self._task.normalisation.tensor(pixels, height, width) for pixels in pictures)
        return [
            self._task.decode_with_confidence(self._network.probabilities(tensor), self._decoder) for tensor in tensors
        ]

    def close(self) -> None:
        """Remove the unpacked model."""
        self._stack.close()


class TargetReader:
    """The firmware; a run of the simulator reads all pictures of a call."""

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._stack = contextlib.ExitStack()
        self._folder = self._stack.enter_context(_unpacked(spec))
        self._simulator = (spec.simulator or Choice()).find()

    def recognise(self, images: Sequence[np.ndarray]) -> list[Recognition]:
        """Pictures uint8 [H, W, 3] BGR -> what each says. Raises TargetError when the firmware says less or more."""
        if not images:
            return []
        request = Request(
            elf=self._folder / "ocrm55.elf",
            images=[image.resize(pixels, *self._spec.size) for pixels in images],
            stats=False,
            want_probabilities=False,
            want_confidence=True,
            timeout_s=self._spec.timeout_s * len(images),
            npu=self._spec.npu,
        )
        results = self._simulator.run(request).results
        if len(results) != len(images):
            raise TargetError(f"The target was given {len(images)} pictures and answered for {len(results)}.")
        return [
            Recognition(
                result.text,
                result.score,
                result.seen is None,
                None if result.seen is None else Recognition(*result.seen),
                confidence=result.confidence,
            )
            for result in results
        ]

    def close(self) -> None:
        """Remove the unpacked ELF."""
        self._stack.close()


@contextlib.contextmanager
def _unpacked(spec: ReaderSpec) -> Iterator[Path]:
    with temporary.folder() as folder:
        for name, content in spec.files.items():
            (folder / name).write_bytes(content)
        yield folder
