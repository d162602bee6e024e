"""Runs paddle2onnx, in a process of its own: `python -m ocrm55.export.paddle2onnx_process JSON PDIPARAMS ONNX OPSET`.

Its C++ part prints to the terminal, and its Python part logs an error and goes on without a result. Here both become
an exit status, and the last line of the output is the reason.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

_EXTENSION = "paddle2onnx_cpp2py_export"


def main(program: str, parameters: str, output: str, opset: str) -> int:
    if (model := _converted(program, parameters, int(opset))) is not None:
        Path(output).write_bytes(model)
        return 0
    import paddle2onnx

    # "none": its default, polygraphy, installs packages from the network when it is used.
    paddle2onnx.export(
        program, parameters, output, opset_version=int(opset), auto_upgrade_opset=False, optimize_tool="none"
    )
    return 0 if Path(output).is_file() else 1


def _converted(program: str, parameters: str, opset: int) -> bytes | None:
    """What the C++ part makes of a model; None where it is not found, or refuses: the Python part then says why.

    The Python part imports all of Paddle, which takes four times as long as the rest, and hands the work over. With
    Paddle 2's format it does more: the C++ part alone ends the process.
    """
    if not program.endswith(".json"):
        return None
    try:
        paddle, converter = (importlib.util.find_spec(name) for name in ("paddle", "paddle2onnx"))
        if paddle is None or converter is None or paddle.origin is None or converter.origin is None:
            return None
        folder = Path(converter.origin).parent
        extension = next(folder / f"{_EXTENSION}{each}" for each in EXTENSION_SUFFIXES
                         if (folder / f"{_EXTENSION}{each}").is_file())  # fmt: skip
        ctypes.CDLL(str(Path(paddle.origin).parent / "base" / "libpaddle.so"), ctypes.RTLD_GLOBAL)
        spec = importlib.util.spec_from_file_location(_EXTENSION, extension)
        if spec is None or spec.loader is None:
            return None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # As the Python part calls it: no newer opset, quiet, checked, with experimental operators, optimised.
        options: tuple[object, ...] = (opset, False, False, True, True, True, {}, "onnxruntime", "", "", False)
        return bytes(module.export(program, parameters, *options)) or None
    except Exception:  # another release of either: its own Python part knows how
        return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
