"""Fuzzer of what a browser sends to `ocrm55 live`, and of regions of frames on the command line.

The first byte chooses the reader, the rest is the message, the picture or the region.
"""

import io
import json
from collections.abc import Iterator

from tests.fuzz import mutations
from tests.fuzz.one_sentence import attempt, fuzz

MODULES = [
    "ocrm55.live.session",
    "ocrm55.live.engine",
    "ocrm55.live.steady",
    "ocrm55.page.camera",
    "ocrm55.tasks.page.region",
]
_LABELS = ("", *"0123456789ABCDEFabcdef-./ ")
STEPS = 40


def _message(data: bytes) -> None:
    """A message as a tab takes it; settings stay within their ranges, whatever they were."""
    from ocrm55.live import session
    from ocrm55.tasks.recognizer.restriction.restriction import compile_restriction

    compile_restriction.cache_clear()
    tab = session.Session(None, _LABELS, STEPS)  # type: ignore[arg-type]
    message = session.message_of(data.decode("utf-8", "replace"))
    if message["type"] != "settings":
        return
    tab.change(session.settings_of(message))
    asked = tab.settings
    assert 1 <= asked.clock <= 2000 and 0 <= asked.threshold <= 1
    if asked.region is not None:
        x, y, width, height = asked.region
        assert 0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1


def _frame(data: bytes) -> None:
    from ocrm55.live import engine

    pixels = engine.pixels_of(data)
    assert pixels.dtype == "uint8" and pixels.ndim == 3 and 1 <= max(pixels.shape[:2]) <= engine.LONGEST


def _region(data: bytes) -> None:
    """A region, and the crop of it out of a small frame."""
    import numpy as np

    from ocrm55.page import camera
    from ocrm55.tasks.page.region import Polarity, region

    box = camera.parse_region(data.decode("utf-8", "replace"))
    crop = region(np.zeros((24, 32, 3), np.uint8), box, 48, 320, Polarity.AS_IT_IS)
    assert crop.shape[0] == 48 and 1 <= crop.shape[1] <= 320


READERS = (_message, _frame, _region)


def one_input(data: bytes) -> None:
    if data:
        attempt(lambda: READERS[data[0] % len(READERS)](data[1:]))


def _picture(kind: str, mode: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.linear_gradient("L").resize((16, 9)).convert(mode).save(file, kind)
    return file.getvalue()


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Messages as JSON, regions as numbers, pictures as bytes."""
    match data[0] % len(READERS) if data else 1:
        case 0:
            return mutations.json_after_first_byte(data, most, seed)
        case 2:
            return mutations.lines(data, most, seed)
    return mutations.bytes_within(data, most)


def seeds() -> Iterator[bytes]:
    settings = {
        "type": "settings", "engine": "native", "clock": 400, "region": [0.1, 0.2, 0.5, 0.3], "allow": "0-9",
        "pattern": "[0-9]{3}", "threshold": 0.8,
    }  # fmt: skip
    yield b"\0" + json.dumps(settings).encode()
    yield b"\0" + json.dumps(settings | {"engine": "qemu", "region": None, "pattern": ""}).encode()
    yield from (b"\0" + text for text in (b'{"type": "prove"}', b'{"type": "stop"}', b"[" * 3000, b"1", b"\xff"))
    for kind, mode in (("PNG", "RGB"), ("PNG", "LA"), ("JPEG", "RGB"), ("WEBP", "RGB")):
        yield b"\1" + _picture(kind, mode)
    yield from (b"\2" + text for text in (b"1,2,8,4", b"0,0,9,1,9,7,0,8", b"-5,-5,99,99", b"0,0,0,0", b"nan,1,2,3"))
    yield from (b"\2" + text for text in (b"1e400,0,5,5", b"0,0,0,0,0,0,0,0", b"9,9,0,0,9,9,0,0", b"8191,0,1,1"))


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutate)
