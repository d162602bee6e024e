"""The board's memory for an NPU beside it: pages are fetched from the stopped core when touched, and written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import TargetError
from ocrm55.npu_model.memory import Memory

PAGE = 1024  # bytes, fetched and written back as a whole

# The memories of QEMU's mps3-an547 that its Ethos-U would reach: all but the tightly coupled ones. First address and
# bytes, for each of the two aliases (secure and not).
BANKS = (
    (0x0100_0000, 2 << 20),
    (0x1100_0000, 2 << 20),
    (0x2100_0000, 4 << 20),
    (0x3100_0000, 4 << 20),
    (0x2800_0000, 8 << 20),
    (0x3800_0000, 8 << 20),
    (0x6000_0000, 256 << 20),
    (0x7000_0000, 256 << 20),
)

# Bits of STATUS for the access that failed, by the model's word for it.
_CHANNELS = {"commands": 0, "weights": 2, "scales": 3, "source": 4, "OFM": 8, "destination": 9}
_IFM_CHANNEL = 1


class CoreMemory(Protocol):
    """A stopped core's memory."""

    def read_memory(self, address: int, size: int) -> bytes: ...

    def write_memory(self, address: int, data: bytes) -> None: ...


class BusError(TargetError):
    """An access to an address where nothing answers the NPU; `channel` is STATUS's number of the channel that made
    it.
    """

    def __init__(self, sentence: str, channel: int) -> None:
        super().__init__(sentence)
        self.channel = channel


@dataclass
class _Bank:
    first: int
    contents: NDArray[np.uint8]
    here: NDArray[np.bool_]  # which pages have been fetched
    fetched: dict[int, bytes] = field(default_factory=dict)  # as they were


class BoardMemory(Memory):
    """`Memory` whose regions are base addresses on the board."""

    def __init__(self, core: CoreMemory, bases: Mapping[int, int], shram_bytes: int) -> None:
        super().__init__({}, shram_bytes)
        self._core = core
        self._bases = dict(bases)
        self._banks: dict[int, _Bank] = {}

    def span(self, region: int, first: int, end: int, what: str) -> NDArray[np.uint8]:
        """The bytes first..end of a region. Raises BusError where the NPU reaches no memory."""
        start = self._bases.get(region, 0) + first
        stop = start + end - first
        bank = self._bank(start, stop)
        if bank is None:
            raise BusError(
                f"{what} touches {start:#010x}..{stop - 1:#010x}: the NPU reaches no memory there.", _of(what)
            )
        for page in range((start - bank.first) // PAGE, -(-(stop - bank.first) // PAGE)):
            if not bank.here[page]:
                self._fetch(bank, page)
        return bank.contents[start - bank.first : stop - bank.first]

    def write_back(self) -> int:
        """Write changed pages back to the core; return their bytes."""
        written = 0
        for bank in self._banks.values():
            for page, before in bank.fetched.items():
                now = bank.contents[page * PAGE : (page + 1) * PAGE].tobytes()
                if now != before:
                    self._core.write_memory(bank.first + page * PAGE, now)
                    bank.fetched[page] = now
                    written += len(now)
        return written

    def _bank(self, start: int, stop: int) -> _Bank | None:
        for first, size in BANKS:
            if first <= start <= stop <= first + size:
                if first not in self._banks:
                    # Zeros cost nothing until they are touched.
                    self._banks[first] = _Bank(first, np.zeros(size, np.uint8), np.zeros(size // PAGE, np.bool_))
                return self._banks[first]
        return None

    def _fetch(self, bank: _Bank, page: int) -> None:
        data = self._core.read_memory(bank.first + page * PAGE, PAGE)
        bank.contents[page * PAGE : (page + 1) * PAGE] = np.frombuffer(data, np.uint8)
        bank.fetched[page] = data
        bank.here[page] = True


def _of(what: str) -> int:
    return next((channel for word, channel in _CHANNELS.items() if f"({word})" in what), _IFM_CHANNEL)
