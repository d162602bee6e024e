"""What a frame costs the board, estimated: instructions that QEMU counted once, and a range of cycles for each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ocrm55 import __version__, boards, files
from ocrm55.artifact import Artifact
from ocrm55.build_folder import run_stage
from ocrm55.errors import TargetError
from ocrm55.live.program import Programs
from ocrm55.page import demo, program, read
from ocrm55.report import known_boards
from ocrm55.simulators import find_simulator
from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.crop import columns

_PER_LINE = ("crop", "prepare", "recognise", "decode")


@dataclass(frozen=True)
class Rates:
    """Instructions of a frame's detection, and of a column that the recognizer reads. height: of its input in pixels.

    widest: columns of its widest input.
    """

    detection: float
    column: float
    height: int
    widest: int

    def instructions(self, readings: Sequence[Box], *, detects: bool = True) -> int:
        """Of a frame in which these boxes were read. detects: whether they were looked for."""
        wide = sum(max(columns(box, self.height), 32) for box in readings)
        return round(self.detection * detects + self.column * wide)


@cache
def cycles_an_instruction() -> tuple[float, float]:
    """The least and the most, as `ocrm55 boards` has them of the bundled recognizer on the default board."""
    counted = known_boards.record()[boards.find().name]["recognizers"]["bundled"]
    least, _, most = counted["cycles"]
    return least / counted["instructions"], most / counted["instructions"]


def milliseconds(instructions: int, clock_mhz: float) -> tuple[float, float]:
    """The least and the most at a clock, estimated; memory waits for nobody."""
    low, high = (instructions * each / clock_mhz / 1000 for each in cycles_an_instruction())
    return low, high


def measure(programs: Programs) -> Rates:
    """Count once on QEMU, with a drawn page, and keep the counts in the build folder. Raises as the simulator does."""
    options = programs.options
    prepared = program.prepare(options)
    output = options.recognizer.folder.root / f"live-{options.folder_name}.json"

    def count() -> None:
        picture = read.picture_of(Path("a drawn page"), demo.draw()[:, :, ::-1])
        board = find_simulator("qemu", board=options.recognizer.board)
        ((_, run),) = read.run([picture], prepared, board, stats=True)
        page = run.pages[0]
        boxes = [Box(box.corners) for box in page.boxes]
        recognizer = Artifact.read(prepared.recognizer.artifact)
        height, width = recognizer.image_size
        wide = sum(max(columns(box, height), 32) for box in boxes)
        if not page.work or not wide:
            raise TargetError("QEMU counted nothing.")
        lines = sum(page.work.get(stage, 0) for stage in _PER_LINE)
        found = page.work.get("detect", 0) + page.work.get("boxes", 0)
        value = {"detection": found, "column": lines / wide, "height": height, "widest": width}
        files.write_json(output, value)

    # Not locked: the run locks the folder itself, and a file that two write is the same.
    run_stage("count", f"on QEMU -> {output}", output, files.digest([prepared.elf], __version__), count)
    return Rates(**json.loads(output.read_text()))
