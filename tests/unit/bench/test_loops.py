"""Marked loops in assembly."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from ocrm55.bench import loops
from tests.target.programs import require

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "kernels.md"


def test_marked_loops_are_cut_out_of_assembly() -> None:
    assembly = "\n".join(
        [
            "f:",
            "\tmov r0, r1",
            "1: @ LLVM-MCA-BEGIN first",
            ".L3:",
            "\tvadd.i32 q0, q0, q1 @ a comment",
            "vldrw.u32 q0, [r1], #16",
            "\t.loc 1 2",
            "\tle lr, .L3",
            "@ LLVM-MCA-END first",
            "\tsub r0, r1",
            "@ LLVM-MCA-BEGIN first",
            "\tnop",
            "@ LLVM-MCA-END first",
        ]
    )
    regions = loops.regions_of(assembly)
    assert list(regions) == ["first"]
    assert [line.split() for line in regions["first"]] == [
        ["vadd.i32", "q0,", "q0,", "q1"],
        ["vldrw.u32", "q0,", "[r1],", "#16"],
    ]


OF_GATHERS = {"depthwise_copy", "channel_store_table16"}  # llvm-mca has a gather as an ordinary load


@pytest.mark.slow
def test_our_model_is_near_llvms() -> None:
    """Within 15 % where there are no gathers; above it where they take our model longer."""
    require("llvm-mca-19", "arm-none-eabi-gcc")
    found = loops.estimate()
    assert found is not None
    assert len(found) > 10
    far = {name: (each.own, each.cycles) for name, each in found.items() if abs(each.own / each.cycles - 1) > 0.15}
    assert far.keys() <= OF_GATHERS
    assert all(own > cycles for own, cycles in far.values())
    for line in loops.markdown(found).splitlines():
        assert line in PAGE.read_text(encoding="utf-8"), "ocrm55 bench kernels --markdown writes the page's table"


def test_instructions_a_mac_on_the_page() -> None:
    """The page's other table, by counts.json: layers of many pixels, by their window or their inputs."""
    counts = json.loads((REPOSITORY / "tests" / "target" / "kernels" / "counts.json").read_text())
    macs, instructions = defaultdict[str, int](int), defaultdict[str, int](int)
    for layer, count in counts.items():
        if found := re.search(r"pointwise (\d+) x (\d+) -> (\d+)$", layer):
            pixels, inputs, outputs = map(int, found.groups())
            kind, of_layer = f"1x1 of {inputs}", pixels * inputs * outputs
        elif found := re.search(r"depthwise (\d+)x(\d+)x(\d+) -> (\d+)x(\d+), (\d)x(\d)$", layer):
            height, width, pixels, rows, columns, *window = map(int, found.groups())
            kind = f"{window[0]}x{window[1]} by ({-(-height // rows)}, {-(-width // columns)})"
            of_layer = pixels * rows * columns * window[0] * window[1]
        else:
            continue
        if not re.search(r": pointwise 1 x", layer):
            macs[kind] += of_layer
            instructions[kind] += count

    def figures(*kinds: str) -> str:
        return ", ".join(f"{instructions[kind] / macs[kind]:.2f}" for kind in kinds)

    page = PAGE.read_text(encoding="utf-8")
    assert f"| {figures(*(f'1x1 of {inputs}' for inputs in (16, 32, 64, 128, 256, 512)))} |" in page
    assert f"| {figures('3x3 by (1, 1)', '3x3 by (2, 1)')} |" in page
    assert f"| {figures('5x5 by (1, 1)', '5x5 by (2, 1)', '5x5 by (1, 2)')} |" in page
