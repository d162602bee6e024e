"""Writes what the fuzzers' model needs beside firmware/fuzz/model.c: `python -m tests.fuzz.model FOLDER`.

So small that a fuzzer reads some ten thousand images a second with it. firmware/fuzz/CMakeLists.txt runs this.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ocrm55.compiler.codegen import interface
from ocrm55.compiler.codegen.interface import Interface
from ocrm55.tasks.recognizer import decoding, headers

LABELS = ("", "a", ",", "é", " ")
NETWORK = Interface(
    prefix="ocrm55_fuzz",
    model="fuzz",
    precision="float32",
    input_size=(3, 4, 16),
    input_bytes=4 * 16 * 3 * 4,
    output_shape=(1, 4, len(LABELS)),
    arena_bytes=512,
    operators=("fuzz.first", "fuzz.last"),
    weight_bytes=16,
    widths=(8, 16),
    extras=headers.extras(LABELS, 4, decoding.GREEDY),
)


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    texts = interface.headers(NETWORK) | dict(NETWORK.extras.headers) | dict(NETWORK.extras.sources(NETWORK.prefix))
    texts["definition.h"] = interface.definition(NETWORK)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
