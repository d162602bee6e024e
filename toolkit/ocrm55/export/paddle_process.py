"""Runs a program with Paddle, in a process of its own: `python -m ocrm55.export.paddle_process JSON PDIPARAMS IN OUT`.

IN and OUT are .npy files: the input tensor and the output. A damaged program can end Paddle's process in C++,
without an exception. For a separate process this is an exit status. The last line of the output is the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ocrm55.errors import Ocrm55Error, first_line
from ocrm55.inference import PaddleNetwork


def main(program: str, parameters: str, source: str, destination: str) -> int:
    try:
        output = PaddleNetwork(Path(program), Path(parameters)).run(np.load(source))
    except Ocrm55Error as trouble:
        print(trouble.sentence)
        return trouble.exit_code
    except Exception as trouble:  # Paddle raises several unrelated types
        print(first_line(trouble))
        return 1
    np.save(destination, output)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
