"""Both disassemblers' spellings give the same instructions."""

from __future__ import annotations

import pytest

from ocrm55.cycles.disassembly import parsed
from ocrm55.cycles.instructions import Instruction, Kind, Pairs, Pipe

# The same instructions as binutils 2.40 and llvm-objdump 19 print them.
BINUTILS = """
00001000 <tile>:
    1000:	fed9 1f04 	vldrw.u32	q0, [r9], #16
    1004:	eef2 6f21 	vmlava.s8	r6, q1, q0
    1008:	ea4f 0983 	mov.w	r9, r3, lsl #2
    100c:	4240      	negs	r0, r0
    100e:	e8bd 8ff0 	ldmia.w	sp!, {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    1012:	d1f5      	bne.n	1000 <tile>
    1014:	f00f c80b 	le	lr, 1000 <tile>
    1018:	00000001 	.word	0x00000001
    101c:	bf38      	it	cc
    101e:	4618      	movcc	r0, r3
"""
LLVM = """
00001000 <tile>:
    1000: fed9 1f04    	vldrw.u32	q0, [r9], #0x10
    1004: eef2 6f21    	vmlava.s8	r6, q1, q0
    1008: ea4f 0983    	lsl.w	r9, r3, #0x2
    100c: 4240         	rsbs	r0, r0, #0
    100e: e8bd 8ff0    	pop.w	{r4, r5, r6, r7, r8, r9, r10, r11, pc}
    1012: d1f5         	bne	0x1000 <tile>           @ imm = #-0x16
    1014: f00f c80b    	le	lr, 0x1000 <tile>
    1018: 01 00 00 00  	.word	0x00000001
    101c: bf38         	it	lo
    101e: 4618         	movlo	r0, r3
"""


def meaning(each: Instruction) -> tuple:
    return (
        each.pipe, each.kind, each.busy, each.latency, each.reads, each.writes, dict(each.late), dict(each.early),
        each.vector, each.elements, each.registers, each.pairs, each.end, each.line.target,
    )  # fmt: skip


def test_two_spellings_of_one_program() -> None:
    one, other = parsed(BINUTILS), parsed(LLVM)
    assert one.symbols == other.symbols == [(0x1000, "tile")]
    assert (
        list(one.code) == list(other.code) == [0x1000, 0x1004, 0x1008, 0x100C, 0x100E, 0x1012, 0x1014, 0x101C, 0x101E]
    )
    for address, instruction in one.code.items():
        assert meaning(instruction) == meaning(other.code[address]), hex(address)


def test_what_instructions_mean() -> None:
    code = parsed(BINUTILS).code
    load, mac, shift, negate, pop, branch, loop, _, move = code.values()
    assert (load.kind, load.pipe, load.writes, load.late) == (Kind.LOAD, Pipe.LSU, {"d0", "d1", "r9"}, {"r9": 1})
    assert mac.reads == {"d0", "d1", "d2", "d3", "r6"}
    assert (mac.pipe, mac.busy, mac.latency) == (Pipe.MULTIPLY, 2, 2)
    assert (shift.reads, shift.writes) == ({"r3"}, {"r9"})
    assert negate.writes == {"r0", "flags"}
    assert (pop.kind, pop.registers) == (Kind.RETURN, 9)
    assert (branch.line.target, branch.reads) == (0x1000, {"flags"})
    assert (loop.kind, loop.line.target) == (Kind.LOOP, 0x1000)
    assert (move.reads, move.pairs) == ({"r3", "r0", "flags"}, Pairs.LIGHT)


@pytest.mark.parametrize(
    ("line", "kind", "elements"),
    [
        ("vldrb.u8	q2, [r11, q7]", Kind.GATHER, 16),
        ("vldrb.s32	q2, [r11, q7]", Kind.GATHER, 4),
        ("vstrb.16	q3, [r7, q6]", Kind.SCATTER, 8),
        ("vstrw.32	q3, [q2, #4]!", Kind.SCATTER, 4),
        ("vldrd.u64	q3, [r0, q2]", Kind.GATHER, 4),
        ("vldrw.u32	q3, [r0, #16]!", Kind.LOAD, 0),
    ],
)
def test_gathers_are_told_by_their_address(line: str, kind: Kind, elements: int) -> None:
    (found,) = parsed(f"    1000: fed9 1f04 \t{line}").code.values()
    assert (found.kind, found.elements) == (kind, elements)


def test_a_symbol_has_what_follows_it() -> None:
    program = parsed(BINUTILS)
    assert program.function(0x1005) == "tile"
    assert program.function(0x10) == "?"
    assert program.address("tile") == 0x1000
    assert program.address("other") is None
    assert [each.address for each in program.block(0x100C, 9)] == [0x100C, 0x100E, 0x1012, 0x1014]
