"""Transparent pictures: the ground on which what is visible can be read, in every form that formats have for alpha."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageChops

from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.inference import PaddleRecognizer

SAMPLES = Path(__file__).resolve().parents[2] / "models" / "samples"
WORD = "word_capital.png"  # black on white
TEXT = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))[WORD]
STROKES = ImageChops.invert(Image.open(SAMPLES / WORD).convert("L"))  # 255 where ink is
SIZE = STROKES.size
INK = STROKES.point(lambda level: 255 if level > 100 else 0)


def ink(colour: tuple[int, int, int], strokes: Image.Image = STROKES) -> Image.Image:
    """The sample's word in one colour, all else transparent."""
    picture = Image.new("RGB", SIZE, colour)
    picture.putalpha(strokes)
    return picture


def over(*layers: Image.Image) -> Image.Image:
    picture = Image.new("RGBA", SIZE)
    for layer in layers:
        picture.alpha_composite(layer)
    return picture


def shadow() -> Image.Image:
    return over(ink((0, 0, 0), ImageChops.offset(STROKES, 2, 2)), ink((255, 255, 255)))


def label(paper: tuple[int, int, int], colour: tuple[int, int, int]) -> Image.Image:
    """A card with transparent margins."""
    card = Image.new("RGBA", SIZE)
    card.paste((*paper, 255), (3, 2, SIZE[0] - 3, SIZE[1] - 2))
    return over(card, ink(colour))


def matted() -> Image.Image:
    """White text whose colours fade to black with the alpha, as a wrong export makes them."""
    pixels = np.asarray(ink((255, 255, 255))).copy()
    pixels[:, :, :3] = pixels[:, :, 3:]
    return Image.fromarray(pixels)


def palette(colours: list[int], levels: int) -> Image.Image:
    strokes = np.asarray(INK if levels == 2 else STROKES).astype(int)
    picture = Image.frombytes("P", SIZE, (strokes * (levels - 1) // 255).astype(np.uint8).tobytes())
    picture.putpalette(colours)
    return picture


def grey_levels(low: int, high: int, kind: type) -> Image.Image:
    return Image.fromarray(np.where(np.asarray(INK) > 0, high, low).astype(kind))


LIGHT: dict[str, tuple[Callable[[], Image.Image], dict[str, object]]] = {
    "RGBA": (lambda: ink((255, 255, 255)), {}),
    "RGBA in yellow": (lambda: ink((255, 230, 0)), {}),
    "RGBA with a shadow": (shadow, {}),
    "RGBA with dark edges": (matted, {}),
    "LA": (lambda: Image.merge("LA", (Image.new("L", SIZE, 255), STROKES)), {}),
    "P, one transparent colour": (lambda: palette([0, 0, 0, 255, 255, 255], 2), {"transparency": 0}),
    "P, white on transparent white": (lambda: palette([255] * 6, 2), {"transparency": 0}),
    "P, alpha for each colour": (lambda: palette([255] * 48, 16), {"transparency": bytes(range(0, 256, 17))}),
    "1 bit": (lambda: INK.convert("1"), {"transparency": 0}),
    "grey, one transparent level": (lambda: grey_levels(3, 250, np.uint8), {"transparency": 3}),
    "16-bit grey, one transparent level": (lambda: grey_levels(300, 64000, np.uint16), {"transparency": 300}),
    "RGB, one transparent colour": (lambda: grey_levels(9, 255, np.uint8).convert("RGB"), {"transparency": (9, 9, 9)}),
}
DARK: dict[str, tuple[Callable[[], Image.Image], dict[str, object]]] = {
    "RGBA": (lambda: ink((0, 0, 0)), {}),
    "RGBA in red": (lambda: ink((200, 0, 0)), {}),
    "a light label": (lambda: label((255, 255, 255), (0, 0, 0)), {}),
    "a dark label": (lambda: label((0, 0, 90), (255, 255, 255)), {}),
    "1 bit": (lambda: ImageChops.invert(INK).convert("1"), {"transparency": 255}),
    "16-bit grey": (lambda: grey_levels(64000, 300, np.uint16), {"transparency": 64000}),
}


@pytest.fixture
def read(paddle_recognizer: PaddleRecognizer) -> Callable[[Path], str]:
    """The bundled model on the host."""

    def text(path: Path) -> str:
        probabilities = paddle_recognizer.probabilities(image.to_tensor(path))
        return ctc.decode(probabilities, paddle_recognizer.charset).text

    return text


@pytest.mark.parametrize("name", LIGHT)
def test_light_text_stands_on_black(tmp_path: Path, read: Callable[[Path], str], name: str) -> None:
    draw, options = LIGHT[name]
    draw().save(tmp_path / "a.png", **options)
    corner = read_image(tmp_path / "a.png")[0, 0]
    assert corner.tolist() == [0, 0, 0]
    assert read(tmp_path / "a.png") == TEXT


@pytest.mark.parametrize("name", DARK)
def test_dark_text_and_labels_stand_on_white(tmp_path: Path, read: Callable[[Path], str], name: str) -> None:
    draw, options = DARK[name]
    draw().save(tmp_path / "a.png", **options)
    corner = read_image(tmp_path / "a.png")[0, 0]
    assert corner.tolist() == [255, 255, 255]
    assert read(tmp_path / "a.png") == TEXT


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0)])
def test_sixteen_bits_with_alpha(tmp_path: Path, read: Callable[[Path], str], colour: tuple[int, int, int]) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.asarray(ink(colour)).astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, 0], 255 - colour[0])
    assert read(tmp_path / "a.png") == TEXT


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_invisible_everywhere_is_read_by_its_colours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    """PaddleOCR does so; a bitmap of 32 bits often has zeros where alpha would be."""
    picture = Image.open(SAMPLES / WORD).convert("RGB" if mode == "RGBA" else "L")
    wanted = np.asarray(picture.convert("RGB"))[:, :, ::-1]
    picture.putalpha(0)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), wanted)
    assert "is transparent everywhere; its colours are read" in " ".join(capsys.readouterr().err.split())


def test_few_bits_keep_their_transparent_level(tmp_path: Path) -> None:
    """A PNG of 2 bits a pixel names its transparent level in 2 bits."""
    path = tmp_path / "a.png"
    levels = np.array([[1, 1, 0, 0]], np.uint8)
    Image.fromarray(levels * 85).save(path)
    content = path.read_bytes()  # of 8 bits, as Pillow writes it; now by hand with 2

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes([0, 0b01010000])))
    path.write_bytes(content[:8] + header + chunk(b"tRNS", struct.pack(">H", 1)) + data + chunk(b"IEND", b""))
    assert read_image(path)[0, :, 0].tolist() == [255, 255, 0, 0]


def test_a_big_picture_is_judged_as_a_whole(tmp_path: Path) -> None:
    """What is visible may lie far below the rows that are converted first."""
    picture = Image.new("RGBA", (2000, 1500))
    picture.paste((255, 255, 255, 255), (500, 1400, 520, 1450))
    picture.save(tmp_path / "a.png")
    pixels = read_image(tmp_path / "a.png")
    assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[1425, 510].tolist() == [255, 255, 255]
