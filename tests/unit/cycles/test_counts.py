"""Counts of blocks, by plugin and by log."""

from __future__ import annotations

import pytest

from ocrm55.cycles.counts import LogReader, Traffic, after_mark, of_plugin
from ocrm55.cycles.disassembly import parsed
from ocrm55.errors import ToolchainError

PROGRAM = parsed("""
00001000 <f>:
    1000: 4240         	movs	r0, #4
    1002: f00f c80b    	dls	lr, r0
    1006: 4240         	adds	r1, r1, r2
    1008: f00f c80b    	le	lr, 1006 <f+0x6>
    100c: 4770         	bx	lr
00002000 <g>:
    2000: f000 f800    	bl	1000 <f>
    2004: e7fe         	b.n	2000 <g>
""")


def log(*addresses: int, digits: int = 8) -> list[bytes]:
    lines = (f"Trace 0: 0x7f [00000000/{each:0{digits}x}/00000110/ff000000] f" for each in addresses)
    return [b"Linking", *(line.encode() for line in lines)]


@pytest.mark.parametrize("digits", [8, 16], ids=["QEMU 7.2", "QEMU 10"])
def test_the_log_of_a_loop(digits: int) -> None:
    reader = LogReader({0x1000: "3"})
    reader.feed(log(0x2000, 0x1000, 0x1006, digits=digits))
    reader.feed(log(0x1006, 0x1006, 0x100C, 0x2004, digits=digits))
    counts = reader.counts(PROGRAM)
    assert counts.edges == {
        (0, (0, 0), (0x2000, 1)): 1,
        (3, (0x2000, 1), (0x1000, 4)): 1,  # up to its branch back, though the next block lies within
        (3, (0x1000, 4), (0x1006, 2)): 1,
        (3, (0x1006, 2), (0x1006, 2)): 2,
        (3, (0x1006, 2), (0x100C, 1)): 1,
        (3, (0x100C, 1), (0x2004, 1)): 1,
    }
    assert counts.instructions() == {0: 1, 3: 4 + 2 * 3 + 1 + 1}


@pytest.mark.parametrize("lines", [[], [b"Linking"], log(0, 0)], ids=["empty", "no block", "of no program"])
def test_a_log_of_nothing(lines: list[bytes]) -> None:
    reader = LogReader({})
    reader.feed(lines)
    with pytest.raises(ToolchainError, match="names none"):
        reader.counts(PROGRAM)


def test_a_block_may_end_before_its_branch() -> None:
    reader = LogReader({})
    reader.feed(log(0x1000, 0x1002, 0x1006))
    assert reader.counts(PROGRAM).edges[0, (0, 0), (0x1000, 1)] == 1


def test_no_block_goes_beyond_its_page() -> None:
    """A loop over the end of a page of 1 KB: two blocks a round, of which the first would otherwise be all of it."""
    program = parsed("""
00000bfc <f>:
     bfc: 4240         	movs	r0, #4
     bfe: 4240         	adds	r1, r1, r2
     c00: 4240         	adds	r1, r1, r2
     c02: e7fc         	b.n	bfe <f+0x2>
""")
    reader = LogReader({})
    reader.feed(log(0xBFC, 0xC00, 0xBFE, 0xC00, 0xBFE))
    assert reader.counts(program).edges == {
        (0, (0, 0), (0xBFC, 2)): 1,
        (0, (0xBFC, 2), (0xC00, 2)): 1,
        (0, (0xC00, 2), (0xBFE, 1)): 2,
        (0, (0xBFE, 1), (0xC00, 2)): 1,
    }


@pytest.mark.parametrize(
    ("section", "mark", "after"), [(0, "7", 7), (7, "+1000", 1007), (1007, "+1000", 1007), (1007, "8", 8), (8, "++", 9)]
)
def test_marks(section: int, mark: str, after: int) -> None:
    assert after_mark(section, mark) == after


def test_what_the_plugin_writes() -> None:
    counts = of_plugin("E 1 0 0 1000 4 1\nE 1 1000 4 1006 2 3\nR 1 DDR 64 32 4 3 1 2\nG 1006 8 2\n")
    assert counts.instructions() == {1: 10}
    assert counts.memory == {(1, "DDR"): Traffic(64, 32, (4, 3), 1, 2)}
    assert counts.banks == {0x1006: (8, 2)}


@pytest.mark.parametrize("text", ["", "E 1 2\n", "E 1 0 0 xyz 4 1\n", "R 1 DDR\n", "G 1 2 x\n"])
def test_what_it_cannot_have_written(text: str) -> None:
    with pytest.raises(ToolchainError):
        of_plugin("E 1 0 0 1000 4 1\n" + text if text else text)
