"""The sources of a model: the bundled one, an official one, a model folder, a training checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ocrm55 import console
from ocrm55.errors import InputError
from ocrm55.export import apart, paddle2_program
from ocrm55.export.paddle_folder import (
    OLD_PROGRAM,
    PARAMETERS,
    PROGRAM,
    SETTINGS,
    STEM,
    PaddleFolder,
    new_folder,
)

Folder = TypeVar("Folder", bound=PaddleFolder)


@dataclass(frozen=True)
class Sources(Generic[Folder]):
    """The sources of a task's models.

    bundled: the model folder that came with ocrm55. official: PaddleOCR's names of models, by the names for `--source`.
    read: reads a model folder; raises InputError for one of another task.
    from_checkpoint: writes the folder of a `.pdparams` or `.onnx` file, given file and destination.
    assumed: settings for a folder of Paddle 2 that has none, in words and as text.
    described: other settings for a model than its folder's, as text, given the folder and its program of Paddle 2 or 3;
    None where the folder's stay, or those that are assumed. Raises InputError where there are none.
    """

    bundled: Path
    official: Mapping[str, str]
    read: Callable[[Path], Folder]
    from_checkpoint: Callable[[Path, Path], Folder]
    assumed: tuple[str, Callable[[], str]]
    described: Callable[[Path, Path], str | None] = lambda _folder, _program: None


def export(source: str, destination: Path, sources: Sources[Folder]) -> Folder:
    """Bring a model into a folder of its own, whole or not at all, and return it checked.

    source: `bundled`; an official model's name, which is fetched; a Paddle inference model folder; a `.pdparams`
    checkpoint; the same model as an `.onnx` file, as paddle2onnx writes it.
    Text files that lie in `destination` already, such as a model card, stay.

    Raises InputError for a source of another task, ToolchainError when a host cannot be reached, OutputError when
    `destination` cannot be written.
    """
    path = locate(source, sources)
    return _copy(path, destination, sources) if path.is_dir() else sources.from_checkpoint(path, destination)


def locate(source: str, sources: Sources[Any]) -> Path:
    """The model folder or checkpoint file that `source` stands for; fetches official ones. Raises as `export` does."""
    if source == "bundled":
        return sources.bundled
    if source in sources.official:
        from ocrm55.export.hub import fetch_official

        return fetch_official(sources.official[source], sources.read)
    path = Path(source)
    if not path.exists():
        names = ", ".join(f"`{name}`" for name in ("bundled", *sources.official))
        raise InputError(
            f"there is no model {source}.",
            [f"name {names}, a Paddle inference model folder, a .pdparams checkpoint or an .onnx file"],
        )
    if path.is_file() and path.name in (PROGRAM, OLD_PROGRAM, PARAMETERS, SETTINGS):
        return path.parent
    if path.is_file() and path.suffix not in (".pdparams", ".onnx"):
        raise InputError(
            f"{source} is neither a model folder nor a .pdparams checkpoint nor an .onnx file.",
            ["name a folder with inference.json and inference.pdiparams, or a .pdparams or .onnx file"],
        )
    return path


def _copy(folder: Path, destination: Path, sources: Sources[Folder]) -> Folder:
    if (folder / OLD_PROGRAM).is_file() and not (folder / PROGRAM).is_file():
        return _convert_old(folder, destination, sources)
    is_program = (folder / PROGRAM).is_file() and (folder / PARAMETERS).is_file()
    text = sources.described(folder, folder / PROGRAM) if is_program else None
    if text is not None:
        with new_folder(destination, sources.read, folder) as staging:
            for name in (PROGRAM, PARAMETERS):
                shutil.copyfile(folder / name, staging / name)
            (staging / SETTINGS).write_text(text, encoding="utf-8")
        return sources.read(destination)
    model = sources.read(folder)
    if destination.resolve() == folder.resolve():
        return model
    with new_folder(destination, sources.read, folder) as staging:
        for file in model.files:
            shutil.copyfile(file, staging / file.name)
    return sources.read(destination)


def _convert_old(folder: Path, destination: Path, sources: Sources[Folder]) -> Folder:
    """Translate a folder of Paddle 2 (`inference.pdmodel`, often without `inference.yml`) to Paddle 3's format."""
    program = folder / OLD_PROGRAM
    if not (folder / PARAMETERS).is_file():
        raise InputError(f"the model folder {folder} has no {PARAMETERS}.")
    paddle2_program.shapes(program)
    text = sources.described(folder, program)  # first: what is refused here needs no Paddle, whose import takes seconds
    with new_folder(destination, sources.read, folder) as staging:
        stems = [str((folder / STEM).absolute()), str(staging / STEM)]
        done = apart.run("Paddle", "ocrm55.export.paddle2_process", stems)
        if done.returncode or not (staging / PROGRAM).is_file():
            raise InputError(
                f"{program} cannot be translated to Paddle 3: {apart.last_words(done)}.", ["export it with PaddleOCR 3"]
            )
        if text is not None:
            (staging / SETTINGS).write_text(text, encoding="utf-8")
        elif (folder / SETTINGS).is_file():
            shutil.copyfile(folder / SETTINGS, staging / SETTINGS)
        else:
            words, assumed = sources.assumed
            console.note(f"{folder} has no {SETTINGS}; {words} is taken for it.")
            (staging / SETTINGS).write_text(assumed(), encoding="utf-8")
    return sources.read(destination)
