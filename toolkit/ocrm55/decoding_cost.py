"""The memory that decoding a picture takes, read from its header, because small files can claim a lot.

Pillow bounds the pixels only. Its decoders hold more than those: both canvases of a WebP animation, the coefficients of
a progressive JPEG, a TIFF's tile of any size.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image

_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # a pixel in Pillow; others take 4
_WEBP = 16  # a pixel: two canvases, the decoded frame, and the copy that Python gets
_PYTHON = 8  # a pixel: formats that Pillow decodes in Python, as PPM's text and BMP's runs
_IN_PYTHON = ("ppm", "ppm_plain", "bmp_rle")
_MOST_SCANS = 4e9  # pixels times scans of a progressive JPEG: each scan goes over the whole picture

_TILE_WIDTH, _TILE_HEIGHT, _ROWS_PER_STRIP, _BITS = 322, 323, 278, 258
_SCAN = 0xDA
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def estimate(image: Image.Image, file: BinaryIO) -> int:
    """Bytes that decoding the first frame takes at most, roughly. The file's position stays.

    Raises ValueError for a JPEG that would take minutes.
    """
    pixels = image.width * image.height
    needed = pixels * _BYTES.get(image.mode, 4)
    if image.format == "WEBP":
        return pixels * _WEBP
    tiles = getattr(image, "tile", None)
    decoder = tiles[0].codec_name if tiles else ""
    if decoder == "libtiff":
        return needed + _tile(image)
    if image.format in ("JPEG", "MPO"):
        return needed + _coefficients(pixels, file)
    return needed + (pixels * _PYTHON if decoder in _IN_PYTHON else 0)


def _tile(image: Image.Image) -> int:
    """Bytes of one of a TIFF's tiles or strips, which libtiff decodes whole."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    samples = len(image.getbands())
    bits = max(tags.get(_BITS, (8,)))
    width = max(image.width, int(tags.get(_TILE_WIDTH, 0)))
    if _TILE_HEIGHT in tags:
        height = int(tags[_TILE_HEIGHT])
    else:
        height = min(int(tags.get(_ROWS_PER_STRIP, image.height)), image.height)
    return width * height * samples * max(bits, 8) // 8


def _coefficients(pixels: int, file: BinaryIO) -> int:
    """Bytes of a JPEG's coefficients where all are kept until the last scan: 2 for each sample."""
    place = file.tell()
    try:
        file.seek(0)
        data = file.read()
    finally:
        file.seek(place)
    samples, progressive = _header(data)
    if not progressive:
        return 0
    scans = data.count(bytes([0xFF, _SCAN]))
    if pixels * scans > _MOST_SCANS:
        raise ValueError(f"it has {scans:,} scans")
    return int(pixels * samples * 2)


def _header(data: bytes) -> tuple[float, bool]:
    """Samples for each pixel, and whether they come in several scans."""
    place, components, samples, progressive = 2, 0, 3.0, False
    while place + 4 <= len(data):
        if data[place] != 0xFF or data[place + 1] in (0xFF, 0x00, 0x01):
            place += 1
            continue
        kind = data[place + 1]
        (length,) = struct.unpack_from(">H", data, place + 2)
        body = data[place + 4 : place + 2 + length]
        if kind in _FRAMES and len(body) >= 6:
            progressive = kind in _PROGRESSIVE
            components = body[5]
            factors = [(body[i] >> 4, body[i] & 15) for i in range(7, min(len(body), 6 + 3 * components), 3)]
            largest = max((h for h, _ in factors), default=1) * max((v for _, v in factors), default=1)
            samples = sum(h * v for h, v in factors) / max(largest, 1)
        if kind == _SCAN:
            return samples, progressive or bool(body and body[0] < components)
        place += 2 + length
    return samples, progressive
