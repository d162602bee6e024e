"""Weights as an image in flash: an update replaces them, and the firmware stays; what is wrong is refused."""

from __future__ import annotations

import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.package.weights_image import HEADER_BYTES
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image
from tests import networks
from tests.target import test_package
from tests.target.programs import require
from tests.target.test_package import QEMU, Read
from tests.target.test_two_networks import read, readings

MAIN = Path(__file__).parent / "embedded" / "weights.c"
SLOTS = {"A": 0x28000000, "B": 0x28400000}  # QEMU's board has its flash there, which it lets us write
PICTURES = ("word_camel", "digit")

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Apart:
    """A package whose weights are an image, the folder of pictures.h, and what it reads.

    again, wanted_again: the image of the same network with other int8 ranges, as after more training, and its readings.
    """

    package: Path
    image: bytes
    headers: Path
    wanted: list[Read]
    again: bytes
    wanted_again: list[Read]


@pytest.fixture(scope="module")
def apart(build_dir: Path, tmp_path_factory: pytest.TempPathFactory, models: Path) -> Apart:
    folder = tmp_path_factory.mktemp("apart")
    recipe = networks.RECIPES["small_plain"]
    source = str(recipe.write(folder / "small_plain"))
    samples = models / "samples"
    artifact, retrained = (
        Artifact.read(stages.compiled(stages.Options(build_dir=place, source=source, compile=chosen)).artifact)
        for place, chosen in (
            (build_dir, CompileOptions(decoder="greedy")),
            (folder / "again", CompileOptions(decoder="greedy", calibrate=samples)),
        )
    )
    text, rows, wanted, wanted_again = "#include <stdint.h>\n", "", [], []
    for name in PICTURES:
        pixels = image.resize(read_image(samples / f"{name}.png"), recipe.height, recipe.width)
        text += f"static const uint8_t {name}[] = {{{','.join(map(str, pixels.reshape(-1).tolist()))}}};\n"
        rows += f"    {{{name}, {pixels.shape[1]}}},\n"
        wanted.append(read(artifact, pixels))
        wanted_again.append(read(retrained, pixels))
    text += f"static const struct {{ const uint8_t *pixels; int32_t width; }} pictures[] = {{\n{rows}}};\n"
    (folder / "pictures.h").write_text(text)
    options = ["--source", source, "--decoder", "greedy", "--weights-image", "7"]
    package = test_package.package(folder / "package", build_dir, *options)
    (made,) = (package / "weights").glob("*.bin")
    numbers = made.stat().st_size - HEADER_BYTES - artifact.weight_bytes
    assert made.name == "ocrm55_small_plain.bin" and 0 < numbers < 1000 and numbers % 4 == 0
    ranges = ["--calibrate", str(samples), *options[:-1], "8"]
    (other,) = (test_package.package(folder / "other", folder / "again", *ranges) / "weights").glob("*.bin")
    return Apart(package, made.read_bytes(), folder, wanted, other.read_bytes(), wanted_again)


def numbered(data: bytes, number: int) -> bytes:
    """The same image with another number."""
    head = data[:12] + struct.pack("<I", number) + data[16:28]
    return head + struct.pack("<I", zlib.crc32(head)) + data[HEADER_BYTES:]


def retrained(data: bytes, number: int) -> bytes:
    """An image of other weights: one byte of them differs."""
    weights = bytes([data[HEADER_BYTES] ^ 0x40]) + data[HEADER_BYTES + 1 :]
    head = data[:12] + struct.pack("<III", number, len(weights), zlib.crc32(weights)) + bytes(4)
    return head + struct.pack("<I", zlib.crc32(head)) + weights


@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "clang-19"])
def test_the_newest_valid_image_is_read(compiler: str, apart: Apart, tmp_path: Path) -> None:
    require(compiler)
    example = f"-DPROGRAMS=xip={apart.package / 'examples' / 'xip.c'},{MAIN.with_name('say_port.c')}"
    how = {"how": "subdirectory", "others": [f"-DMAIN={MAIN}", example, f"-DINCLUDES={apart.package / 'examples'}"]}
    built = test_package.build(apart.package, apart.headers, tmp_path / "build", "-mcpu=cortex-m55", compiler, **how)
    program = built / "bare_own"
    assert apart.image[HEADER_BYTES : HEADER_BYTES + 64] not in program.read_bytes()

    def said(program: Path = program, **slots: bytes) -> list[str]:
        loaded = []
        for name, data in slots.items():
            (tmp_path / name).write_bytes(data)
            loaded += ["-device", f"loader,file={tmp_path / name},addr={SLOTS[name]:#x},force-raw=on"]
        words = [*QEMU[:-1], *loaded, "-kernel", str(program)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
        return (done.stdout + done.stderr).splitlines()

    right, none = "The weights are right.", "The slot holds no image of weights."
    first = said(A=apart.image)
    assert first[:3] == [right, none, "slot A"]
    assert [(r.hash, r.text) for r in readings("\n".join(first))] == [(r.hash, r.text) for r in apart.wanted]
    assert said(A=apart.image, B=numbered(apart.image, 8))[2:] == ["slot B", *first[3:]]
    assert said(A=apart.image, B=numbered(apart.image, 6))[2:] == ["slot A", *first[3:]]
    updated = said(A=apart.image, B=retrained(apart.image, 8))
    assert updated[:3] == [right, right, "slot B"] and updated[3:] != first[3:]
    ranged = said(A=apart.image, B=apart.again)
    assert ranged[:3] == [right, right, "slot B"]
    assert [(r.hash, r.text) for r in readings("\n".join(ranged))] == [(r.hash, r.text) for r in apart.wanted_again]
    assert [r.hash for r in apart.wanted_again] != [r.hash for r in apart.wanted]
    damaged = bytearray(numbered(apart.image, 9))
    damaged[-1] ^= 1
    assert said(A=apart.image, B=bytes(damaged)) == [right, "The weights are damaged.", *first[2:]]
    assert said(B=apart.image[: len(apart.image) // 2])[1:] == ["The weights are damaged.", "no weights"]
    other = apart.image[:8] + bytes([apart.image[8] ^ 1]) + apart.image[9:28]
    other += struct.pack("<I", zlib.crc32(other)) + apart.image[HEADER_BYTES:]
    shown = said(built / "bare_xip", A=apart.image, B=numbered(apart.image, 8))
    assert shown[:3] == [right, right, "The second slot is read."] and len(shown) == 4
    assert said(built / "bare_xip", A=other)[2:] == ["There are no weights to read with."]
    assert said(A=other) == ["The image of weights was made for other C.", none, "no weights"]
