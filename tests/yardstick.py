"""How fast this computer is, for tests of what work may cost: bounds are multiples of a fixed piece of work.

Seconds would say more of the computer, and of what else it does, than of the program.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np

TURNS = 3


@cache
def seconds() -> float:
    """Of a processor, for a piece of work in Python and in NumPy; the least of some turns. 0.03 on a server of 2023."""
    return min(_turn() for _ in range(TURNS))


def _turn() -> float:
    begun, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number & 7
    values = np.arange(2_000_000, dtype=np.float32)
    for _ in range(10):
        values = np.sqrt(values + total)
    return time.process_time() - begun
