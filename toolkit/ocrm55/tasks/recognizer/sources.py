"""The sources of a recognizer: the bundled one, the official one, a model folder, a checkpoint, an ONNX file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ocrm55 import files, resources
from ocrm55.errors import InputError
from ocrm55.export import paddle2_program, sources
from ocrm55.export.paddle_folder import OLD_PROGRAM, SETTINGS, new_folder, program_shapes
from ocrm55.export.sources import Sources
from ocrm55.tasks.recognizer import onnx_file
from ocrm55.tasks.recognizer.charset import load_charset, load_dictionary, read_dictionary
from ocrm55.tasks.recognizer.image import HEIGHT, WIDTH
from ocrm55.tasks.recognizer.model import CAME, OFFICIAL, ONNX, RecognizerFolder, describe, settings_text, write

_OWN = ["--dict FILE, the dictionary that the model was trained with"]


def export(source: str, destination: Path, dictionary: Path | None = None) -> RecognizerFolder:
    """Bring a recognizer into a folder of its own, see ocrm55.export.sources.

    source: `fast` besides, the smaller one that came with ocrm55; `pp-ocrv3` is PaddleOCR's English one.
    dictionary: a file of its characters, for a model that does not name them, or instead of those that it names.
    """
    return sources.export("bundled" if source in CAME else source, destination, known(dictionary, source))


def known(dictionary: Path | None = None, source: str = "bundled") -> Sources[RecognizerFolder]:
    """The possible names of a source; `bundled` is the one that `source` names, if it names one."""
    return Sources(
        bundled=resources.folder("models") / CAME.get(source, CAME["bundled"]),
        official=OFFICIAL,
        read=RecognizerFolder,
        from_checkpoint=lambda path, destination: _from_file(path, destination, dictionary),
        assumed=("PaddleOCR's English dictionary", lambda: settings_text(load_dictionary())),
        described=lambda folder, program: _described(folder, program, dictionary),
    )


def _described(folder: Path, program: Path, dictionary: Path | None) -> str | None:
    """The settings of a Paddle folder with the user's dictionary. Raises InputError where none says the characters."""
    settings = folder / SETTINGS if (folder / SETTINGS).exists() else None
    if dictionary is None:
        if settings is None:
            _check_english(folder, program)
        return None
    inputs, _ = _shapes(program)
    height = inputs[0][2] if inputs and len(inputs[0]) == 4 and inputs[0][2] > 0 else HEIGHT
    found = read_dictionary(dictionary)
    return onnx_file.settings_with(settings, describe(found, (height, WIDTH)), found, None)


def _check_english(folder: Path, program: Path) -> None:
    """Raise InputError for a model without settings whose characters cannot be the English ones."""
    classes = [shape[-1] for shape in _shapes(program)[1] if len(shape) == 3]
    if not (folder / OLD_PROGRAM).is_file():
        raise InputError(f"the model folder {folder} has no {SETTINGS}, which names its characters.", _OWN)
    if classes not in ([len(load_charset())], [-1]):
        count = f"{classes[0]:,} classes" if classes else "outputs"
        raise InputError(
            f"the model folder {folder} has no {SETTINGS}, and nothing else says which characters its {count} are.",
            _OWN,
        )


def _shapes(program: Path) -> tuple[list[list[int]], list[list[int]]]:
    if program.name == OLD_PROGRAM:
        return paddle2_program.shapes(program)
    try:
        return program_shapes(json.loads(files.read_text(program)))
    except Exception as trouble:  # whatever other JSON than a program makes of the look-ups
        raise InputError(
            f"{program} is not a Paddle 3 program, or is cut short.", ["export or copy the model again"]
        ) from trouble


# --- files -----------------------------------------------------------------------------------------------------------


def _from_file(path: Path, destination: Path, dictionary: Path | None) -> RecognizerFolder:
    if path.suffix != ".onnx":
        return _from_checkpoint(path, destination)
    found = onnx_file.read(path)
    characters = onnx_file.characters(path, found, dictionary)
    classes = found.outputs[0][-1] if len(found.outputs) == 1 and found.outputs[0] else -1
    if characters is None and classes in (-1, len(load_charset())):
        return _english(path, destination)
    if characters is None:
        raise InputError(
            f"nothing says which characters the {classes:,} classes of {path} are: it has no metadata `character`, "
            f"and no {path.stem}.yml or {SETTINGS} lies beside it.",
            _OWN,
        )
    return _as_it_is(path, destination, found, characters)


def _english(path: Path, destination: Path) -> RecognizerFolder:
    """The English PP-OCRv3 recognizer, as Paddle's format by its layers' names; another network keeps its file."""
    try:
        return _from_checkpoint(path, destination)
    except InputError:
        found = onnx_file.read(path)
        if found.outputs and found.outputs[0] and found.outputs[0][-1] == len(load_charset()):
            return _as_it_is(path, destination, found, load_dictionary())
        raise


def _as_it_is(path: Path, destination: Path, found: onnx_file.OnnxFile, characters: list[str]) -> RecognizerFolder:
    """A folder with the ONNX file and settings for it."""
    settings = next(iter(onnx_file.beside(path)), None)
    sizes = found.inputs[0][2:] if len(found.inputs) == 1 and len(found.inputs[0]) == 4 else [-1, -1]
    usual = (HEIGHT if sizes[0] < 1 else sizes[0], WIDTH if sizes[1] < 1 else sizes[1])
    fixed = usual if settings is None or min(sizes) > 0 else None
    text = onnx_file.settings_with(settings, describe(characters, usual, path.stem[:80]), characters, fixed)
    with new_folder(destination, RecognizerFolder, path) as staging:
        shutil.copyfile(path, staging / ONNX)
        (staging / SETTINGS).write_text(text, encoding="utf-8")
    return RecognizerFolder(destination)


def _from_checkpoint(path: Path, destination: Path) -> RecognizerFolder:
    from ocrm55.tasks.recognizer.checkpoint import load_checkpoint

    return write(load_checkpoint(path), load_dictionary(), destination)
