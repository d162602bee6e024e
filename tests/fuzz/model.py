"""Writes what the fuzzers' models need beside firmware/fuzz/model.c: `python -m tests.fuzz.model FOLDER`.

So small that a fuzzer reads some ten thousand images a second with it. firmware/fuzz/CMakeLists.txt runs this.
"""

from __future__ import annotations

import sys
from dataclasses import replace
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


# For pages: wide enough for windows, and a detector, whose definition is firmware/fuzz/page_detector.c.
READER = replace(
    NETWORK,
    input_size=(3, 4, 80),
    input_bytes=4 * 80 * 3 * 4,
    output_shape=(1, 20, len(LABELS)),
    arena_bytes=1536,
    widths=(8, 80),
    extras=headers.extras(LABELS, 20, decoding.GREEDY),
)
DETECTOR = Interface(
    prefix="ocrm55_fuzz_detector",
    model="fuzz",
    precision="int8",
    input_size=(3, 32, 32),
    input_bytes=32 * 32 * 3,
    output_shape=(1, 1, 32, 32),
    arena_bytes=1024,
    operators=("fuzz.map",),
    weight_bytes=16,
    widths=(32,),
)


def write(folder: Path) -> None:
    _write(folder, NETWORK)
    _write(folder / "page", READER)
    name = f"{DETECTOR.prefix}.h"
    (folder / "page" / name).write_text(interface.headers(DETECTOR)[name], encoding="utf-8")


def _write(folder: Path, network: Interface) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    texts = interface.headers(network) | dict(network.extras.headers) | dict(network.extras.sources(network.prefix))
    texts["definition.h"] = interface.definition(network)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
