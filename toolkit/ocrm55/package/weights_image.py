"""Weights as an image of their own, for updates that leave the firmware alone: firmware/weights/ocrm55_weights.h."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Mapping

VERSION = 1
HEADER_BYTES = 32
HEADER = "ocrm55_weights.h"
SOURCES = ("weights_image.c", HEADER)  # of firmware/weights
_OF_WEIGHTS = re.compile(r"weights\.[ch]")


def image(weights: bytes, abi: int, number: int) -> bytes:
    """The image of weights: header and bytes. number: the higher, the newer."""
    head = b"OCRW" + struct.pack("<6I", VERSION, abi, number, len(weights), zlib.crc32(weights), 0)
    return head + struct.pack("<I", zlib.crc32(head)) + weights


def abi(sources: Mapping[str, str], prefix: str, model: str) -> int:
    """A hash of the C that reads the weights, whatever its network is called.

    sources: the generated files and the kernels, by name; those that hold weights do not count.
    """
    found = hashlib.sha256()
    names = re.compile(rf"{re.escape(prefix)}|{re.escape(prefix.upper())}|{re.escape(model)}")
    files = (f"{name}\n{text}" for name, text in sources.items() if not _OF_WEIGHTS.fullmatch(name))
    for text in sorted(names.sub("NAME", each) for each in files):  # the network's name decides no order
        found.update(text.encode())
    return int.from_bytes(found.digest()[:4], "little")
