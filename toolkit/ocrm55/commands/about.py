"""What every `--json` says of itself: the model, the options, and the versions of what computed."""

from __future__ import annotations

import platform
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ocrm55 import __version__, stages
from ocrm55.boards import Board

PACKAGES = ("apache-tvm", "numpy", "onnx", "onnxruntime", "opencv-contrib-python", "paddle2onnx", "paddlepaddle")
_LEFT_OUT = ("model_name", "task", "source", "force")


def about(options: stages.Options) -> dict[str, Any]:
    """The head of a command's JSON."""
    model = {"name": options.model_name, "source": options.source}
    return {"ocrm55": __version__, "model": model, "versions": versions(), "options": _values(options)}


def versions() -> dict[str, str]:
    """Of Python and of the packages that compute."""
    return {"python": platform.python_version(), **{name: found for name in PACKAGES if (found := _version(name))}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _values(options: Any) -> dict[str, Any]:
    return {each.name: _plain(getattr(options, each.name)) for each in fields(options) if each.name not in _LEFT_OUT}


def _plain(value: Any) -> Any:
    """A value of JSON; a board by its name."""
    if isinstance(value, Board):
        return value.name
    if is_dataclass(value):
        return _values(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
