"""The parser of the container of frames: what it takes, and that nothing damaged gets past it."""

import random
import struct
import zlib

import numpy as np
import pytest

from ocrm55.simulators.frames import FORMATS, Frame, checksum, frame, ocrf
from tests.unit.firmware.host_driver import words


def case(data: bytes) -> bytes:
    return words(len(data)) + data


def some(width: int, height: int, pixel_format: str, gap: int = 0) -> Frame:
    size = FORMATS[pixel_format][1]
    if pixel_format == "yuyv":
        width, gap = width + width % 2, 2 * gap
    chance = np.random.default_rng(width * 7 + height)
    return Frame(chance.integers(0, 256, (height, width * size + gap), dtype=np.uint8), width, pixel_format)


def crafted(width: int, height: int, stride: int, code: int, size: int, body: bytes, count: int = 1) -> bytes:
    """A file whose checksum is right, whatever its record says."""
    record = words(width, height, stride, code, size) + body
    return b"OCRF" + words(2, count, checksum(record)) + record


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_good_files(part, pixel_format: str) -> None:
    """Frames of all sizes and gaps behind rows, several in a file."""
    gaps = (0, 2, 14)
    frames = [some(width, height, pixel_format, gap) for width, height in ((1, 1), (2, 3), (50, 7)) for gap in gaps]
    wanted = [
        f"{each.width}x{each.height}+{each.stride}:{pixel_format}:{zlib.crc32(each.rows.tobytes()):08x}"
        for each in frames
    ]
    lines = part("ocrf", [case(ocrf(frames)), *(case(ocrf([each])) for each in frames)])
    assert lines[0].split() == ["0", *wanted]
    assert [line.split() for line in lines[1:]] == [["0", each] for each in wanted]


def test_every_truncation_is_refused(part) -> None:
    data = ocrf([some(3, 2, "gray8"), some(2, 2, "bgr888")])
    lines = part("ocrf", [case(data[:length]) for length in range(len(data))])
    assert {line.split()[0] for line in lines} == {"50", "54"}
    # With a checksum that is right for what is left, the records themselves must say so.
    shortened = [data[:12] + words(checksum(data[16:length])) + data[16:length] for length in range(16, len(data))]
    assert {line.split()[0] for line in part("ocrf", [case(one) for one in shortened])} == {"55"}


def test_every_flipped_bit_is_refused(part) -> None:
    data = bytearray(ocrf([some(2, 2, "rgb565")]))
    damaged = []
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(data))
        data[bit // 8] ^= 1 << bit % 8
    assert all(line.split()[0] != "0" for line in part("ocrf", [case(one) for one in damaged]))


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ((0, 1, 4, 0, 4), "56 1 0 8192"),
        ((8193, 1, 8193, 0, 8193), "56 1 8193 8192"),
        ((1, 0, 4, 0, 0), "57 1 0 8192"),
        ((1, 0xFFFFFFFF, 4, 0, 0xFFFFFFFC), "57 1 4294967295 8192"),
        ((1, 1, 4, 5, 4), "58 1 5 4"),
        ((3, 1, 8, 4, 8), "56 1 3 0"),  # YUYV has pairs
        ((2, 2, 6, 4, 12), "59 1 6 4"),
        ((2, 2, 1, 0, 2), "59 1 1 2"),
        ((2, 2, 5, 3, 10), "59 1 5 6"),
        ((1, 2, 3, 1, 6), "59 1 3 2"),  # rows of RGB565 at odd addresses
        ((1, 1, 65537, 0, 65537), "59 1 65537 1"),
        ((2, 2, 4, 0, 9), "60 1 9 8"),
        ((8192, 8192, 65536, 2, 0), "60 1 0 536870912"),  # the product would be small if it wrapped
        ((8192, 8192, 65536, 2, 536870912), "55 1 12 536870912"),
    ],
)
def test_lying_sizes(part, record: tuple[int, ...], wanted: str) -> None:
    assert part("ocrf", [case(crafted(*record, bytes(12)))]) == [wanted]


def test_count_and_rest(part) -> None:
    good = ocrf([some(4, 1, "gray8")])
    body = good[16:]
    files = [
        good[:8] + words(count, checksum(body + rest)) + body + rest
        for count, rest in ((0, b""), (2, b""), (0xFFFFFFFF, b""), (1, bytes(4)))
    ]
    assert part("ocrf", [case(file) for file in files]) == ["53 0 0 1", "55 2 0 20", "55 2 0 20", "61 0 4 0"]


def test_random_bytes(part) -> None:
    chance = random.Random(3)
    cases = [case(chance.randbytes(chance.randrange(100))) for _ in range(2000)]
    for _ in range(2000):
        body = chance.randbytes(chance.randrange(60))
        cases.append(case(b"OCRF" + struct.pack("<III", 2, chance.randrange(3), checksum(body)) + body))
    assert "0" not in {line.split()[0] for line in part("ocrf", cases)}


def test_frames_of_pictures_arrive(part) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    made = [frame(pixels, each) for each in FORMATS]
    line = part("ocrf", [case(ocrf(made))])[0]
    assert [word.split(":")[1] for word in line.split()[1:]] == list(FORMATS)
