"""Command line, fault words, and the whole program on the host under the sanitizers."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from ocrm55.simulators import protocol
from tests.target import fake_artifact as fake
from tests.unit.firmware.host_driver import words


def line(text: str) -> bytes:
    data = text.encode() + b"\0"
    return words(len(data)) + data


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "-|-|0|0"),
        ("   ", "-|-|0|0"),
        ("ocrm55", "-|-|0|0"),
        ("ocrm55 images=a.bin", "a.bin|-|0|0"),
        ("  ocrm55   images=a.bin  stats=1 ", "a.bin|-|1|0"),
        ("fw probabilities=p images=i=j stats=0", "i=j|p|0|0"),
        ("ocrm55 images=a hashes=1", "a|-|0|1"),
        ("ocrm55 hashes=2", "unknown hashes=2"),
        ("ocrm55 images=a images=b", "b|-|0|0"),
        ("images=a", "-|-|0|0"),  # the first word is the program's name, whatever it looks like
        ("ocrm55 images", "unknown images"),
        ("ocrm55 images=", "unknown images="),
        ("ocrm55 stats=2", "unknown stats=2"),
        ("ocrm55 stats=11", "unknown stats=11"),
        ("ocrm55 IMAGES=a", "unknown IMAGES=a"),
        ("ocrm55 images=a b", "unknown b"),
    ],
)
def test_command_line(part, text: str, wanted: str) -> None:
    assert part("options", [line(text)]) == [wanted]


def test_fault_words(part) -> None:
    lines = part("faults", [words(0)])
    rows = [row.split(" ", 3) for row in lines if not row.startswith("exception")]
    assert len({(row[0], row[1]) for row in rows}) == len(rows) == 27
    assert all(bin(int(row[1], 16)).count("1") == 1 for row in rows)
    assert rows[0][2:] == ["STKOF", "stack overflow"]
    names = [row.split(" ", 2)[2] for row in lines if row.startswith("exception")]
    assert names[3:8] == ["HardFault", "MemManage fault", "BusFault", "UsageFault", "SecureFault"]
    assert names[16:] == ["interrupt"] * 4


def test_whole_program(program, tmp_path: Path) -> None:
    frames = fake.text_frames("Gr\u00e9!", 65000)
    (tmp_path / "i.bin").write_bytes(fake.ocri([fake.image(frames=frames), fake.image(), fake.image(width=1)]))
    uart, status = program(tmp_path, "ocrm55 images=i.bin probabilities=p.bin stats=1")
    assert status == 0
    said = protocol.parse(f"{uart}exit status 0\n")
    assert [(one.text, one.score) for one in said.results] == [("Gr\u00e9!", 0.991821), ("", 0.0), ("", 0.0)]
    assert said.results[0].operator_instructions == [10, 10, 10]
    assert said.stack_bytes == 420
    values = np.fromfile(tmp_path / "p.bin", "<f4")
    assert values.size == 3 * 40 * 97


def test_file_larger_than_the_memory(program, tmp_path: Path) -> None:
    (tmp_path / "i.bin").write_bytes(bytes((1 << 20) + 1))
    uart, status = program(tmp_path, "ocrm55 images=i.bin")
    assert status == 14
    assert "is larger than the memory for images" in uart


@pytest.mark.parametrize(
    ("command", "status"), [(None, 11), ("ocrm55", 11), ("ocrm55 images=none", 12), ("ocrm55 what", 10)]
)
def test_complaints(program, tmp_path: Path, command: str | None, status: int) -> None:
    uart, found = program(tmp_path, command)
    assert found == status
    assert re.search(r"^error: .+$", uart, re.MULTILINE)


def test_every_complaint_about_a_file_is_a_sentence(program, tmp_path: Path) -> None:
    """Each status of ocri.c has words, and the words differ."""
    good = fake.image(width=4)
    body = struct.pack("<III", 4, 48, 575) + bytes(576)
    import zlib

    files = {
        20: b"OCRI",
        21: b"JPEG" + bytes(20),
        22: fake.ocri([good], version=7),
        23: fake.ocri([]),
        24: fake.ocri([good], crc=1),
        25: fake.ocri([good], count=2),
        26: fake.ocri([np.zeros((32, 4, 3), np.uint8)]),
        27: fake.ocri([np.zeros((48, 400, 3), np.uint8)]),
        28: b"OCRI" + struct.pack("<III", 1, 1, zlib.crc32(body)) + body,
        29: fake.ocri([good, good], count=1),
    }
    sentences = set()
    for wanted, data in files.items():
        (tmp_path / "i.bin").write_bytes(data)
        uart, status = program(tmp_path, "ocrm55 images=i.bin")
        assert status == wanted
        sentences.add(uart.splitlines()[1])
    assert len(sentences) == len(files)
    assert all(sentence.startswith("error: the file of images i.bin") for sentence in sentences)
