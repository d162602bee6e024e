"""Reading image files: good ones against OpenCV, bad ones against one sentence each."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocrm55.errors import InputError
from ocrm55.pictures import read_image

RAMP = np.arange(12 * 20 * 3, dtype=np.uint32).reshape(12, 20, 3).astype(np.uint8)  # RGB, no two neighbours alike
GREY = RAMP[:, :, 0].copy()


def save(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)
    return path


# What is read


def test_samples_as_opencv_reads_them(samples: dict[Path, str]) -> None:
    for path in samples:
        np.testing.assert_array_equal(read_image(path), cv2.imread(str(path)))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_colours_arrive_as_blue_green_red(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", RAMP, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_image(path), RAMP[:, :, ::-1])


def test_jpeg_is_close_to_opencv(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(RAMP).resize((160, 96)), quality=95)
    difference = read_image(path).astype(int) - cv2.imread(str(path)).astype(int)
    assert np.abs(difference).max() <= 3  # two libraries, two inverse transforms


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_few_colours(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(GREY).convert(mode)
    path = save(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(read_image(path), np.asarray(picture.convert("RGB"))[:, :, ::-1])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    picture = Image.new(mode, (4, 2), (0, 0, 0, 0) if mode == "RGBA" else (0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 255) if mode == "RGBA" else (0, 255))
    pixels = read_image(save(tmp_path / "a.png", picture))
    assert pixels[0, 1].tolist() == [0, 0, 0]
    assert np.delete(pixels.reshape(-1, 3), 1, axis=0).min() == 255


def test_half_transparent_is_mixed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.new("RGBA", (2, 2), (0, 100, 200, 128)))
    assert read_image(path)[0, 0].tolist() == pytest.approx([227, 177, 127], abs=1)


def test_transparent_palette(tmp_path: Path) -> None:
    picture = Image.new("P", (3, 2), 0)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.putpixel((0, 0), 1)
    pixels = read_image(save(tmp_path / "a.png", picture, transparency=0))
    assert pixels[0, 0].tolist() == [30, 20, 10]
    assert pixels[1, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize("colour", [0, 3])
def test_sixteen_bits_keep_the_upper_byte(tmp_path: Path, colour: int) -> None:
    levels = np.arange(0, 65536, 273, dtype=np.uint16)[:240].reshape(12, 20)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.dstack([levels] * colour) if colour else levels)
    wanted = cv2.imread(str(path))  # OpenCV converts 16 bit to 8 as well
    assert np.abs(read_image(path).astype(int) - wanted).max() <= 1


def test_float_tiff(tmp_path: Path) -> None:
    levels = np.linspace(0, 1, 240, dtype=np.float32).reshape(12, 20)
    unit = read_image(save(tmp_path / "unit.tiff", levels))
    np.testing.assert_array_equal(unit, read_image(save(tmp_path / "byte.tiff", levels * 255)))
    np.testing.assert_array_equal(unit, read_image(save(tmp_path / "wide.tiff", levels * 4000 - 2000)))
    assert (unit.min(), unit.max()) == (0, 255)


def test_constant_float_tiff_is_defined(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.tiff", np.full((4, 4), 1e6, np.float32))).shape == (4, 4, 3)


def test_cmyk(tmp_path: Path) -> None:
    pixels = read_image(save(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=100))
    assert pixels[8, 8].tolist() == pytest.approx([0, 0, 255], abs=3)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_rotation(tmp_path: Path, orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_image(save(tmp_path / "a.png", RAMP, exif=exif))
    np.testing.assert_array_equal(pixels, np.rot90(RAMP, turns)[:, :, ::-1])


def test_animation_gives_its_first_frame_and_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_image(path)[3, 3].tolist() == [0, 0, 255]
    assert "has 3 frames; the first one is read" in capsys.readouterr().err


# What is refused


def png_header(width: int, height: int) -> bytes:
    """A PNG that only claims a size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def whole_png(tmp_path: Path) -> bytes:
    return save(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).read_bytes()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"this is text, whatever its name says\n", "not an image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image of a known format"),
        (b"%PDF-1.7\n", "not an image of a known format"),
        (b"\x89PNG\r\n\x1a\n", "not an image|cannot be decoded"),
        (png_header(0, 7), "cannot be decoded|no pixels|not an image"),
        (png_header(30, 7), "cannot be decoded"),
        (png_header(100_000, 100_000), "too many"),
        (png_header(9_000, 9_000), "too many"),
        (b"GIF89a\x08\x00\x08\x00", "cannot be decoded|not an image"),
    ],
)
def test_bad_content_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as refused:
        read_image(path)
    assert str(path) in refused.value.sentence
    assert "\n" not in refused.value.sentence


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_truncated(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    content = save(tmp_path / f"whole.{suffix}", noise).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match="cut"):
        read_image(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no image .*absent\.png"):
        read_image(tmp_path / "absent.png")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not an image"):
        read_image(tmp_path)


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="not a regular file"):
        read_image(tmp_path / "pipe.png")


def test_name_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("x" * 300 + ".png", "nul\0.png"):
        with pytest.raises(InputError):
            read_image(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_no_permission(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", RAMP)
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        read_image(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_never_surprise(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever bytes are flipped and wherever the file ends, it is read or refused, and nothing else comes out."""
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(whole_png(folder))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "damaged.png"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        pixels = read_image(path)
    except InputError as refused:
        assert "\n" not in refused.sentence
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
