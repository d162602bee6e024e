"""From counts of blocks to cycles of sections, by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from ocrm55.cycles.counts import Counts, Traffic
from ocrm55.cycles.disassembly import parsed
from ocrm55.cycles.estimate import costs, estimate, sum_of
from ocrm55.cycles.pipeline import LEAST, LIKELY, MOST, Lost

PROGRAM = parsed("""
00001000 <f>:
    1000: f04f 0004    	mov.w	r0, #4
    1004: f00f c80b    	dls	lr, r0
    1008: f04f 0004    	add.w	r1, r1, r2
    100c: f04f 0004    	add.w	r3, r3, r2
    1010: f00f c80b    	le	lr, 1008 <f+0x8>
    1014: f04f 0004    	mov.w	r0, #4
    1018: f000 b800    	b.w	1000 <f>
00002000 <g>:
    2000: fed9 1f04    	vldrb.u8	q0, [r0, q1]
    2004: f000 b800    	b.w	2000 <g>
""")
A, LOOP, END, GATHER = (0x1000, 5), (0x1008, 3), (0x1014, 2), (0x2000, 2)
COUNTED = {(1, "DTCM"): Traffic(64, 0, (0, 0), 0, 0)}


def counts(edges: dict, **others: dict) -> Counts:
    return Counts(Counter(edges), **others)


def test_a_loop_by_hand() -> None:
    """Four rounds: 2 + 2 in the first block, 3 x 2 from the loop cache, 2 at the end, and a branch back."""
    found = costs(
        PROGRAM,
        counts({(1, (0, 0), A): 1, (1, A, LOOP): 1, (1, LOOP, LOOP): 2, (1, LOOP, END): 1, (1, END, A): 0}),
        LIKELY,
    )
    # The first round's end branches: 3 cycles and its own one.
    assert found[1].cycles == 4 + 3 * 2 + 2 + (3 + 1)
    assert found[1].instructions == 5 + 3 * 3 + 2
    assert found[1].lost == {Lost.BRANCH: 4}


def test_a_taken_branch() -> None:
    found = costs(PROGRAM, counts({(1, (0, 0), END): 1, (2, END, A): 10}), LIKELY)
    assert found[2].cycles == 10 * (3 + 4)
    assert found[2].lost == {Lost.BRANCH: 30}


def test_counted_banks_and_uncounted_ones() -> None:
    edges = {(1, (0, 0), GATHER): 1}
    known = counts(edges, memory=COUNTED, banks={0x2000: (80, 20)})
    assert [costs(PROGRAM, known, rules)[1].cycles for rules in (LIKELY, MOST)] == [8 + 2 + 1] * 2
    unknown = counts(edges)
    assert [costs(PROGRAM, unknown, rules)[1].cycles for rules in (LIKELY, MOST)] == [8 + 4 + 1, 8 + 8 + 1]
    assert costs(PROGRAM, unknown, LEAST)[1].cycles == 2


def test_ranges_lie_in_order_and_add_up() -> None:
    found = estimate(PROGRAM, counts({(1, (0, 0), END): 1, (2, END, A): 10, (2, A, GATHER): 3}, memory=COUNTED))
    for each in found.values():
        assert each.cycles[0] <= each.cycles[1] <= each.cycles[2]
    together = sum_of(found.values())
    assert together.instructions == 2 + 50 + 6
    assert together.likely.cycles == pytest.approx(sum(each.likely.cycles for each in found.values()))
    assert together.a_instruction == pytest.approx(together.likely.cycles / 58)
    assert sum_of([]).a_instruction is None
