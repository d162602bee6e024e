"""Marked loops in assembly."""

from __future__ import annotations

from ocrm55.bench import loops


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
