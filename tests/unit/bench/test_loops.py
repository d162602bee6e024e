"""Marked loops in assembly."""

from __future__ import annotations

import pytest

from ocrm55.bench import loops
from tests.target.programs import require


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
