"""How likely a symbol is after others, estimated from samples as Witten and Bell do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

Symbols = tuple[int, ...]


class Likelihoods:
    """Likelihoods of `symbols` symbols after up to `longest` symbols.

    samples: with their weights. Symbol 0, the edge, stands before the first and after the last symbol of a sample. The
    likelihoods after each context add up to 1. Each context is mixed with the shorter one. The more different symbols
    follow, the larger is the shorter one's part.
    """

    def __init__(self, samples: Mapping[Symbols, float], symbols: int, longest: int) -> None:
        self.symbols = symbols
        self.counts: list[dict[Symbols, dict[int, float]]] = [{} for _ in range(longest + 1)]  # by a context's length
        for sample, weight in samples.items():
            padded = (0,) * longest + sample + (0,)
            for place in range(longest, len(padded)):
                for length, table in enumerate(self.counts):
                    after = table.setdefault(padded[place - length : place], {})
                    after[padded[place]] = after.get(padded[place], 0.0) + weight
        self._totals = [{before: sum(after.values()) for before, after in table.items()} for table in self.counts]
        self._known: dict[tuple[Symbols, int], float] = {}

    @property
    def total(self) -> float:
        """The weight of all symbols together."""
        return self._totals[0].get((), 0.0)

    def after(self, before: Symbols, symbol: int) -> float:
        """The likelihood of a symbol; `before` has the nearest symbol last."""
        if (before, symbol) not in self._known:
            self._known[before, symbol] = self._after(before, symbol)
        return self._known[before, symbol]

    def _after(self, before: Symbols, symbol: int) -> float:
        shorter = self.after(before[1:], symbol) if before else 1 / self.symbols
        seen = self.counts[len(before)].get(before)
        if seen is None:
            return shorter
        return (seen.get(symbol, 0.0) + len(seen) * shorter) / (self._totals[len(before)][before] + len(seen))

    def table(self, length: int) -> np.ndarray:
        """All likelihoods after `length` symbols: float64 [symbols] * (length + 1); the last axis is the symbol."""
        axes = (self.symbols,) * (length + 1)
        groups = product(range(self.symbols), repeat=length + 1)
        return np.array([self.after(group[:-1], group[-1]) for group in groups]).reshape(axes)
