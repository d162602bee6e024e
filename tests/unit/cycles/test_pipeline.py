"""Cycles of small blocks, counted by hand from the tables that vectors.py and scalars.py name."""

from __future__ import annotations

import pytest

from ocrm55.cycles.disassembly import parsed
from ocrm55.cycles.instructions import Instruction
from ocrm55.cycles.pipeline import LEAST, LIKELY, MOST, Lost, Pipeline, Rules, lost_by_branch


def code(*lines: str) -> list[Instruction]:
    """Instructions from their texts; those of 16 bits begin with a dot."""
    text, address = [], 0x1000
    for line in lines:
        short = line.startswith(".")
        text.append(f"    {address:x}: {'4240' if short else 'fed9 1f04'} \t{line.lstrip('.')}")
        address += 2 if short else 4
    return list(parsed("\n".join(text)).code.values())


def a_round(block: list[Instruction], rules: Rules = LIKELY) -> float:
    """Cycles of a pass of a loop, once it has run for a while."""
    pipeline = Pipeline(rules)
    for _ in range(4):
        for each in block:
            pipeline.issue(each)
    before = pipeline.now
    for _ in range(4):
        for each in block:
            pipeline.issue(each)
    return (pipeline.now - before) / 4


MACS_AND_LOADS = [
    "vmladava.s8	r0, q0, q4", "vldrw.u32	q1, [r9], #16", "vmladava.s8	r2, q0, q5", "vldrw.u32	q2, [r9], #16",
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "cycles"),
    [
        # Two beats of one pipe each.
        (["vmul.i32	q0, q1, q2", "vmul.i32	q3, q1, q2"], 4),
        # Loads overlap with multiplies: the multiplies' four beats.
        (MACS_AND_LOADS, 4),
        # A sum waits for nothing: the pipe adds to the same register every two cycles.
        (["vmladava.s8	r0, q0, q4"], 2),
        # Integer after float, neither needs the other: two pipes side by side.
        (["vadd.i32	q0, q1, q2", "vmul.f32	q3, q4, q5"], 2),
        # A chain: convert (2), multiply (2), convert (2), narrow (3), the next round needs the last.
        (["vcvt.f32.s32	q0, q0", "vmul.f32	q0, q0, q1", "vcvtn.s32.f32	q0, q0", "vqmovnb.s32	q0, q0"], 9),
        # Sixteen bytes gathered, two a cycle; four words, two a cycle.
        (["vldrb.u8	q0, [r0, q1]"], 8),
        (["vldrw.u32	q0, [r0, q1]"], 2),
        # A load of the core is ready two cycles later.
        (["ldr.w	r0, [r1]", "add.w	r2, r0, r3"], 3),
        (["ldr.w	r0, [r1]", "add.w	r4, r5, r3", "add.w	r2, r0, r3"], 3),
        # Two instructions of 16 bits at once, if they want two pipes.
        ([".movs	r0, #1", ".ldr	r1, [r2]"], 1),
        ([".movs	r0, #1", ".adds	r1, r2, r3"], 2),
        (["mov.w	r0, #1", "ldr.w	r1, [r2]"], 2),
        # Eight registers, two a cycle.
        (["stmia.w	r11!, {r0, r1, r2, r3, r4, r5, r6, r7}"], 4),
        # The end of a loop in the loop cache takes no cycle.
        (["mov.w	r0, #1", "le	lr, 1000 <x>"], 1),
        # A division of floats.
        (["vdiv.f32	s0, s1, s2"], 16),
    ],
)
def test_cycles_by_hand(lines: list[str], cycles: float) -> None:
    assert a_round(code(*lines)) == cycles


def test_the_cores_tile() -> None:
    """4 pixels x 2 channels x 16 inputs: eight multiplies of two beats hide six loads."""
    loads = [f"vldrw.u32	q{n}, [r{9 + n % 2}], #16" for n in range(6)]
    macs = [f"vmladava.s8	r{2 * n % 8}, q6, q7" for n in range(8)]
    order = [each for pair in zip(macs, loads, strict=False) for each in pair] + macs[6:]
    assert len(order) == 14
    assert a_round(code(*order)) == 16


def test_banks_cost_a_cycle_each() -> None:
    (gather,) = code("vldrb.u8	q0, [r0, q1]")
    pipeline = Pipeline(LIKELY, {gather.address: 3.0})
    for _ in range(3):
        pipeline.issue(gather)
    assert pipeline.now == 33
    assert pipeline.lost == {Lost.GATHER: 21, Lost.BANK: 9}


def test_reasons_add_up_to_the_cycles() -> None:
    """An instruction that was not issued with another has a cycle of its own; all others were lost to something."""
    block = code(
        *MACS_AND_LOADS,
        "ldr.w	r0, [r1]",
        "add.w	r2, r0, r3",
        "vldrb.u8	q0, [r0, q1]",
        "vmul.f32	q0, q0, q0",
    )
    pipeline = Pipeline(LIKELY)
    for _ in range(10):
        for each in block:
            pipeline.issue(each)
    assert pipeline.now == 10 * len(block) + sum(pipeline.lost.values())


def test_branches() -> None:
    branch, call = code("b.w	2000 <x>", "blx	r3")
    (word,) = code("mov.w	r0, #1")
    assert lost_by_branch(LIKELY, branch, [word]) == 3
    assert lost_by_branch(LIKELY, call, [word]) == 4
    crooked = parsed("    1002: fed9 1f04 \tmov.w	r0, #1").code[0x1002]
    assert lost_by_branch(LIKELY, branch, [crooked]) == 4
    assert lost_by_branch(LEAST, branch, [crooked]) == 2


@pytest.mark.parametrize(
    "lines", [MACS_AND_LOADS, ["vldrb.u8	q0, [r0, q1]", "vmul.f32	q0, q0, q0"], ["ldr.w	r0, [r1]"]]
)
def test_the_rules_lie_in_order(lines: list[str]) -> None:
    block = code(*lines)
    assert a_round(block, LEAST) <= a_round(block, LIKELY) <= a_round(block, MOST)
