"""The board's memory behind the NPU's base pointers: fetched once, written back where it changed."""

import numpy as np
import pytest

from ocrm55.npu_model.memory import FeatureMap
from ocrm55.simulators.npu_memory import PAGE, BoardMemory, BusError

ARENA, WEIGHTS = 0x2100_0100, 0x6000_0000


class Board:
    """Memory of a stopped core, by address, that notes what is asked of it."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}
        self.reads: list[int] = []
        self.writes: list[int] = []

    def read_memory(self, address: int, size: int) -> bytes:
        self.reads.append(address)
        return bytes(self.bytes.get(address + i, (address + i) & 0xFF) for i in range(size))

    def write_memory(self, address: int, data: bytes) -> None:
        self.writes.append(address)
        self.bytes |= {address + i: value for i, value in enumerate(data)}


def memory(board: Board) -> BoardMemory:
    return BoardMemory(board, {0: WEIGHTS, 1: ARENA, 2: 0x2000_0000, 3: 0x210F_FFFF}, 1024)


def test_pages_are_fetched_where_they_are_touched_and_once() -> None:
    board = Board()
    mine = memory(board)
    assert mine.span(1, 3, 9, "op").tolist() == [3, 4, 5, 6, 7, 8]
    assert mine.span(1, 0, 100, "op").size == 100
    assert board.reads == [0x2100_0000]
    mine.span(1, PAGE - 0x102, PAGE - 0xFF, "op")  # from the first page into the second
    assert board.reads == [0x2100_0000, 0x2100_0000 + PAGE]
    mine.span(0, 5 * PAGE, 5 * PAGE + 1, "op")
    assert board.reads[2:] == [WEIGHTS + 5 * PAGE]


def test_only_what_changed_is_written_back() -> None:
    board = Board()
    mine = memory(board)
    mine.span(0, 0, 3 * PAGE, "op")
    mine.span(1, 2 * PAGE, 2 * PAGE + 2, "op")[:] = (1, 2)
    assert mine.write_back() == PAGE
    assert board.writes == [0x2100_0000 + 2 * PAGE]
    assert board.bytes[ARENA + 2 * PAGE] == 1
    assert mine.write_back() == 0


def test_a_feature_map_is_written_where_it_belongs() -> None:
    board = Board()
    mine = memory(board)
    fm = FeatureMap("OFM", (2, 3, 1), np.dtype(np.int8), 0, 1, (16, 0, 0, 0), 2, 2, 3, 8, 2, 1, False)
    mine.write(fm, np.arange(6).reshape(2, 3, 1), "op")
    mine.write_back()
    assert [board.bytes[ARENA + 16 + i] for i in (0, 2, 4, 8, 10, 12)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("region", "end", "what", "channel"),
    [
        (2, 4, "NPU_OP_CONV at 8 (weights)", 2),  # tightly coupled memory
        (5, 4, "NPU_OP_CONV at 8 (IFM)", 1),  # a region without a base: address 0, also tightly coupled
        (1, 8 << 20, "NPU_OP_POOL at 8 (OFM)", 8),  # beyond the end of the memory
        (0, 1 << 30, "NPU_OP_DMA_START at 8 (destination)", 9),
    ],
)
def test_nothing_there_is_a_bus_error(region: int, end: int, what: str, channel: int) -> None:
    with pytest.raises(BusError, match="the NPU reaches no memory there") as caught:
        memory(Board()).span(region, 0, end, what)
    assert caught.value.channel == channel
