"""What the bundled networks take on each known board: placed for it, linked, and counted on QEMU.

QEMU has none of these boards. So the program is linked at addresses that QEMU's Corstone-300 has; every memory keeps
its name, size and tier, and so its place in the plan, in the data cache and in the counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import boards, console, firmware, stages, temporary
from ocrm55.artifact import Artifact
from ocrm55.boards import Board
from ocrm55.compiler.options import CompileOptions
from ocrm55.cycles import pipeline
from ocrm55.cycles.inference import Inference, estimate_inference
from ocrm55.errors import UnsupportedError
from ocrm55.files import digest
from ocrm55.page import program
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request

MODELS = ("bundled", "fast")
PAGE_SIZE = (320, 320)  # the detector's input, pixels
_CODE, _DATA, _IMAGES = "SIMULATED_CODE", "SIMULATED_DATA", "SIMULATED_IMAGES"  # our firmware's own
_FIRST, _STEP = 0x61000000, 1 << 20  # of the moved memories; behind the pictures that the host hands over
_LARGEST = 32 << 20  # bytes: of a larger memory nothing is used
_SECONDS = 600.0


@dataclass(frozen=True)
class _Whole:
    """The bytes of a network whose weights lie together: where they are kept, all of them have to fit."""

    arena_bytes: int
    weight_bytes: int
    hot_bytes: int = 0
    far_bytes: int = 0


def measure(names: Sequence[str], build_dir: Path) -> dict[str, Any]:
    """Rows of the record: what fits each board, where it lies, its cycles, and what the estimate was made of.

    Raises ToolchainError where the compiler or QEMU is missing.
    """
    finder = detector(build_dir)
    rows = {}
    for name in names:
        board = boards.find(name)
        found = {source: _or_refusal(recognizer, board, source, build_dir) for source in MODELS}
        pages = {source: _or_refusal(page, board, source, build_dir, finder) for source in MODELS}
        rows[name] = {
            "file": digest([board.file]), "model": pipeline.VERSION, "recognizers": found, "pages": pages
        }  # fmt: skip
        if board.accelerator:
            rows[name]["npu"] = {source: _or_refusal(on_npu, board, source, build_dir) for source in MODELS}
    return rows


def _or_refusal(action: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    try:
        return action(*arguments)
    except UnsupportedError as refused:
        return {"refused": refused.sentence, "tries": refused.tries}


def recognizer(board: Board, source: str, build_dir: Path) -> dict[str, Any]:
    """Places and cycles of a recognizer. Raises UnsupportedError where it does not fit."""
    artifact = _compiled(board, source, build_dir)
    found = estimated(artifact, board)
    least, likely, most = (round(each) for each in found.network.cycles)
    return {
        "places": {what: [place.region, place.bytes] for what, place in artifact.metadata.placement.items()},
        "instructions": found.network.instructions,
        "cycles": [least, likely, most],
        "line_fills": {row.region: list(row.fills) for row in found.memory if any(row.fills)},
        "cache_bytes": found.cache_bytes,
    }


def on_npu(board: Board, source: str, build_dir: Path) -> dict[str, Any]:
    """Places of a recognizer on the board's NPU, and Vela's estimate. Raises UnsupportedError where it is too large."""
    options = replace(_options(board, source, build_dir), compile=CompileOptions(board=board, npu=board.accelerator))
    metadata = Artifact.read(stages.compiled(options).artifact).metadata
    assert metadata.npu is not None
    return {
        "places": {what: [place.region, place.bytes] for what, place in metadata.placement.items()},
        "npu_macs": metadata.npu.macs,
        "macs": metadata.macs,
        "vela": metadata.npu.vela,
        "vela_cycles": metadata.npu.vela_cycles,
    }


def page(board: Board, source: str, build_dir: Path, finder: Artifact) -> dict[str, Any]:
    """Places of a program that finds and reads lines. Raises UnsupportedError where it does not fit."""
    both = [_Whole(each.arena_bytes, each.weight_bytes) for each in (_compiled(board, source, build_dir), finder)]
    found = program.place(both[0], both[1], board)
    sizes = {"arena": found.arena_bytes, "weights": found.weight_bytes}
    return {"places": {what: [found.regions[what].name, size] for what, size in sizes.items()}}


def detector(build_dir: Path) -> Artifact:
    """The bundled detector in stripes of rows, as programs for pages have it."""
    options = program.detector_options(_options(boards.find(), "bundled", build_dir), "bundled", *PAGE_SIZE)
    return Artifact.read(stages.compiled(program.striped(options, 0)).artifact)


def _compiled(board: Board, source: str, build_dir: Path) -> Artifact:
    return Artifact.read(stages.compiled(_options(board, source, build_dir)).artifact)


def _options(board: Board, source: str, build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, source=source, compile=CompileOptions(board=board))


def estimated(artifact: Artifact, board: Board) -> Inference:
    """The estimate of one inference on a board, from the program linked for QEMU."""
    height, width = artifact.image_size
    with temporary.folder() as folder:
        moved = on_simulator(board, folder / "board.json")
        console.stage("estimate", f"{artifact.name} for {board.name}")
        built = firmware.build(artifact.folder, folder / "firmware", moved)
        request = Request(built.elf, images=[np.full((height, width, 3), 255, np.uint8)], timeout_s=_SECONDS)
        return estimate_inference(built.elf, artifact.metadata, moved, request, find_simulator("qemu").executable)


def on_simulator(board: Board, file: Path) -> Board:
    """A board's memories where QEMU's Corstone-300 has memory; `file` is written with them."""
    ours, moved, place = boards.find(), [], _FIRST
    for region in board.memories.regions.values():
        size = min(region.size, _LARGEST)
        moved.append({"name": region.name, "origin": f"{place:#010x}", "bytes": size, "tier": region.tier})
        if region.fill_cycles is not None:
            moved[-1]["fill_cycles"] = list(region.fill_cycles)
        place += -(-size // _STEP) * _STEP
    for name, region in ((_CODE, ours.memories.regions["ITCM"]), (_DATA, ours.memories.regions["DTCM"])):
        moved.append({"name": name, "origin": f"{region.origin:#010x}", "bytes": region.size, "tier": region.tier})
    moved.append({"name": _IMAGES, "origin": "0x60000000", "bytes": _FIRST - 0x60000000, "tier": 2})
    value: Mapping[str, Any] = {
        "board": board.name,
        "regions": moved,
        "placement": {**board.memories.placement, "code": _CODE, "data": _DATA, "images": _IMAGES},
        "preference": {what: list(names) for what, names in board.memories.preference.items()},
        "stack_bytes": ours.memories.stack_bytes,
        "data_cache_bytes": board.memories.data_cache_bytes,
    }
    file.write_text(json.dumps(value), encoding="utf-8")
    return replace(ours, file=file, memories=boards.read_memories(file))
