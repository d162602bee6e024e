"""The places of the package's own files: in a checkout beside `toolkit/`, in an installed wheel in `ocrm55/_data/`."""

from __future__ import annotations

from pathlib import Path

from ocrm55.errors import ToolchainError

_PACKAGE = Path(__file__).resolve().parent
_ROOMS = ("firmware", "cmake", "models", "fvp")


def folder(room: str) -> Path:
    """The folder `firmware`, `cmake`, `models` or `fvp` of this installation."""
    if room not in _ROOMS:
        raise ValueError(f"no such room: {room}")
    for root in (_PACKAGE / "_data", _PACKAGE.parents[1]):
        if (root / room).is_dir():
            return root / room
    raise ToolchainError(
        f"this installation of ocrm55 lacks its `{room}` folder.", ["reinstall: pip install --force-reinstall ocrm55"]
    )
