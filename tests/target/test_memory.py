"""Where things lie on the board, and what a smaller arena costs there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import boards, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.elf import read_sections
from ocrm55.errors import UnsupportedError
from ocrm55.evaluation import verification
from ocrm55.pictures import read_image
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request
from ocrm55.tasks.recognizer import image

pytestmark = pytest.mark.qemu
LIMIT = 256 * 1024
MOST_TIMES_THE_INSTRUCTIONS = 1.3


def region_of(elf: Path, section: str, board: boards.MemoryMap) -> str:
    address = next(s.address for s in read_sections(elf) if s.name == section)
    return next(region.name for region in board.regions.values() if region.contains(address))


def test_a_limited_arena_gives_the_same_bits_for_under_1_3_times_the_instructions(build_dir: Path, models: Path):
    picture = image.resize(read_image(models / "samples" / "wide.png"))
    runs = []
    for limit in (None, LIMIT):
        options = stages.Options(build_dir=build_dir, compile=CompileOptions(arena_limit=limit))
        request = Request(
            stages.prepare(options).elf, [picture], stats=True, want_probabilities=True, row=97, timeout_s=300
        )
        runs.append(find_simulator("qemu", None).run(request))
        metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())
        assert metadata["placement"]["arena"]["region"] == "DTCM"
        assert region_of(stages.prepare(options).elf, ".ocrm55.arena", boards.find().memories) == "DTCM"
    assert metadata["arena_bytes"] <= LIMIT
    free, limited = (run.results[0].inference_instructions for run in runs)
    assert limited <= free * MOST_TIMES_THE_INSTRUCTIONS
    first, second = (np.asarray(run.probabilities) for run in runs)
    assert (first.view(np.int32) == second.view(np.int32)).all()
    compared = verification.compare([models / "samples" / "wide.png"], options, find_simulator("qemu"))
    assert all(row.exact for row in compared)


def test_another_board_gets_its_own_placement(build_dir: Path, models: Path, tmp_path: Path):
    """A map as of a board with one large memory: arena and weights follow, the rest of the firmware is the same."""
    value = json.loads(boards.find().file.read_text())
    value["board"] = "flat"
    value["preference"] = {}
    value["placement"] |= {"arena": "DDR", "hot_weights": "DDR", "images": "DDR"}
    file = tmp_path / "flat.json"
    file.write_text(json.dumps(value))
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(board=boards.find(memory_map=file)))
    elf = stages.prepare(options).elf
    board = boards.read_memories(file)
    assert region_of(elf, ".ocrm55.arena", board) == "DDR"
    assert region_of(elf, ".ocrm55.weights", board) == "DDR"
    picture = image.resize(read_image(models / "samples" / "code.png"))
    request = Request(elf, [picture], stats=False, want_probabilities=False, timeout_s=300)
    assert find_simulator("qemu", None).run(request).results[0].text == "KX-2047B"


def test_a_board_that_is_too_small_is_refused_with_the_difference(build_dir: Path, tmp_path: Path):
    value = json.loads(boards.find().file.read_text())
    value["regions"] = [r if r["name"] != "DDR" else r | {"bytes": 1 << 20} for r in value["regions"]]
    value["regions"] = [r if r["name"] != "ISRAM" else r | {"bytes": 1 << 20} for r in value["regions"]]
    file = tmp_path / "small.json"
    file.write_text(json.dumps(value))
    with pytest.raises(UnsupportedError, match=r"the weights take 2,1.* too few"):
        stages.prepare(stages.Options(build_dir=build_dir, compile=CompileOptions(board=boards.find(memory_map=file))))
