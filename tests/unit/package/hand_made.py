"""A small artifact, made by hand, for packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MODEL_C = """\
#include "ocrm55_model.h"

#include "operators.h"

/* weights.S places weights.bin here. */
extern const uint8_t ocrm55_weights[];
extern const uint8_t ocrm55_weights_hot[]; /* its first 16 bytes */

void run(uint8_t *arena) {
    first_conv(arena, ocrm55_weights + 0);
    ocrm55_own(arena);
    my_first_conv(arena);
}
"""


def metadata(**others: Any) -> dict[str, Any]:
    """A metadata.json with all that is read of it."""
    fields: dict[str, Any] = {
        "model": "a model",
        "precision": "int8",
        "input": {"shape": [1, 48, 320, 3]},
        "output": {"shape": [1, 4, 3]},
        "arena_bytes": 64,
        "arena_lower_bound": 64,
        "weight_bytes": 48,
        "weights_read_again_bytes": 0,
        "macs": 1000,
        "placement": {"arena": {"region": "DTCM", "bytes": 64}, "hot_weights": {"region": "DTCM", "bytes": 16}},
        "operators": [{"function": "first_conv"}, {"function": "ocrm55_own"}],
        "tensors": [],
        "workspaces": [],
        "weights": [],
        "kernels": ["add"],
        "libraries": [],
        "labels": ["", "a", "é"],
    }
    return fields | others


def artifact(folder: Path, **others: Any) -> Path:
    for name in ("src", "include"):
        (folder / name).mkdir(parents=True)
    (folder / "metadata.json").write_text(json.dumps(metadata(**others)))
    (folder / "src" / "model.c").write_text(MODEL_C)
    (folder / "src" / "operators.h").write_text("void first_conv(uint8_t *x, const uint8_t *w);\n")
    (folder / "src" / "operators_conv.c").write_text('#include "operators.h"\nvoid first_conv(uint8_t *x) {}\n')
    (folder / "src" / "weights.bin").write_bytes(bytes(range(48)))
    (folder / "include" / "ocrm55_model.h").write_text("/* model */\n")
    (folder / "include" / "inputs.h").write_text("/* an image */\n")
    return folder
