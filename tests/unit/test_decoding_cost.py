"""Pictures that would take more memory or time than a picture of text may: refused before they are decoded."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from ocrm55 import pictures
from ocrm55.errors import InputError
from ocrm55.pictures import read_image
from tests import yardstick

YARDSTICKS = 100  # of a processor, as tests/yardstick.py measures this computer
SIDE = 6900  # just below the limit of pixels when it is a square


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def webp(path: Path) -> None:
    Image.new("RGB", (16000, 3000), "white").save(path, "WEBP", lossless=True, method=0)


def progressive(path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE), "white").save(path, "JPEG", progressive=True, subsampling=0, quality=20)


def tiff_of_one_tile(path: Path) -> None:
    """An image of 16 pixels in a tile of 20,000 by 20,000, which deflate makes small."""
    whole = zlib.compress(bytes(20_000 * 16))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in {256: 4, 257: 4, 258: 8, 259: 8, 262: 1, 277: 1, 322: 20_000, 323: 20_000}.items():
        tags[tag] = value
    tags[324], tags[325] = 8, len(whole)
    place = 8 + len(whole)
    header = b"II*\0" + struct.pack("<I", place)
    path.write_bytes(header + whole + tags.tobytes(place))


def plain_ppm(path: Path) -> None:
    path.write_bytes(b"P3 6900 6900 255\n" + b"1 " * 10_000)


def many_pixels(path: Path) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


def gif_screen(path: Path) -> None:
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;")


def sparse(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path, "PNG")
    os.truncate(path, 1 << 40)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a WebP of two canvases": (webp, "MB to decode"),
    "coefficients of a progressive JPEG": (progressive, "MB to decode"),
    "one huge tile": (tiff_of_one_tile, "MB to decode"),
    "text that Python decodes": (plain_ppm, "MB to decode"),
    "a header only": (many_pixels, "too many"),
    "a GIF's screen": (gif_screen, "too many"),
    "a sparse file": (sparse, "more than an image of text"),
}
MEASURED = """
import sys
import time
from pathlib import Path
from ocrm55.errors import InputError
from ocrm55.pictures import read_image
begun = time.process_time()
try:
    read_image(Path(sys.argv[1]))
except InputError as refused:
    print(refused.sentence)
print(time.process_time() - begun)
print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])
"""


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_time_and_memory(tmp_path: Path, name: str) -> None:
    make, sentence = REFUSED[name]
    make(tmp_path / "a")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "a")], capture_output=True, text=True, check=True, timeout=600
    )
    said, taken, used = done.stdout.splitlines()
    assert sentence in said
    assert int(used) < 512 << 10  # KB
    assert float(taken) < YARDSTICKS * yardstick.seconds()


def test_the_largest_picture_stays_within_the_bound(tmp_path: Path) -> None:
    """48 megapixels of a telephone, turned: decoded, converted and turned, one after the other."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8064, 6048), "white").save(tmp_path / "a", "JPEG", exif=exif)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "a")], capture_output=True, text=True, check=True, timeout=120
    )
    _, used = done.stdout.splitlines()
    assert int(used) < 560 << 10


def test_scans_without_end(tmp_path: Path) -> None:
    """Every scan of a progressive JPEG goes over the whole picture: some thousand bytes would take minutes."""
    path = tmp_path / "a.jpg"
    Image.new("RGB", (3000, 3000), "white").save(path, progressive=True)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:last] + content[last:-2] * 3000 + content[-2:])
    with pytest.raises(InputError, match="scans"):
        read_image(path)


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_frames_without_end_are_not_counted(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pictures, "_COUNTED", {})
    monkeypatch.setattr(pictures, "_COUNTED_OTHERS", 100)
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a").shape == (6, 8, 3)
    assert "has many frames; the first one is read" in " ".join(capsys.readouterr().err.split())


def test_devices_and_the_kernels_files_are_refused(tmp_path: Path) -> None:
    for device in ("/dev/zero", "/dev/null", "/dev/urandom"):
        with pytest.raises(InputError, match="not a regular file"):
            read_image(Path(device))
    (tmp_path / "link.png").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="not a regular file"):
        read_image(tmp_path / "link.png")
    with pytest.raises(InputError, match="is empty"):
        read_image(Path("/proc/self/status"))


def test_orientations_as_pillow_turns_them(tmp_path: Path) -> None:
    from PIL import ImageOps

    ramp = np.arange(4 * 7 * 3, dtype=np.uint8).reshape(4, 7, 3)
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(ramp).save(tmp_path / "a.png", exif=exif)
        with Image.open(tmp_path / "a.png") as image:
            wanted = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), wanted[:, :, ::-1])
