"""Runs paddle2onnx, in a process of its own: `python -m ocrm55.export.paddle2onnx_process JSON PDIPARAMS ONNX OPSET`.

Its C++ part prints to the terminal, and its Python part logs an error and goes on without a result. Here both become
an exit status, and the last line of the output is the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(program: str, parameters: str, output: str, opset: str) -> int:
    import paddle2onnx

    # "none": its default, polygraphy, installs packages from the network when it is used.
    paddle2onnx.export(
        program, parameters, output, opset_version=int(opset), auto_upgrade_opset=False, optimize_tool="none"
    )
    return 0 if Path(output).is_file() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
