"""The steps of a page on QEMU, where they are Helium's, byte for byte as the portable C code of the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ocrm55.bench import runner
from ocrm55.tasks.page.options import DEFAULTS
from tests.target.programs import require
from tests.unit.tasks.page import c_page
from tests.unit.tasks.page.c_page import FIRMWARE, box_bytes, frame_bytes, ints, option_bytes
from tests.unit.tasks.page.test_crop import box_at
from tests.unit.tasks.page.test_real_maps import PAGES, real_map

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def noise(kind: int, width: int, height: int, seed: int) -> c_page.Frame:
    width += width % 2 if kind == c_page.YUYV else 0
    row = width * c_page.PIXEL_BYTES[kind]
    stride = row + seed % 3 * (4 if kind == c_page.YUYV else 1)
    return c_page.Frame(width, height, stride, kind, np.random.default_rng(seed).bytes(stride * (height - 1) + row))


def commands() -> bytes:
    """Rows, crops, boxes and lines of frames in each format, some one pixel wide or high; some lines are stopped."""
    parts = []
    for seed, (width, height) in enumerate([(64, 48), (1, 1), (37, 1), (1, 50), (61, 33)]):
        for kind in c_page.PIXEL_BYTES:
            frame = frame_bytes(noise(kind, width, height, seed))
            parts.append(ints(10) + frame + ints(0, 24, 100, 2))
            for size in ((32, 32), (50, 29), (7, 90)):
                parts.append(ints(1) + frame + option_bytes(DEFAULTS) + ints(*size))
            for degrees in (0, 5, -30, 90, 200):
                box = box_bytes(box_at(width / 2, height / 2, 60, 14, degrees))
                parts.append(ints(2) + frame + box + ints(48, 203, 5, 61))
                parts += [ints(10) + frame + ints(1) + box + ints(48, 320, way) for way in (0, 1, 2)]
                for stops in ((0, 0), (1 + seed, 0), (2 + seed, 6)):
                    parts.append(ints(6) + frame + option_bytes(DEFAULTS) + box + ints(400, 900, seed % 2, *stops))
    for name in PAGES:
        values, picture = real_map(name)
        frame = c_page.Frame(picture.shape[1], picture.shape[0], picture.shape[1], 0, b"")
        sizes = ints(values.shape[1], values.shape[0], 4000, 300)
        parts.append(ints(0) + frame_bytes(frame) + option_bytes(DEFAULTS) + sizes + values.tobytes())
    return b"".join(parts)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_same_bytes_as_on_the_host(compiler: str, tmp_path: Path) -> None:
    require("arm-none-eabi-gcc", "qemu-system-arm", *(["clang-19"] if compiler == "clang" else []))
    tasks = [FIRMWARE / "tasks/page", FIRMWARE / "tasks/recognizer"]
    tried = [source for folder in tasks for source in folder.glob("*.c")]
    own = [Path(c_page.__file__).with_name("driver.c")]
    elf = runner.build_program(tmp_path, "page", tried, own, [*tasks, FIRMWARE / "include"], compiler)
    asked = commands()
    answers = runner.run_program(elf, asked, tmp_path)
    assert answers == c_page.answers("gcc", asked)
    assert len(answers) > 500_000
