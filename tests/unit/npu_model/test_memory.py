"""Feature maps in memory: layouts, tiles, strides, bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ocrm55.errors import InputError, TargetError
from ocrm55.npu_model.memory import FeatureMap, Memory

PLAIN = FeatureMap(
    name="OFM", shape=(4, 5, 3), dtype=np.dtype(np.int8), zero_point=0, region=1, bases=(8, 0, 0, 0),
    height0=4, height1=4, width0=5, stride_y=15, stride_x=3, stride_c=1, bricks=False,
)  # fmt: skip
VALUES = np.arange(60).reshape(4, 5, 3) - 30


def _memory(size: int = 512) -> Memory:
    return Memory({1: np.zeros(size, np.uint8)}, 1024)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_what_is_written_is_read(dtype: type) -> None:
    width = np.dtype(dtype).itemsize
    fm = replace(PLAIN, dtype=np.dtype(dtype), stride_x=3 * width, stride_y=15 * width)
    memory, values = _memory(), VALUES - VALUES.min()
    memory.write(fm, values, "test")
    assert np.array_equal(memory.read(fm, "test"), values)
    assert np.array_equal(memory.regions[1][8 : 8 + 60 * width].view(dtype), values.reshape(-1))


def test_bricks_hold_16_channels_side_by_side() -> None:
    fm = replace(PLAIN, shape=(2, 3, 20), bases=(0, 0, 0, 0), stride_y=96, stride_c=48, bricks=True)
    memory, values = _memory(), np.arange(120).reshape(2, 3, 20)
    memory.write(fm, values, "test")
    raw = memory.regions[1]
    for y, x, c in np.ndindex(2, 3, 20):
        assert raw[y * 96 + c // 16 * 48 + x * 16 + c % 16] == values[y, x, c]
    assert np.array_equal(memory.read(fm, "test"), values)


def test_four_tiles_have_four_bases() -> None:
    fm = replace(PLAIN, bases=(0, 100, 200, 300), height0=3, height1=2, width0=4)
    memory = _memory()
    memory.write(fm, VALUES, "test")
    raw = memory.regions[1].view(np.int8)
    assert raw[:3].tolist() == VALUES[0, 0].tolist()
    assert raw[100:103].tolist() == VALUES[0, 4].tolist()
    assert raw[200:203].tolist() == VALUES[3, 0].tolist()
    assert raw[300:303].tolist() == VALUES[2, 4].tolist()
    assert np.array_equal(memory.read(fm, "test"), VALUES)


def test_negative_strides_mirror() -> None:
    memory = _memory()
    memory.write(replace(PLAIN, bases=(8 + 45, 0, 0, 0), stride_y=-15), VALUES, "test")
    assert np.array_equal(memory.read(PLAIN, "test"), VALUES[::-1])


def test_an_access_outside_a_region_names_the_command_and_the_address() -> None:
    memory = _memory(67)
    with pytest.raises(
        TargetError, match=r"NPU_OP_CONV at offset 0x40 \(OFM\) touches 0x8..0x43 of region 1.*ends at 0x43"
    ):
        memory.write(PLAIN, VALUES, "NPU_OP_CONV at offset 0x40")
    assert not memory.regions[1].any()
    with pytest.raises(TargetError, match="region 2, which has no base pointer"):
        memory.read(replace(PLAIN, region=2), "NPU_OP_CONV at offset 0x40")
    with pytest.raises(TargetError, match="touches -0x"):
        memory.read(replace(PLAIN, bases=(0, 0, 0, 0), stride_y=-15), "NPU_OP_CONV at offset 0x40")


def test_regions_are_arrays_of_bytes() -> None:
    with pytest.raises(InputError, match="Region 0"):
        Memory({0: np.zeros((2, 2), np.uint8)}, 1024)
