"""A network of five operators as metadata.json describes it, in both precisions, with the counts of one inference.

step  0 conv 3x3   1  depthwise    2  1x1, written over its input    3  matmul    4  softmax
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import boards
from ocrm55.cycles.estimate import Cost, Range, sum_of
from ocrm55.cycles.inference import Inference, Memory
from ocrm55.elf import Section
from ocrm55.metadata import Metadata
from ocrm55.report.measurement import Measurement
from ocrm55.simulators.base import ImageResult, Run
from ocrm55.simulators.protocol import Identity

COUNTS = [9000, 4000, 20_000, 700, 5]
PRECISIONS = ["float32", "int8"]
NAMES = [
    "backbone.conv1._conv",
    "backbone.block_list.0._depthwise_conv._conv",
    "backbone.block_list.0._pointwise_conv._conv",
    "head.ctc_head.fc",
    "head.ctc_head.fc/softmax",
]
KINDS = {
    "float32": ["conv2d", "depthwise_conv2d", "conv2d", "matmul", "softmax"],
    "int8": ["conv2d_int8", "depthwise_int8", "pointwise_int8", "pointwise_int8", "softmax_rows"],
}
# name, shape in NCHW, first and last step
TENSORS = [
    ("x", [1, 3, 8, 16], -1, 0),
    ("a", [1, 4, 4, 8], 0, 1),
    ("b", [1, 4, 4, 8], 1, 2),
    ("c", [1, 4, 4, 8], 2, 3),
    ("d", [1, 8, 5], 3, 4),
    ("y", [1, 8, 5], 4, 5),
]
MACS = [3456, 1152, 512, 640, 0]
LIVE = [3124, 880, 512, 640, 0]


def metadata_of(precision: str) -> Metadata:
    return Metadata.of(values_of(precision))


def values_of(precision: str) -> dict[str, Any]:
    """The same as metadata.json holds it."""
    width = 4 if precision == "float32" else 1
    last = {"d": "float32", "y": "float32"}  # softmax is computed in float32 in both
    sizes = {name: int(np.prod(shape)) * (4 if name in last else width) for name, shape, *_ in TENSORS}
    a = sizes["a"]
    offsets = {"x": 2 * a, "a": 0, "b": a, "c": a, "d": 2 * a, "y": 2 * a + sizes["d"]}
    tensors: list[dict[str, Any]] = [
        {
            "name": name,
            "shape": shape if precision == "float32" or len(shape) < 4 else [shape[0], *shape[2:], shape[1]],
            "dtype": last.get(name, precision),
            "bytes": sizes[name],
            "offset": offsets[name],
            "first": first,
            "last": end,
        }
        for name, shape, first, end in TENSORS
    ]
    view = tensors[3] | {"name": "c_view", "shape": [1, 32, 4], "view_of": "c"}
    operators = [
        {
            "name": NAMES[step],
            "kind": KINDS[precision][step],
            "target": "c" if precision == "float32" else "m55",
            "function": f"op_{step}",
            "macs": MACS[step],
            "live_macs": LIVE[step],
            "inputs": [["x", "w"], ["a"], ["b"], ["c_view", "w"], ["d"]][step],
            "output": "abcdy"[step],
            "weight_bytes": [500, 52, 80, 180, 0][step],
            "workspace_bytes": 64 if step == 0 else 0,
            "why_not": {"cmsis_nn": "no 3x3 with 3 channels"} if step == 0 and precision == "int8" else {},
        }
        for step in range(5)
    ]
    return {
        "ocrm55": "0.1.0",
        "model": "tiny",
        "precision": precision,
        "input": {"name": "x", "shape": tensors[0]["shape"], "dtype": precision, "offset": 2 * a},
        "output": {"name": "y", "shape": [1, 8, 5], "dtype": "float32", "offset": 2 * a + sizes["d"]},
        "arena_bytes": 2 * a + sizes["x"] + 64,
        "arena_lower_bound": 2 * a + sizes["x"],
        "weight_bytes": 812,
        "weights_read_again_bytes": 0,
        "placement": {},
        "macs": sum(MACS),
        "operators": operators,
        "tensors": [*tensors, view],
        "workspaces": [{"name": "rows", "bytes": 64, "offset": 2 * a + sizes["x"], "operator": 0}],
        "weights": [],
        "versions": {"apache-tvm": "0.27.0.post1"},
    }


SECTIONS = [
    Section(".vectors", 0x0, 448, True),
    Section(".text", 0x200, 60_000, True),
    Section(".stack", 0x20000000, 32_768, False),
    Section(".bss", 0x20008000, 2176, False),
    Section(".ocrm55.arena", 0x21000000, 2112, False),
    Section(".ocrm55.weights", 0x60000000, 6_477_696, True),
]


def measurement_of(precision: str, paths: list[Path], *, counted: bool = True) -> Measurement:
    """What `measure` gives for pictures that say `ab` on 8 steps of 5 classes."""
    probabilities = np.full((len(paths), 8, 5), 0.02, np.float32)
    for step, best in enumerate([0, 1, 1, 0, 2, 0, 0, 0]):
        probabilities[:, step, best] = 0.92
    counts = (100, sum(COUNTS) + 7, 30) if counted else (None, None, None)
    results = [ImageResult("ab", 0.92, *counts, list(COUNTS) if counted else []) for _ in paths]
    identity = Identity("0.1.0", "tiny", precision, (1, 3, 8, 16), 2112)
    return Measurement(
        paths=paths,
        metadata=metadata_of(precision),
        run=Run("", 0, results, probabilities, identity, 736),
        elf=Path("ocrm55.elf"),
        sections=SECTIONS,
        board=boards.find().memories,
        simulator="QEMU 7.2",
    )


def estimate() -> Inference:
    """1.4 to 1.6 cycles an instruction."""
    costs = [Range(*(Cost(count, count * share) for share in (1.4, 1.5, 1.6))) for count in COUNTS]
    nothing = sum_of([])
    memory = [Memory("DDR", 100, 0, (500, 1000), None)]
    return Inference(costs, nothing, nothing, nothing, memory, [[] for _ in costs], 32768, True, "a test")
