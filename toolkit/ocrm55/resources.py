"""The places of the package's own files: in a checkout beside `toolkit/`, in an installed wheel in `ocrm55/_data/`."""

from __future__ import annotations

from pathlib import Path

from ocrm55.errors import ToolchainError

_PACKAGE = Path(__file__).resolve().parent
_REINSTALL = ("reinstall: pip install --force-reinstall ocrm55",)
_ROOMS = ("firmware", "cmake", "models", "fvp", "docs")


def folder(room: str) -> Path:
    """The folder `firmware`, `cmake`, `models`, `fvp` or `docs` of this installation."""
    if room not in _ROOMS:
        raise ValueError(f"no such room: {room}")
    for root in (_PACKAGE / "_data", _PACKAGE.parents[1]):
        if (root / room).is_dir():
            return root / room
    raise ToolchainError(f"this installation of ocrm55 lacks its `{room}` folder.", _REINSTALL)


def kernel_folder() -> Path:
    """The folder that C needs among its include folders to call a hand-written kernel."""
    return folder("firmware") / "kernels"


def kernel_headers() -> list[Path]:
    """All headers of the hand-written kernels: those of every family, then the families' own."""
    return [*sorted(kernel_folder().glob("*.h")), *sorted(kernel_folder().glob("*/*.h"))]


def kernels() -> dict[str, Path]:
    """The C files of all hand-written kernels by the kernel's name, in the order of the names.

    A kernel lies in the folder of its family, but metadata.json and sources.cmake know its name only.
    """
    found = {path.stem: path for path in kernel_folder().glob("*/*.c")}
    return dict(sorted(found.items()))


def kernel(name: str) -> Path:
    """The C file of one hand-written kernel; raises ToolchainError if there is none of that name."""
    path = kernels().get(name)
    if path is None:
        raise ToolchainError(f"this installation has no kernel {name}.", _REINSTALL)
    return path
