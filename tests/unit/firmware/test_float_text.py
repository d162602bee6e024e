"""The score's digits are Python's own, for every kind of float32."""

import random
import struct

import numpy as np


def printed(value: np.float32) -> str:
    return f"{float(value):.6f}"


def test_random_bit_patterns(part) -> None:
    generator = np.random.default_rng(1)
    values = generator.integers(0, 2**32, 50_000, dtype=np.uint32).view(np.float32)
    lines = part("float", [values.tobytes()])
    assert lines == [printed(value) for value in values]


def test_scores(part) -> None:
    generator = np.random.default_rng(2)
    values = np.concatenate(
        [
            generator.random(50_000, np.float32),
            np.float32(1) - generator.random(5_000, np.float32) * np.float32(1e-5),
            generator.random(5_000, np.float32) * np.float32(1e-5),
        ]
    ).astype(np.float32)
    assert part("float", [values.tobytes()]) == [printed(value) for value in values]


def test_rounding_ties(part) -> None:
    """A tie at the seventh digit: an odd multiple of 5e-7 that float32 holds exactly is an odd multiple of 2^-7."""
    values = [np.float32(n / 128) for n in range(1, 4096, 2)]  # n / 128 = ...  five at the seventh digit
    ties = [value for value in values if (float(value) * 1e6) % 1 == 0.5]
    assert len(ties) == len(values)
    assert part("float", [np.array(values, np.float32).tobytes()]) == [printed(value) for value in values]


def test_special_values(part) -> None:
    bits = [0, 0x80000000, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000, 0x3F7FFFFF]
    bits += [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001, 0x4B000000, 0x4AFFFFFF, 0x4B7FFFFF, 0x4B800000]
    values = [struct.unpack("<f", struct.pack("<I", one))[0] for one in bits]
    assert part("float", [struct.pack(f"<{len(bits)}I", *bits)]) == [f"{value:.6f}" for value in values]


def test_neighbours_of_every_power_of_two(part) -> None:
    bits = [exponent << 23 | low for exponent in range(255) for low in (0, 1, 2, 0x400000, 0x7FFFFF)]
    bits += [random.Random(3).getrandbits(31) % 0x7F800000 for _ in range(10_000)]
    values = np.array(bits, np.uint32).view(np.float32)
    assert part("float", [values.tobytes()]) == [printed(value) for value in values]
