"""Translates a program of Paddle 2, in a process of its own: `python -m ocrm55.export.paddle2_process OLD NEW`.

OLD and NEW are paths without suffix: OLD.pdmodel and OLD.pdiparams are read, NEW.json and NEW.pdiparams written. A
damaged program can end Paddle's process in C++. The last line of the output is the reason.
"""

from __future__ import annotations

import sys

from ocrm55.errors import first_line


def main(old: str, new: str) -> int:
    import paddle
    from paddle2onnx import convert

    try:
        executor = paddle.static.Executor(paddle.CPUPlace())
        with paddle.pir_utils.OldIrGuard():
            program, *_ = paddle.static.load_inference_model(old, executor)
            translated = paddle.pir.translate_to_pir(program.desc)
            convert.load_parameter(translated)
            convert.save_program(translated, new)
    except Exception as trouble:  # Paddle raises several unrelated types
        print(first_line(trouble))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
