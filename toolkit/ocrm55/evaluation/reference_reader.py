"""Read pictures with the integer reference: on the host, and every bit as the target would."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ocrm55 import libraries, stages, temporary
from ocrm55.artifact import Artifact
from ocrm55.compiler import program_file
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.widths import sharing
from ocrm55.errors import InputError
from ocrm55.evaluation.verification import integer_reference
from ocrm55.restriction import Restriction
from ocrm55.tasks.recognizer import decoding
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.tasks.recognizer.restriction import lexicon

_LEXICON = "lexicon.txt"
_MODEL = "model"
_NOT_READ = (".c", ".h", ".S", ".onnx", ".cmake", ".elf")  # of an artifact, by the reference


@dataclass(frozen=True)
class ReferenceSpec:
    """An int8 artifact and its model's folder as files, by their places below a folder.

    size: height and width of the images that the model reads. rounds_once: see libraries.rounds_once.
    """

    files: dict[str, bytes] = field(repr=False)
    size: tuple[int, int]
    decoder: str
    restriction: Restriction
    rounds_once: bool = True

    def open(self) -> ReferenceReader:
        """The reader. Raises InputError for an artifact that keeps no program."""
        return ReferenceReader(self)


def reference_spec(compiled: stages.Compilation, size: tuple[int, int]) -> ReferenceSpec:
    """The reference of what was compiled. Raises InputError for a float32 artifact."""
    chosen = compiled.options.compile
    if chosen.precision != "int8":
        raise InputError("the reference computes int8 networks only.", ["--precision int8", "--on host"])
    found = {f"{_MODEL}/{path.name}": path for path in sorted(compiled.model.iterdir()) if path.is_file()}
    for path in sorted(compiled.artifact.rglob("*")):
        if path.is_file() and path.suffix not in _NOT_READ:
            found[str(path.relative_to(compiled.artifact))] = path
    contents = {name: path.read_bytes() for name, path in found.items()}
    if chosen.restriction.lexicon is not None:
        contents[_LEXICON] = "\n".join(lexicon.read(chosen.restriction.lexicon)).encode()
    calls_library = libraries.LIBRARY in chosen.kernels
    once = not calls_library or libraries.rounds_once(compiled.options.build.cmsis_nn)
    return ReferenceSpec(contents, size, chosen.decoder, chosen.restriction, once)


class ReferenceReader:
    """The integer reference, one picture after the other on one thread; narrow pictures at narrow widths."""

    def __init__(self, spec: ReferenceSpec) -> None:
        from ocrm55.tasks.recognizer.task import RECOGNIZER

        self._size, self._decoder = spec.size, spec.decoder
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(temporary.folder())
        for name, content in spec.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        asked = spec.restriction
        asked = asked if asked.lexicon is None else replace(asked, lexicon=folder / _LEXICON)
        self._task = RECOGNIZER.network(folder / _MODEL).restricted(asked)
        artifact, full = Artifact.read(folder), spec.size[1]
        self._networks: dict[int, IntegerReference] = {
            width: integer_reference(artifact, width, rounds_once=spec.rounds_once) for width in _widths(folder)
        }
        self._widths = sorted(self._networks)
        assert self._widths[-1] == full, "the widest is the model's"

    def recognise(self, images: Sequence[np.ndarray]) -> list[Recognition]:
        """Pictures uint8 [H, W, 3] BGR -> what each says."""
        return [self._read(self._task.resize(pixels, *self._size)) for pixels in images]

    def _read(self, pixels: np.ndarray) -> Recognition:
        width = sharing.narrowest(self._widths, pixels.shape[1])
        output = self._networks[width].probabilities(pixels)
        charset, lead = self._task.charset, self._task.lead
        if width < self._widths[-1] and decoding.least_lead(output, charset, self._decoder) < lead:
            output = self._networks[self._widths[-1]].probabilities(pixels)
        return self._task.decode_with_confidence(output, self._decoder)

    def close(self) -> None:
        """Remove what was unpacked."""
        self._stack.close()


def _widths(folder: Path) -> list[int]:
    """The widths of an artifact, narrowest first."""
    return sorted(int(path.stem) for path in (folder / program_file.FOLDER).glob("*.json") if path.stem.isdecimal())
