"""Any picture, in any format, size, mode and orientation, whole or cut: a recognition, or one sentence."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ocrm55.errors import InputError
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.inference import PaddleRecognizer

MODES = {
    "PNG": ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("1", "L", "P", "RGB"),
    "TIFF": ("1", "L", "LA", "I;16", "F", "RGB", "RGBA", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("L", "P"),
    "PPM": ("1", "L", "RGB"),
}
KINDS = st.sampled_from([(kind, mode) for kind, modes in MODES.items() for mode in modes])
SIZES = st.one_of(
    st.sampled_from([(1, 1), (1, 5000), (5000, 1), (2, 3000), (48, 320), (320, 48)]),
    st.tuples(st.integers(1, 400), st.integers(1, 120)),
)
# What an orientation of EXIF asks for, done with numpy to rows and columns.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}

pytestmark = pytest.mark.slow


def examples(count: int) -> settings:
    unasked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=unasked)


def draw(size: tuple[int, int], mode: str, seed: int) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), np.uint8)
    if mode == "I;16":
        return Image.fromarray(levels.astype(np.uint16) * 257)
    return Image.fromarray(levels).convert(mode)


def encode(picture: Image.Image, kind: str, orientation: int) -> bytes:
    file, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = orientation
    picture.save(file, kind, **({"exif": turned} if kind in ("JPEG", "PNG", "WEBP") else {}))
    return file.getvalue()


@examples(60)
@given(KINDS, SIZES, st.sampled_from(list(TURNS)), st.integers(0, 2**32 - 1))
def test_whole_pictures_are_recognised(
    paddle_recognizer: PaddleRecognizer,
    tmp_path: Path,
    kind: tuple[str, str],
    size: tuple[int, int],
    turn: int,
    seed: int,
) -> None:
    (tmp_path / "picture").write_bytes(encode(draw(size, kind[1], seed), kind[0], turn))
    pixels = read_image(tmp_path / "picture")
    turned = turn >= 5 and kind[0] in ("JPEG", "PNG", "WEBP")
    assert pixels.shape[:2] == (size if turned else size[::-1])
    found = ctc.decode(
        paddle_recognizer.probabilities(image.to_tensor(tmp_path / "picture")), paddle_recognizer.charset
    )
    assert 0.0 <= found.score <= 1.0
    assert found.text.isprintable()


@examples(60)
@given(SIZES, st.sampled_from(list(TURNS)), st.integers(0, 2**32 - 1))
def test_orientation_is_undone(tmp_path: Path, size: tuple[int, int], turn: int, seed: int) -> None:
    picture = draw(size, "L", seed)
    (tmp_path / "picture.png").write_bytes(encode(picture, "PNG", turn))
    wanted = np.repeat(TURNS[turn](np.asarray(picture))[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / "picture.png"), wanted)


@examples(150)
@given(st.data(), KINDS, st.integers(0, 2**32 - 1))
def test_damaged_pictures_are_pixels_or_one_sentence(
    tmp_path: Path, data: st.DataObject, kind: tuple[str, str], seed: int
) -> None:
    encoded = bytearray(encode(draw((40, 12), kind[1], seed), kind[0], 1))
    for _ in range(data.draw(st.integers(0, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.one_of(st.just(len(encoded)), st.integers(0, len(encoded))))
    (tmp_path / "picture").write_bytes(encoded[:kept])
    try:
        pixels = read_image(tmp_path / "picture")
    except InputError as trouble:
        assert trouble.sentence.endswith(".") and trouble.sentence.isprintable()
        assert str(tmp_path) in trouble.sentence
    else:
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and 0 not in pixels.shape
        assert 1 <= image.resize(pixels).shape[1] <= image.WIDTH


@examples(100)
@given(st.binary(min_size=1, max_size=300).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_names_that_only_a_file_system_understands(tmp_path: Path, name: bytes) -> None:
    """Line breaks, escape sequences of a terminal, bytes that are no UTF-8, names that are too long."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert caught.value.sentence.isprintable()
    caught.value.sentence.encode()  # a terminal takes it
