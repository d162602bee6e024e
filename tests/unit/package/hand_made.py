"""A small artifact, made by hand, for packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests import metadata_rows as rows

MODEL_C = """\
#include "ocrm55_net.h"

#include "operators.h"
#include "weights.h"

void run(uint8_t *arena) {
    ocrm55_net_conv(arena, ocrm55_net_weights_hot + 0);
    tile_own(arena);
}
"""


def metadata(**others: Any) -> dict[str, Any]:
    """A metadata.json with all that is read of it."""
    fields: dict[str, Any] = {
        "model": "a model",
        "prefix": "ocrm55_net",
        "precision": "int8",
        "input": rows.port([1, 48, 320, 3]),
        "output": rows.port([1, 4, 3], "float32"),
        "arena_bytes": 64,
        "arena_lower_bound": 64,
        "weight_bytes": 48,
        "weights_read_again_bytes": 0,
        "macs": 1000,
        "placement": {"arena": {"region": "DTCM", "bytes": 64}, "hot_weights": {"region": "DTCM", "bytes": 16}},
        "operators": [rows.operator("conv", function="ocrm55_net_conv")],
        "tensors": [rows.tensor("conv", [4], "int8", 4)],
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
    (folder / "src" / "operators.h").write_text("void ocrm55_net_conv(uint8_t *x);\n")
    (folder / "src" / "operators_conv.c").write_text('#include "operators.h"\nvoid ocrm55_net_conv(uint8_t *x) {}\n')
    (folder / "src" / "weights.bin").write_bytes(bytes(range(48)))
    (folder / "src" / "weights.h").write_text("/* where weights.S puts them */\n")
    for name in ("ocrm55_net", "ocrm55_network", "ocrm55_model"):
        (folder / "include" / f"{name}.h").write_text(f"/* {name} */\n")
    (folder / "include" / "inputs.h").write_text("/* an image */\n")
    return folder
