"""The parser of the container of images: what it takes, and that nothing damaged gets past it."""

import random
import struct
import zlib

import numpy as np

from ocrm55.simulators.base import ocri
from tests.target import fake_artifact as fake
from tests.unit.firmware.host_driver import words


def case(data: bytes, height: int = 48, width: int = 320) -> bytes:
    return words(height, width, len(data)) + data


def pixels(width: int, height: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_two_writers_agree() -> None:
    images = [pixels(width, seed=width) for width in (1, 2, 3, 50, 320)]
    assert ocri(images) == fake.ocri(images)
    assert ocri([images[3][:, ::-1]]) == fake.ocri([np.ascontiguousarray(images[3][:, ::-1])])


def test_good_files(part) -> None:
    files = [[pixels(width, seed=width)] for width in range(1, 321)]
    files += [[pixels(1 + (n * 37) % 320, seed=n) for n in range(count)] for count in (2, 3, 20)]
    lines = part("ocri", [case(ocri(images)) for images in files])
    for images, line in zip(files, lines, strict=True):
        assert line.split() == ["0", *(f"{i.shape[1]}x{i.shape[0]}:{zlib.crc32(i.tobytes()):08x}" for i in images)]


def test_other_models_height(part) -> None:
    image = pixels(3, height=5)
    assert part("ocri", [case(ocri([image]), 5, 3)])[0].startswith("0 3x5:")
    assert part("ocri", [case(ocri([image]), 5, 2)]) == ["27 1 3 2"]
    assert part("ocri", [case(ocri([image]), 6, 3)]) == ["26 1 5 6"]


def test_every_truncation_is_refused(part) -> None:
    data = ocri([pixels(1, 2, 1), pixels(2, 2, 2)])
    lines = part("ocri", [case(data[:length], 2, 8) for length in range(len(data))])
    assert all(line.split()[0] in ("20", "24") for line in lines)
    # With a checksum that is right for what is left, the records themselves must say so.
    shortened = [data[:12] + words(zlib.crc32(data[16:length])) + data[16:length] for length in range(16, len(data))]
    assert {line.split()[0] for line in part("ocri", [case(one, 2, 8) for one in shortened])} == {"25"}


def test_every_flipped_bit_is_refused(part) -> None:
    data = bytearray(ocri([pixels(2, 2, 1)]))
    damaged = []
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(data))
        data[bit // 8] ^= 1 << bit % 8
    lines = part("ocri", [case(one, 2, 8) for one in damaged])
    assert all(line.split()[0] != "0" for line in lines)


def test_random_records_with_a_good_checksum(part) -> None:
    """Past the checksum, sizes are arbitrary: products that wrap around 32 bits among them."""
    chooser = random.Random(1)
    sizes = [0, 1, 2, 3, 8, 47, 48, 49, 320, 321, 0x55555556, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    cases = []
    for _ in range(4000):
        body = b""
        count = chooser.choice([0, 1, 1, 2, 3, 0xFFFFFFFF])
        for _ in range(min(count, 3)):
            width, height = chooser.choice(sizes), chooser.choice([48, 48, 48, *sizes])
            right = width * height * 3
            size = chooser.choice([right & 0xFFFFFFFF, right & 0xFFFFFFFF, *sizes])
            body += words(width, height, size) + bytes(chooser.choice([min(right + (-right % 4), 50000), 0, 7]))
        body += bytes(chooser.choice([0, 0, 4]))
        cases.append(case(b"OCRI" + struct.pack("<III", 1, count, zlib.crc32(body)) + body))
    lines = part("ocri", cases)
    seen = {line.split()[0] for line in lines}
    assert {"0", "23", "25", "26", "27", "28", "29"} <= seen


def test_random_bytes(part) -> None:
    chooser = random.Random(2)
    cases = [case(b"OCRI" + chooser.randbytes(chooser.randrange(80))) for _ in range(2000)]
    cases += [case(chooser.randbytes(chooser.randrange(80))) for _ in range(2000)]
    assert all(line.split()[0] in ("20", "21", "22", "23", "24") for line in part("ocri", cases))


def test_crc_is_zlibs(part) -> None:
    chooser = random.Random(3)
    blocks = [chooser.randbytes(length) for length in (*range(300), 1000, 65537)]
    lines = part("crc", [words(len(block)) + block for block in blocks])
    assert lines == [f"{zlib.crc32(block):08x}" for block in blocks]
