"""Weight streams: their sizes, and damaged ones, which end no process but the codec's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.npu_model import streams, weight_codec
from ocrm55.npu_model.streams import WeightOrder, read_weights, weight_index

ORDER = WeightOrder(
    ofm_depth=16,
    height=3,
    width=3,
    ifm_depth=32,
    depthwise=False,
    part_kernel=False,
    ifm_bits=8,
    ofm_block_depth=16,
    ofm_ublock_depth=8,
    ifm_ublock_depth=8,
    subkernel_height=8,
    subkernel_width=8,
)


@pytest.fixture
def stream() -> np.ndarray:
    codec = pytest.importorskip("ethosu.mlw_codec", reason="ethos-u-vela is not installed")
    weights = np.random.default_rng(3).integers(-20, 21, weight_index(ORDER).size)
    return np.frombuffer(bytes(codec.encode(weights.tolist())), np.uint8).copy()


def test_the_size_of_a_stream_is_known_before_its_order_is_made() -> None:
    random = np.random.default_rng(7)
    for _ in range(300):
        depthwise, part_kernel = random.integers(2, size=2).astype(bool).tolist()
        order = WeightOrder(
            *random.integers(1, (70, 20, 20)).tolist(),
            1 if depthwise else int(random.integers(1, 80)),
            depthwise,
            part_kernel and not depthwise,
            int(random.choice([8, 16])),
            int(random.integers(1, 40)),
            int(random.choice([4, 8])),
            8,
            *random.choice([2, 4, 8], 2).tolist(),
        )
        assert streams._extent(order)[0] == weight_index(order).size


def test_a_damaged_stream_is_an_error_and_the_process_goes_on(
    stream: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    assert read_weights(stream, ORDER, "here").shape == (16, 3, 3, 32)
    for damaged in (stream[: stream.size // 2], np.zeros_like(stream), stream[:0]):
        with pytest.raises(InputError, match=r"^here: its weight stream is damaged"):
            read_weights(damaged, ORDER, "here")
    random, ended = np.random.default_rng(1), 0  # bits of weights may change, those of headers may not
    for _ in range(40):
        damaged = stream.copy()
        damaged[random.integers(stream.size)] ^= 1 << int(random.integers(8))
        try:
            read_weights(damaged, ORDER, "here")
        except InputError:
            ended += 1
    assert ended
    assert capfd.readouterr() == ("", "")


def test_more_weights_than_there_may_be(stream: np.ndarray) -> None:
    size = weight_index(ORDER).size
    decoded = weight_codec.decoded(stream.tobytes(), size)
    assert decoded is not None and decoded.size == size
    assert weight_codec.decoded(stream.tobytes(), size - 1) is None
    with pytest.raises(InputError, match="too long for"):
        read_weights(np.resize(stream, 10 * size), ORDER, "here")


@pytest.mark.parametrize(
    "changed",
    [{"height": 1 << 16, "width": 1 << 16}, {"ofm_depth": 1 << 16, "ifm_depth": 1 << 16}, {"ofm_block_depth": 0}],
)
def test_weights_of_no_network_are_refused_before_memory_is_taken(changed: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"^here: (no network has|its blocks have no)"):
        read_weights(np.zeros(16, np.uint8), replace(ORDER, **changed), "here")
