"""Memory as the NPU sees it: up to eight regions behind base pointers, and feature maps laid out in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ocrm55.errors import InputError, TargetError

BRICK = 16  # channels that lie side by side in NHCWB16
# Values, 32 MB of int8: more than networks for this NPU have in one map. A map may lie on itself, so the size of its
# region is no limit, and an operation takes some times eight bytes a value here.
LARGEST_MAP = 1 << 25


@dataclass(frozen=True)
class FeatureMap:
    """IFM, IFM2 or OFM as the registers describe it. Strides are bytes; shape is (height, width, channels)."""

    name: str
    shape: tuple[int, int, int]
    dtype: np.dtype[np.signedinteger | np.unsignedinteger]
    zero_point: int
    region: int
    bases: tuple[int, int, int, int]
    height0: int
    height1: int
    width0: int
    stride_y: int
    stride_x: int
    stride_c: int
    bricks: bool

    def tiles(self) -> Iterator[tuple[slice, slice, int]]:
        """Rows, columns and base address of each tile that is not empty: 0 and 1 above, 2 and 3 below."""
        height, width, _ = self.shape
        left = min(self.width0, width)
        for columns, split, upper, lower in (
            (slice(0, left), self.height0, 0, 2),
            (slice(left, width), self.height1, 1, 3),
        ):
            top = min(split, height)
            for rows, tile in ((slice(0, top), upper), (slice(top, height), lower)):
                if rows.stop > rows.start and columns.stop > columns.start:
                    yield rows, columns, self.bases[tile]


class Memory:
    """The regions. Arrays are used in place, so the caller sees what the NPU writes."""

    def __init__(self, regions: Mapping[int, NDArray[np.uint8]], shram_bytes: int) -> None:
        for number, data in regions.items():
            if data.dtype != np.uint8 or data.ndim != 1 or not data.flags.c_contiguous:
                raise InputError(f"Region {number} is to be a one-dimensional, contiguous array of bytes.")
        self.regions = dict(regions)
        self.read_bytes: Counter[int] = Counter()  # by region
        self.written_bytes: Counter[int] = Counter()
        self.shram = np.zeros(shram_bytes, np.uint8)

    def span(self, region: int, first: int, end: int, what: str) -> NDArray[np.uint8]:
        """The bytes first..end of a region; an access outside it raises a TargetError that names the access."""
        data = self.regions.get(region)
        if data is None:
            raise TargetError(f"{what} uses region {region}, which has no base pointer.")
        return _checked(data, first, end, f"{what} touches {first:#x}..{end - 1:#x} of region {region}")

    def shram_span(self, first: int, end: int, what: str) -> NDArray[np.uint8]:
        return _checked(self.shram, first, end, f"{what} touches {first:#x}..{end - 1:#x} of SHRAM")

    def check(self, fm: FeatureMap, what: str) -> None:
        """Raise what `write` would raise, before anything is computed or allocated for it."""
        for _ in self._views(fm, what):
            pass

    def stream(self, region: int, first: int, end: int, what: str) -> NDArray[np.uint8]:
        """As `span`, for bytes that the NPU reads."""
        self.read_bytes[region] += end - first
        return self.span(region, first, end, what)

    def read(self, fm: FeatureMap, what: str) -> NDArray[np.int64]:
        """The values of a feature map, [height, width, channels], for the NPU."""
        values = self.values(fm, what)
        self.read_bytes[fm.region] += values.size * fm.dtype.itemsize
        return values

    def values(self, fm: FeatureMap, what: str) -> NDArray[np.int64]:
        """The same for whoever looks on: it is not counted."""
        views = list(self._views(fm, what))
        values = np.empty(fm.shape, np.int64)
        for place, view in views:
            # Bytes of a value are the last axis of the view: copy them together, then read them as one number.
            values[place] = np.ascontiguousarray(view).view(fm.dtype)[..., 0]
        return values

    def write(self, fm: FeatureMap, values: NDArray[np.int64], what: str) -> None:
        """Store values that fit the type of the feature map."""
        stored = np.ascontiguousarray(values.astype(fm.dtype))
        self.written_bytes[fm.region] += stored.nbytes
        for place, view in self._views(fm, what):
            part = np.ascontiguousarray(stored[place])
            view[...] = part.view(np.uint8).reshape(*part.shape, fm.dtype.itemsize)

    def _views(self, fm: FeatureMap, what: str) -> Iterator[tuple[tuple[slice, slice, slice], NDArray[np.uint8]]]:
        """Views of the region as [rows, columns, channels, bytes of a value], tile by tile and brick by brick."""
        size, channels = fm.dtype.itemsize, fm.shape[2]
        if min(fm.shape) < 1 or prod(fm.shape) > LARGEST_MAP:
            raise InputError(f"{what} ({fm.name}) has a feature map of {' x '.join(map(str, fm.shape))} values.")
        step = BRICK if fm.bricks else channels
        # Vela writes stride X = 16 values for bricks; the hardware takes it as given (isa: 16 channels are adjacent).
        stride_x = BRICK * size if fm.bricks else fm.stride_x
        for rows, columns, base in fm.tiles():
            for channel in range(0, channels, step):
                shape = (rows.stop - rows.start, columns.stop - columns.start, min(step, channels - channel), size)
                strides = (fm.stride_y, stride_x, size, 1)
                start = base + channel // BRICK * fm.stride_c if fm.bricks else base
                reach = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
                first = start + sum(r for r in reach if r < 0)
                end = start + sum(r for r in reach if r > 0) + 1
                span = self.span(fm.region, first, end, f"{what} ({fm.name})")
                view = as_strided(span[start - first :], shape, strides)
                yield (rows, columns, slice(channel, channel + shape[2])), view


def _checked(data: NDArray[np.uint8], first: int, end: int, sentence: str) -> NDArray[np.uint8]:
    if first < 0 or end > data.size:
        raise TargetError(f"{sentence}, which ends at {data.size:#x}.", ["give the region the size that Vela reports"])
    return data[first:end]
