"""Compare the instructions of two targets for an operator.

costs.json holds counts from QEMU: for each target and kind of operator, instructions for a MAC, an output and a call.
`ocrm55 bench kernels --against cmsis-nn --record` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.base import Target
from ocrm55.files import write_json

FEATURES = ("mac", "output", "call")  # the first says most
_TABLE = Path(__file__).with_name("costs.json")


class WhereCheaper(Target):
    """A target that takes an operator only if it needs fewer instructions than another target, or if that one
    refuses.
    """

    def __init__(self, target: Target, rival: Target) -> None:
        self._target, self._rival = target, rival
        self.name = target.name

    def refusal(self, operator: Operator, program: Program) -> str | None:
        reason = self._target.refusal(operator, program)
        if reason is not None or self._rival.refusal(operator, program) is not None:
            return reason
        mine, theirs = (estimate(t.name, operator.spec) for t in (self._target, self._rival))
        if mine is None or theirs is None:
            return f"was never counted against {self._rival.name} here"
        if mine >= theirs:
            return f"needs {mine:,} instructions, {self._rival.name} {theirs:,}"
        operator.why_not[self._rival.name] = f"needs {theirs:,} instructions, {self._target.name} {mine:,}"
        return None

    def emit(self, operator: Operator, program: Program) -> None:
        self._target.emit(operator, program)

    def kernel_sources(self, program: Program) -> list[str]:
        return self._target.kernel_sources(program)

    def libraries(self, program: Program) -> list[str]:
        return self._target.libraries(program)


def features(spec: Spec) -> dict[str, float]:
    """The features with which an operator's instructions grow."""
    macs = {"mac": float(spec.macs)} if spec.macs else {}
    return {"call": 1.0, **macs, "output": float(spec.elements)}


def estimate(target: str, spec: Spec) -> int | None:
    """Instructions of an operator; None for a kind that was never counted."""
    rates = table().get(target, {}).get(spec.variant)
    if rates is None:
        return None
    return round(sum(rates.get(name, 0.0) * value for name, value in features(spec).items()))


def fit(counted: Sequence[tuple[str, Spec, int]]) -> dict[str, Any]:
    """Fit the table to operators that ran (target, operator, instructions), by least squares of the relative error."""
    groups: dict[tuple[str, str], list[tuple[dict[str, float], int]]] = {}
    for target, spec, instructions in counted:
        groups.setdefault((target, spec.variant), []).append((features(spec), instructions))
    rates: dict[str, Any] = {}
    for (target, kind), rows in sorted(groups.items()):
        distinct = {tuple(row.values()) for row, _ in rows}  # shapes; they cannot tell more features apart
        names = [name for name in FEATURES if name in rows[0][0]][: len(distinct)]
        rates.setdefault(target, {})[kind] = _rates(names, rows)
    return rates


def _rates(names: list[str], rows: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
    """Rates without negative ones: a feature with a negative rate is left out, and the others are fitted again."""
    wanted = np.ones(len(rows))
    while True:
        matrix = np.asarray([[row.get(name, 0.0) / count for name in names] for row, count in rows])
        found, *_ = np.linalg.lstsq(matrix, wanted, rcond=None)
        if len(names) == 1 or (found >= 0).all():
            return {name: float(f"{rate:.4g}") for name, rate in zip(names, found, strict=True)}
        names = [name for name, rate in zip(names, found, strict=True) if rate > found.min()]


def write(counted: Sequence[tuple[str, Spec, int]]) -> Path:
    """Record the counts."""
    write_json(_TABLE, fit(counted))
    table.cache_clear()
    return _TABLE


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """target -> kind -> feature -> instructions."""
    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded
