"""Anyone's firmware beside the NPU's model: what is refused before QEMU starts, and how QEMU's end is told."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ocrm55.errors import InputError, ToolchainError, UnsupportedError
from ocrm55.simulators import npu_firmware


def a_firmware(folder: Path) -> Path:
    """An ELF file without sections, so without symbols."""
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, 40, 1, 0, 0, 52, 0, 52, 32, 0, 40, 0, 0)
    (folder / "firmware.elf").write_bytes(header)
    return folder / "firmware.elf"


def a_qemu(folder: Path, body: str) -> Path:
    """A script in QEMU's place, which lets go of the socket first."""
    script = folder / "qemu"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return script


def test_without_qemu(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="not installed or not on PATH"):
        npu_firmware.run(a_firmware(tmp_path), "ethos-u55-128", qemu=tmp_path / "absent")


def test_no_elf_file(tmp_path: Path) -> None:
    (tmp_path / "firmware.bin").write_bytes(b"no ELF file")
    with pytest.raises(InputError, match="is not a 32-bit little-endian ELF file"):
        npu_firmware.run(tmp_path / "firmware.bin", "ethos-u55-128", qemu="/bin/true")


def test_another_npu(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="ethos-u99"):
        npu_firmware.run(a_firmware(tmp_path), "ethos-u99", qemu="/bin/true")


def test_output_and_status_are_qemu_s_and_its_usual_warning_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = f"echo 'qemu: {npu_firmware._USUAL}' >&2; echo hello; exit 7"
    words = [str(a_firmware(tmp_path)), "--qemu", str(a_qemu(tmp_path, body))]
    assert npu_firmware.main(words) == 7
    assert capsys.readouterr().out == "hello\n"
