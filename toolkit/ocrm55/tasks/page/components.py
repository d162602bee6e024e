"""Connected components of a map as runs: firmware/tasks/page/components.c."""

from __future__ import annotations

import numpy as np

from ocrm55.errors import InputError

MOST_RUNS = 65535

Run = tuple[int, int, int]  # row, first column, column behind the last


class CrowdedError(InputError):
    """A map has more runs of text than fit."""


def runs(values: np.ndarray, threshold: int) -> list[Run]:
    """Text in one row without a gap, in the order of rows and columns.

    values: int8 [h, w], probability - 128 in 1/256.
    """
    text = np.zeros((values.shape[0], values.shape[1] + 2), np.int8)
    text[:, 1:-1] = values > threshold - 128
    edges = np.diff(text, axis=1)
    rows, first = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    return list(zip(rows.tolist(), first.tolist(), end.tolist(), strict=True))


def components(values: np.ndarray, threshold: int, room: int = MOST_RUNS) -> list[list[Run]]:
    """The runs of each component (neighbours on eight sides), in their order; the components by their first run.

    Raises CrowdedError where there are more than `room` runs.
    """
    found = runs(values, threshold)
    if len(found) > min(room, MOST_RUNS):
        raise CrowdedError(f"the page has {len(found)} runs of text, but there is room for {min(room, MOST_RUNS)}")
    parents = list(range(len(found)))

    def first_of(run: int) -> int:
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    upper = 0
    for i, (row, first, end) in enumerate(found):
        while found[upper][0] < row - 1 or (found[upper][0] == row - 1 and found[upper][2] < first):
            upper += 1
        k = upper
        while found[k][0] == row - 1 and found[k][1] <= end:
            a, b = sorted((first_of(k), first_of(i)))
            parents[b] = a
            k += 1
    grouped: dict[int, list[Run]] = {}
    for i, run in enumerate(found):
        grouped.setdefault(first_of(i), []).append(run)
    return list(grouped.values())
