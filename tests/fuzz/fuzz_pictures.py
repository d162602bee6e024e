"""Fuzzer of image files: any bytes are an image of at least one pixel, or one sentence."""

import io
from collections.abc import Iterator
from unittest import mock

from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.pictures", "ocrm55.decoding_cost", "ocrm55.transparency", "ocrm55.tasks.recognizer.image", "PIL"]
_FILE = scratch() / "picture"


def _read() -> None:
    import numpy as np

    from ocrm55 import pictures
    from ocrm55.tasks.recognizer import image

    with mock.patch.object(pictures, "MAX_PIXELS", 1 << 16):  # a fuzzer decodes some hundred of these a second
        pixels = pictures.read_image(_FILE)
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size > 0
    scaled = image.resize(pixels)
    assert scaled.shape[0] == image.HEIGHT and 1 <= scaled.shape[1] <= image.WIDTH
    assert np.isfinite(image.normalise(scaled)).all()


def one_input(data: bytes) -> None:
    _FILE.write_bytes(data)
    attempt(_read)


def seeds() -> Iterator[bytes]:
    """A small picture in every format that is read, in the modes that it has."""
    from PIL import Image

    grey = Image.linear_gradient("L").resize((24, 8))
    turned = Image.Exif()
    turned[0x0112] = 6  # rotated by 90 degrees
    for kind, modes in {
        "PNG": ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"),
        "JPEG": ("L", "RGB", "CMYK"),
        "BMP": ("1", "L", "P", "RGB"),
        "TIFF": ("1", "L", "I;16", "F", "RGB", "CMYK"),
        "WEBP": ("RGB", "RGBA"),
        "GIF": ("L", "P"),
        "PPM": ("1", "L", "RGB"),
    }.items():
        for mode in modes:
            file = io.BytesIO()
            picture = grey.convert("I").convert(mode) if mode == "I;16" else grey.convert(mode)
            picture.save(file, kind, **({"exif": turned} if kind in ("JPEG", "WEBP") else {}))
            yield file.getvalue()
    for mode, key in (("1", 255), ("L", 7), ("P", bytes(range(200))), ("RGB", (7, 7, 7)), ("I;16", 300)):
        file = io.BytesIO()
        picture = grey.convert("I").convert(mode) if mode == "I;16" else grey.convert(mode)
        picture.save(file, "PNG", transparency=key)
        yield file.getvalue()


if __name__ == "__main__":
    fuzz(one_input, MODULES)
