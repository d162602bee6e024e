"""The machine on hand-written streams: what it computes, and what it refuses."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from ocrm55.errors import InputError, Ocrm55Error, TargetError, UnsupportedError
from ocrm55.npu_model import machine, run
from ocrm55.npu_model.commands import encode
from ocrm55.npu_model.streams import read_scales

FIRST = np.arange(-6, 6, dtype=np.int8)
SECOND = (10 * np.arange(12) - 60).astype(np.int8)


def _arena(size: int = 48) -> np.ndarray:
    arena = np.full(size, 0xA5, np.uint8)
    arena[:12], arena[16:28] = FIRST.view(np.uint8), SECOND.view(np.uint8)
    return arena


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0, FIRST.astype(int) * SECOND),
        (1, FIRST.astype(int) + SECOND),
        (2, FIRST.astype(int) - SECOND),
        (3, np.minimum(FIRST, SECOND)),
        (4, np.maximum(FIRST, SECOND)),
        (6, np.abs(FIRST)),
    ],
)
def test_elementwise_operations_saturate(addition, mode: int, expected: np.ndarray) -> None:
    arena = _arena()
    result = run(addition(mode), {1: arena})
    assert arena[32:44].view(np.int8).tolist() == np.clip(expected, -128, 127).tolist()
    assert (arena[44:] == 0xA5).all()
    assert result.interrupts == 1 and result.stop_mask == 0xFFFF
    assert sum(result.operations.values()) == 1


def test_zero_points_broadcast_and_operand_order(addition) -> None:
    arena = _arena()
    changes = {"IFM_ZERO_POINT": -2, "OFM_ZERO_POINT": 5, "IFM2_BROADCAST": 1 << 6 | 1 << 7, "IFM2_SCALAR": 3}
    run(addition(2, **changes), {1: arena})
    assert arena[32:44].view(np.int8).tolist() == (3 - (FIRST.astype(int) + 2) + 5).tolist()


def test_an_access_outside_the_region_is_an_error_of_the_target(addition) -> None:
    with pytest.raises(TargetError, match=r"NPU_OP_ELEMENTWISE at offset .*OFM.* touches 0x20..0x2b of region 1"):
        run(addition(), {1: _arena(40)})


def test_a_register_that_was_never_set_is_named(addition) -> None:
    with pytest.raises(InputError, match="needs NPU_SET_OFM_ZERO_POINT, which the stream never set"):
        run(addition(OFM_ZERO_POINT=None), {1: _arena()})


def test_unknown_modes_and_types_are_refused(addition) -> None:
    with pytest.raises(UnsupportedError, match="elementwise mode 12"):
        run(addition(12), {1: _arena()})
    with pytest.raises(UnsupportedError, match="64-bit"):
        run(addition(IFM_PRECISION=1 | 3 << 2), {1: _arena()})
    with pytest.raises(UnsupportedError, match="ethos-u85-256 is not modelled"):
        run(addition(), {1: _arena()}, "ethos-u85-256")


def test_a_table_that_nobody_loaded_is_an_error(addition) -> None:
    with pytest.raises(InputError, match="uses table 2, which no copy filled"):
        run(addition(ACTIVATION=18), {1: _arena()})


def _copy(source: int, destination: int, length: int, into_shram: bool = False) -> list[int]:
    return [
        *encode("NPU_SET_DMA0_SRC_REGION", 0),
        *encode("NPU_SET_DMA0_DST_REGION", 1 | into_shram << 8),
        *encode("NPU_SET_DMA0_SRC", payload=source),
        *encode("NPU_SET_DMA0_DST", payload=destination),
        *encode("NPU_SET_DMA0_LEN", payload=length),
        *encode("NPU_OP_DMA_START"),
    ]


def test_copies_and_tables(addition) -> None:
    table = np.arange(255, -1, -1).astype(np.uint8)
    stream = np.array([*_copy(0, 22 * 1024 + 256, 256, True), *_copy(16, 44, 4)], np.uint32)
    arena = _arena(64)
    run(np.concatenate([stream, addition(ACTIVATION=17)]), {0: table, 1: arena})
    index = np.clip(FIRST.astype(int) + SECOND, -128, 127) + 128
    assert arena[32:44].tolist() == table[index].tolist()
    assert arena[44:48].tolist() == table[16:20].tolist()


def test_on_small_accelerators_other_operations_overwrite_the_tables(addition) -> None:
    load = np.array(_copy(0, 14 * 1024, 256, True), np.uint32)
    plain, looked_up = addition()[:-1], addition(ACTIVATION=16)
    regions = {0: np.zeros(256, np.uint8), 1: _arena()}
    run(np.concatenate([load, looked_up]), regions, "ethos-u55-32")
    with pytest.raises(InputError, match="no copy filled"):
        run(np.concatenate([load, plain, looked_up]), regions, "ethos-u55-32")


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_stream_ends_in_an_error_of_ours_or_runs(addition, seed: int) -> None:
    random = np.random.default_rng(seed)
    for mode in range(10):
        stream = addition(mode)
        for _ in range(40):
            damaged = stream.copy()
            damaged[random.integers(stream.size)] ^= np.uint32(1 << int(random.integers(32)))
            with suppress(Ocrm55Error):
                run(damaged, {1: _arena()})


def test_a_map_larger_than_any_memory_is_refused_before_it_is_allocated(addition) -> None:
    strides = {f"{fm}_STRIDE_{axis}": 0 for fm in ("IFM", "IFM2", "OFM") for axis in "XY"}
    with pytest.raises(InputError, match="65536 x 65536 x 3 values"):
        run(addition(OFM_HEIGHT_M1=0xFFFF, OFM_WIDTH_M1=0xFFFF, **strides), {1: _arena()})


def test_scale_entries_have_40_32_and_6_bits() -> None:
    entry = (-5).to_bytes(5, "little", signed=True) + (0x8000_0001).to_bytes(4, "little") + bytes([0xC0 | 33])
    scales = read_scales(np.frombuffer(entry * 2, np.uint8), 2, "test")
    assert (scales.bias.tolist(), scales.multiplier.tolist(), scales.shift.tolist()) == (
        [-5] * 2,
        [0x80000001] * 2,
        [33] * 2,
    )
    with pytest.raises(InputError, match="too short for 3 channels"):
        read_scales(np.frombuffer(entry * 2, np.uint8), 3, "test")


KERNEL = {"KERNEL_STRIDE": 0} | {f"IFM_PAD_{side}": 0 for side in ("TOP", "LEFT", "BOTTOM", "RIGHT")}


def _pooling(addition, height: int, width: int) -> np.ndarray:
    """A maximum over a kernel of that size, of a map whose rows all lie at one place."""
    strides = {f"IFM_STRIDE_{axis}": 0 for axis in "XY"}
    kernel = {"KERNEL_HEIGHT_M1": height - 1, "KERNEL_WIDTH_M1": width - 1, **KERNEL}
    stream = addition(OFM_HEIGHT_M1=0, OFM_WIDTH_M1=0, **kernel, **strides)
    return np.array([*stream[:-2], *encode("NPU_OP_POOL", 0), stream[-1]], np.uint32)


def test_a_stream_that_would_run_for_days_is_refused_at_once(addition, monkeypatch: pytest.MonkeyPatch) -> None:
    run(_pooling(addition, 8, 8), {1: _arena()})
    monkeypatch.setattr(machine, "MOST_WORK", 1 << 30)
    with pytest.raises(InputError, match="computes more than any network"):
        run(_pooling(addition, 1 << 11, 1 << 11), {1: _arena()})
    with pytest.raises(InputError, match="padded IFM of 65536 x 65536 x 3 values"):
        run(_pooling(addition, 1 << 16, 1 << 16), {1: _arena()})


def test_many_small_operations_are_work_too(addition, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = addition()
    often = np.concatenate([stream[:-1], np.repeat(stream[-2:-1], 20), stream[-1:]])
    assert run(often, {1: _arena()}).operations["ELEMENTWISE.ADD"] == 21
    monkeypatch.setattr(machine, "MOST_WORK", 20 << 16)
    with pytest.raises(InputError, match="computes more than any network"):
        run(often, {1: _arena()})
    copies = np.array(_copy(16, 44, 4) * 21 + encode("NPU_OP_STOP"), np.uint32)
    with pytest.raises(InputError, match="computes more than any network"):
        run(copies, {0: np.zeros(64, np.uint8), 1: _arena()})


def test_a_copy_of_less_than_nothing(addition) -> None:
    with pytest.raises(InputError, match="copies -4 bytes"):
        run(np.array(_copy(16, 44, -4), np.uint32), {0: np.zeros(64, np.uint8), 1: _arena()})


def test_a_map_that_lies_on_itself_is_no_larger_than_any_network_s(addition) -> None:
    strides = {f"{fm}_STRIDE_{axis}": 0 for fm in ("IFM", "IFM2", "OFM") for axis in "XY"}
    with pytest.raises(InputError, match="feature map of 8192 x 4096 x 3 values"):
        run(addition(OFM_HEIGHT_M1=8191, OFM_WIDTH_M1=4095, **strides), {1: _arena()})


def test_values_are_work_too(addition, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is scaled and stored takes numpy far longer than a multiply-accumulate."""
    monkeypatch.setattr(machine, "MOST_WORK", 1 << 22)
    strides = {f"{fm}_STRIDE_{axis}": 0 for fm in ("IFM", "IFM2", "OFM") for axis in "XY"}
    with pytest.raises(InputError, match="computes more than any network"):
        run(addition(OFM_HEIGHT_M1=255, OFM_WIDTH_M1=255, **strides), {1: _arena()})
