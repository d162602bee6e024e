"""Where a model comes from: the bundled one, the official one, a model folder, a training checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

from ocrm55 import console, resources
from ocrm55.errors import InputError
from ocrm55.export.paddle_model import (
    OLD_PROGRAM,
    PARAMETERS,
    PROGRAM,
    SETTINGS,
    STEM,
    PaddleModel,
    new_folder,
    settings_text,
    write,
)
from ocrm55.tasks.recognizer.charset import load_dictionary
from ocrm55.tasks.recognizer.inference import first_line

BUNDLED = "en_ppocrv3_rec"  # in models/


def export(source: str, destination: Path) -> PaddleModel:
    """Bring a model into a folder of its own, whole or not at all, and return it checked.

    source: `bundled`; `pp-ocrv3`, which is fetched; a Paddle inference model folder; a `.pdparams` checkpoint; the same
    model as an `.onnx` file, as paddle2onnx writes it.
    Text files that lie in `destination` already, such as a model card, stay.

    Raises InputError for a source that is no English recognizer, ToolchainError when a host cannot be reached,
    OutputError when `destination` cannot be written.
    """
    path = locate(source)
    if path.is_dir():
        return _copy(path, destination)
    from ocrm55.export.checkpoint import load_checkpoint

    return write(load_checkpoint(path), load_dictionary(), destination)


def locate(source: str) -> Path:
    """The model folder or checkpoint file that `source` stands for; fetches `pp-ocrv3`. Raises as `export` does."""
    if source == "bundled":
        return resources.folder("models") / BUNDLED
    if source == "pp-ocrv3":
        from ocrm55.export.hub import fetch_official

        return fetch_official()
    path = Path(source)
    if not path.exists():
        raise InputError(
            f"there is no model {source}.",
            ["name `bundled`, `pp-ocrv3`, a Paddle inference model folder, a .pdparams checkpoint or an .onnx file"],
        )
    if path.is_file() and path.name in (PROGRAM, OLD_PROGRAM, PARAMETERS, SETTINGS):
        return path.parent
    if path.is_file() and path.suffix not in (".pdparams", ".onnx"):
        raise InputError(
            f"{source} is neither a model folder nor a .pdparams checkpoint nor an .onnx file.",
            ["name a folder with inference.json and inference.pdiparams, or a .pdparams or .onnx file"],
        )
    return path


def _copy(folder: Path, destination: Path) -> PaddleModel:
    if (folder / OLD_PROGRAM).is_file() and not (folder / PROGRAM).is_file():
        return _convert_old(folder, destination)
    model = PaddleModel(folder)
    if destination.resolve() == folder.resolve():
        return model
    with new_folder(destination) as staging:
        for file in model.files:
            shutil.copyfile(file, staging / file.name)
    return PaddleModel(destination)


def _convert_old(folder: Path, destination: Path) -> PaddleModel:
    """Translate a folder of Paddle 2 (`inference.pdmodel`, often without `inference.yml`) to Paddle 3's format."""
    import paddle
    from paddle2onnx import convert

    program = folder / OLD_PROGRAM
    if not (folder / PARAMETERS).is_file():
        raise InputError(f"the model folder {folder} has no {PARAMETERS}.")
    with new_folder(destination) as staging:
        try:
            executor = paddle.static.Executor(paddle.CPUPlace())
            with paddle.pir_utils.OldIrGuard():
                old, *_ = paddle.static.load_inference_model(str(folder / STEM), executor)
            translated = paddle.pir.translate_to_pir(old.desc)
            convert.load_parameter(translated)
            convert.save_program(translated, str(staging / STEM))
        except Exception as trouble:  # Paddle raises several unrelated types here
            raise InputError(
                f"{program} cannot be translated to Paddle 3: {first_line(trouble)}", ["export it with PaddleOCR 3"]
            ) from trouble
        if (folder / SETTINGS).is_file():
            shutil.copyfile(folder / SETTINGS, staging / SETTINGS)
        else:
            console.note(f"{folder} has no {SETTINGS}; PaddleOCR's English dictionary is taken for it.")
            (staging / SETTINGS).write_text(settings_text(load_dictionary()), encoding="utf-8")
    return PaddleModel(destination)
