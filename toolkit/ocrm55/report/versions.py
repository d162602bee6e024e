"""The versions of everything that a result comes from."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version

from ocrm55 import __version__, firmware
from ocrm55.doctor import program_version
from ocrm55.report.measurement import Measurement

_PACKAGES = ("paddlepaddle", "paddle2onnx", "onnxruntime", "opencv-contrib-python", "pillow")


def versions(measured: Measurement, toolchain: str) -> list[tuple[str, str]]:
    """(what, version) of the tool, the packages that compiled, the compiler, the simulator, and the ELF's digest."""
    metadata = measured.metadata
    identity = measured.run.identity
    rows = [
        ("ocrm55", __version__),
        ("ocrm55 that compiled the model", metadata.ocrm55),
        ("ocrm55 in the firmware", identity.version if identity else ""),
        ("Python", platform.python_version()),
        *metadata.versions.items(),
        ("ethos-u-vela", metadata.npu.vela if metadata.npu else ""),
        *((name, _package(name)) for name in _PACKAGES if name not in metadata.versions),
        *((name, _program(name)) for name in (*firmware.COMPILERS[toolchain], "cmake", "ninja")),
        ("simulator", measured.simulator),
        ("board", measured.board.title),
        ("ELF, SHA-256", _digest(measured)),
    ]
    return [(name, found) for name, found in rows if found]


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _program(name: str) -> str:
    return ".".join(map(str, program_version(name)))


def _digest(measured: Measurement) -> str:
    return hashlib.sha256(measured.elf.read_bytes()).hexdigest() if measured.elf.is_file() else ""
