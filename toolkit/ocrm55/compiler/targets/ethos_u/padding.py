"""The padding of windows in TFLite, which knows two kinds."""

from __future__ import annotations

from collections.abc import Sequence

SAME, VALID = 0, 1  # TFLite's Padding
PADDINGS = {"SAME": SAME, "VALID": VALID}


def padding(
    sizes: Sequence[int], outputs: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]
) -> str | None:
    """TFLite's name for the padding of a window, SAME or VALID; None if it has none. All as (rows, columns)."""
    geometry = list(zip(sizes, outputs, kernel, strides, pads, strict=True))
    totals = [max((count - 1) * stride + taps - size, 0) for size, count, taps, stride, _ in geometry]
    fits = all(-(-size // stride) == count for size, count, _, stride, _ in geometry)
    if fits and all(total // 2 == pad for total, pad in zip(totals, pads, strict=True)):
        return "SAME"
    return None if any(totals) else "VALID"
