"""From a tensor's values to its scale and zero point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ocrm55.compiler.operators.quantization import HIGH, LOW, Quantization
from ocrm55.compiler.quantization.calibration import Histogram

SMALLEST_SCALE = 1e-8
MERGED_BINS = 8192
NARROWEST = 1e-9  # of a range, in parts of its largest value
MERGED_BY = 4  # bins of a channel's histogram, if many candidates are tried
CHANNEL_SHARES = (1.0, 0.92, 0.85, 0.78, 0.7, 0.6)  # of a channel's largest value
Method = Literal["minmax", "percentile", "mse"]


def of_range(low: float, high: float) -> Quantization:
    """The scale and zero point that cover [low, high] and have an exact 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max((high - low) / (HIGH - LOW), SMALLEST_SCALE))
    return Quantization(np.asarray(scale), int(np.clip(np.rint(LOW - low / scale), LOW, HIGH)))


def of_input(low: float, high: float) -> Quantization:
    """The same for pixels. A symmetric range has zero point 0, so that a border costs no sums."""
    if low == -high:
        return Quantization(np.asarray(np.float32(high / HIGH)), 0)
    return of_range(low, high)


def reach(scales: Sequence[Quantization]) -> tuple[float, float]:
    """Smallest and largest value for which one of them has an integer."""
    low = min(float(q.scale.max()) * (LOW - q.zero_point) for q in scales)
    high = max(float(q.scale.max()) * (HIGH - q.zero_point) for q in scales)
    return low, high


def common(scales: Sequence[Quantization]) -> Quantization:
    """One that covers all of them, with the zero point 0 if one has it: a product's right side needs it."""
    if len(scales) == 1:
        return scales[0]
    low, high = reach(scales)
    if any(q.zero_point == 0 for q in scales):
        return Quantization(np.asarray(np.float32(max(-low / -LOW, high / HIGH))), 0)
    return of_range(low, high)


def per_tensor(histogram: Histogram, method: Method = "mse") -> Quantization:
    """One scale for the whole tensor.

    minmax covers everything. percentile leaves 0.01 % out at each end. mse takes the range with the least mean square
    error of rounding and clipping together.
    """
    low, high = float(histogram.low.min()), float(histogram.high.max())
    if method == "minmax":
        return of_range(low, high)
    if method == "percentile":
        return of_range(*_percentiles(histogram, 1e-4))
    return _least_error(histogram, low, high)


def with_margin(histogram: Histogram, margin: float) -> Quantization:
    """A range widened by a factor, for tensors that have only one value for each channel of an image.

    A hundred values do not show the extremes, and these tensors have steps to spare.
    """
    return of_range(float(histogram.low.min()) * margin, float(histogram.high.max()) * margin)


def _percentiles(histogram: Histogram, share: float) -> tuple[float, float]:
    centres, weights = histogram.centres.reshape(-1), histogram.counts.reshape(-1)
    order = np.argsort(centres)
    below = np.cumsum(weights[order]) / weights.sum()
    first = int(np.searchsorted(below, share))
    last = min(int(np.searchsorted(below, 1 - share)), len(order) - 1)
    return float(centres[order[first]]), float(centres[order[last]])


def _least_error(histogram: Histogram, low: float, high: float) -> Quantization:
    # Half a million bins of all channels together tell no more than some thousands, and take a second for a candidate.
    narrow = high - low < NARROWEST * max(abs(low), abs(high))  # a constant, which float64 cannot cut into bins
    top = high + 1e-9 if not narrow else high + NARROWEST * max(abs(low), abs(high))
    merged, edges = np.histogram(histogram.centres, MERGED_BINS, (low, top), weights=histogram.counts)
    values, weights = ((edges[:-1] + edges[1:]) / 2)[merged > 0], merged[merged > 0]
    # Below -1 the low end may be clipped. Above, as after hard-swish's -0.375, the low end is worth its few steps.
    lows = (1.0, 0.85, 0.7, 0.55) if low < -1 else (1.0,)
    candidates = [of_range(low * a, high * b) for a in lows for b in np.linspace(1.0, 0.3, 29)]
    errors = [float(weights @ np.square(c.round_trip(values) - values)) for c in candidates]
    return candidates[int(np.argmin(errors))]


def symmetric(histogram: Histogram, groups: Sequence[np.ndarray]) -> Quantization:
    """Zero point 0, and one scale for each group of channels (arrays of indices), from its largest magnitude."""
    reach = np.maximum(np.abs(histogram.low), np.abs(histogram.high))
    scale = np.full(len(reach), max(float(reach.max()), SMALLEST_SCALE) / HIGH, np.float32)
    for group in groups:
        scale[group] = max(float(reach[group].max()), SMALLEST_SCALE) / HIGH
    return Quantization(scale, 0)


def per_signed_channel(histogram: Histogram) -> Quantization:
    """A scale for every channel, covering both ends, and one zero point for all; for tensors without an activation.

    The zero point is the one with the finest rounding, relative to the channels' own ranges.
    """
    reach = np.maximum(np.maximum(-histogram.low, histogram.high), 1e-3)
    points = np.arange(-112, 113, 8)
    scales = np.maximum(
        histogram.high[None] / (HIGH - points)[:, None], -histogram.low[None] / (points - LOW)[:, None]
    ).clip(SMALLEST_SCALE)
    best = int(np.square(scales / reach).sum(axis=1).argmin())
    return Quantization(scales[best].astype(np.float32), int(points[best]))


def per_channel(histogram: Histogram) -> Quantization:
    """A scale for every channel of an activation and one zero point for all: padding is one number then.

    For each zero point, every channel takes the scale with the least square error. Candidates cover a share of its
    largest value, or its smallest value as well, because a channel that an activation keeps below 0 has nothing above.
    The zero point with the least errors wins. Errors are relative to the channels' own spread, so that quiet channels
    count.
    """
    channels = len(histogram.counts)
    counts = histogram.counts.reshape(channels, -1, MERGED_BY).sum(axis=2)
    centres = histogram.centres.reshape(channels, -1, MERGED_BY).mean(axis=2)
    weights = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    spread = (weights * centres**2).sum(axis=1) - (weights * centres).sum(axis=1) ** 2
    spread += 1e-2 * spread.mean() + 1e-12
    best: tuple[float, Quantization] | None = None
    for zero_point in range(-124, -40, 4):
        above = np.maximum(histogram.high, 1e-3) / (HIGH - zero_point)
        both = np.maximum(above, -histogram.low / (zero_point - LOW))
        scales = np.concatenate([np.outer(CHANNEL_SHARES, reach) for reach in (above, both)]).astype(np.float32)
        candidates = [Quantization(scale, zero_point).round_trip(centres) for scale in scales]
        errors = np.stack([(weights * np.square(c - centres)).sum(axis=1) for c in candidates])
        error = float((errors.min(axis=0) / spread).sum())
        if best is None or error < best[0]:
            best = error, Quantization(scales[errors.argmin(axis=0), np.arange(channels)], zero_point)
    assert best is not None
    return best[1]
