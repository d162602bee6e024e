"""Images of weights: every field is checked, and the newest valid one of several is chosen."""

from __future__ import annotations

import ctypes
import random
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ocrm55 import resources
from ocrm55.package.weights_image import HEADER_BYTES, abi, image

ABI, WEIGHTS = 0x12345678, bytes(range(256)) * 3
OK, NO_POINTER, ADDRESS, SHORT, MAGIC, HEADER, OTHER, OF_ABI, LENGTH, CRC = range(10)

Check = Callable[..., int]


class Slot(ctypes.Structure):
    """struct ocrm55_weights_slot."""

    _fields_ = (("image", ctypes.c_void_p), ("room", ctypes.c_size_t))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    output = tmp_path_factory.mktemp("weights") / "weights.so"
    source = resources.folder("firmware") / "weights" / "weights_image.c"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, str(source), "-o", str(output)], check=True)
    found = ctypes.CDLL(str(output))
    found.ocrm55_weights_words.restype = ctypes.c_char_p
    return found


def placed(data: bytes, shift: int = 0) -> tuple[ctypes.Array[ctypes.c_char], int]:
    """The bytes at an address of whole 16 bytes and `shift`, and that address. The buffer has to live as long."""
    buffer = ctypes.create_string_buffer(len(data) + 32)
    address = (ctypes.addressof(buffer) + 15) // 16 * 16 + shift
    ctypes.memmove(address, data, len(data))
    return buffer, address


def check(library: ctypes.CDLL, data: bytes, *, shift: int = 0, room: int | None = None, wanted: int = ABI) -> int:
    buffer, address = placed(data, shift)
    room = len(data) if room is None else room
    outcome = library.ocrm55_weights_check(ctypes.c_void_p(address), ctypes.c_size_t(room), wanted, len(WEIGHTS))
    del buffer
    return int(outcome)


def crafted(*fields: int) -> bytes:
    """An image whose header has a right CRC, whatever it says."""
    head = b"OCRW" + struct.pack("<6I", *fields)
    return head + struct.pack("<I", zlib.crc32(head)) + WEIGHTS


def test_a_right_image(library: ctypes.CDLL) -> None:
    assert check(library, image(WEIGHTS, ABI, 7)) == OK
    assert crafted(1, ABI, 7, len(WEIGHTS), zlib.crc32(WEIGHTS), 0) == image(WEIGHTS, ABI, 7)
    assert check(library, image(WEIGHTS, ABI, 7) + b"more flash") == OK


def test_every_wrong_field_has_its_code(library: ctypes.CDLL) -> None:
    size, crc = len(WEIGHTS), zlib.crc32(WEIGHTS)
    good = image(WEIGHTS, ABI, 7)
    assert library.ocrm55_weights_check(None, 1000, ABI, size) == NO_POINTER
    assert check(library, good, shift=4) == ADDRESS
    assert check(library, good, room=HEADER_BYTES - 1) == SHORT
    assert check(library, b"\xff" * 1000) == MAGIC
    assert check(library, bytes(1000)) == MAGIC
    assert check(library, crafted(2, ABI, 7, size, crc, 0)) == OTHER
    assert check(library, crafted(1, ABI, 7, size, crc, 1)) == OTHER
    assert check(library, crafted(1, ABI + 1, 7, size, crc, 0)) == OF_ABI
    assert check(library, crafted(1, ABI, 7, size - 16, crc, 0)) == LENGTH
    assert check(library, crafted(1, ABI, 7, 0xFFFFFFFF, crc, 0)) == LENGTH
    assert check(library, good, room=len(good) - 1) == LENGTH
    assert check(library, crafted(1, ABI, 7, size, crc ^ 1, 0)) == CRC
    words = [library.ocrm55_weights_words(outcome) for outcome in range(11)]
    assert len(set(words)) == 11


def test_every_flipped_bit_is_refused(library: ctypes.CDLL) -> None:
    data = bytearray(image(WEIGHTS, ABI, 7))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        assert check(library, bytes(data)) != OK
        data[bit // 8] ^= 1 << bit % 8
    assert check(library, bytes(data)) == OK


def test_the_newest_valid_image_is_chosen(library: ctypes.CDLL) -> None:
    old, new = image(WEIGHTS, ABI, 7), image(WEIGHTS[::-1], ABI, 8)
    broken, other = image(WEIGHTS, ABI, 9)[:-1] + b"\x00", image(WEIGHTS, ABI + 1, 10)
    cases = [([old, new], 1), ([new, old], 0), ([new, new], 0), ([old, broken], 0), ([broken, old, other], 1)]
    cases += [([broken, other], -1), ([], -1), ([bytes(800), old], 1)]
    for images, wanted in cases:
        buffers = [placed(each) for each in images]
        slots = (Slot * len(images))(
            *(Slot(where, len(each)) for (_, where), each in zip(buffers, images, strict=True))
        )
        assert library.ocrm55_weights_newest(slots, len(images), ABI, len(WEIGHTS)) == wanted


def test_random_bytes(library: ctypes.CDLL) -> None:
    chance = random.Random(5)
    for _ in range(2000):
        fields = [chance.choice([0, 1, ABI, len(WEIGHTS), 0xFFFFFFFF, chance.getrandbits(32)]) for _ in range(6)]
        outcome = check(library, crafted(*fields), room=chance.randrange(900))
        assert (outcome == OK) <= (fields == [1, ABI, fields[2], len(WEIGHTS), zlib.crc32(WEIGHTS), 0])


def test_the_abi_is_that_of_the_code_alone() -> None:
    code = {"model.c": "int net_run; int NET_SIZE; /* my model */", "weights.c": "1, 2, 3"}
    renamed = {"model.c": "int two_run; int TWO_SIZE; /* other */", "weights.c": "4, 5"}
    assert abi(code, "net", "my model") == abi(renamed, "two", "other")
    assert abi(code, "net", "my model") != abi(code | {"model.c": "int net_run = 1;"}, "net", "my model")
    assert abi(code, "net", "my model") != abi(code | {"kernel.c": ""}, "net", "my model")


def test_an_image_has_its_header_first(tmp_path: Path) -> None:
    data = image(WEIGHTS, ABI, 3)
    assert data[:4] == b"OCRW" and len(data) == HEADER_BYTES + len(WEIGHTS) and data[HEADER_BYTES:] == WEIGHTS
