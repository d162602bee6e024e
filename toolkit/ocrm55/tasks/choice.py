"""Which task a model is for: by the user's word, by its folder's settings, or by the shape of its output."""

from __future__ import annotations

from pathlib import Path

from ocrm55 import plain_yaml
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.errors import Ocrm55Error
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.tasks.base import Task


def task_of(source: str) -> Task:
    """The task of a model: the recognizer's for everything that is no detector's, whose reader then says what is wrong.

    source: a word that a task knows, a model folder, a file in one, a checkpoint, or an ONNX file.
    """
    from ocrm55.tasks.detector.task import DETECTOR
    from ocrm55.tasks.recognizer.task import RECOGNIZER

    if source in DETECTOR.models:
        return DETECTOR
    path = Path(source)
    if source in RECOGNIZER.models or not path.exists():
        return RECOGNIZER
    return DETECTOR if _is_detector(path) else RECOGNIZER


def _is_detector(path: Path) -> bool:
    from ocrm55.tasks.detector.model import ONNX, POST_PROCESS, is_map

    try:
        if path.suffix == ".onnx" and path.name != ONNX:
            (output,) = entrance.read(path).graph.output
            shape = [dimension.dim_value for dimension in output.type.tensor_type.shape.dim]
            return is_map(shape) or (len(shape) == 4 and not shape[1])
        settings = plain_yaml.load((path if path.is_dir() else path.parent) / SETTINGS)
        return bool(settings["PostProcess"]["name"] == POST_PROCESS)
    except (Ocrm55Error, LookupError, TypeError, ValueError):
        return False
