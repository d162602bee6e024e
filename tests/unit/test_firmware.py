"""What `build` refuses before any compiler runs; ELF files and memory maps that are none."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from ocrm55 import boards, elf, firmware
from ocrm55.errors import InputError, OutputError, ToolchainError
from tests.target import fake_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_artifact.write(tmp_path_factory.mktemp("firmware") / "an artifact")


def test_not_an_artifact(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no include/ocrm55_model\.h"):
        firmware.build(tmp_path, tmp_path / "fw")


def test_missing_tools(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="`arm-none-eabi-gcc`, `cmake`, `ninja` are not installed") as caught:
        firmware.build(artifact, tmp_path / "fw")
    assert caught.value.tries[0] == ("sudo apt-get install cmake gcc-arm-none-eabi libnewlib-arm-none-eabi ninja-build")
    assert not (tmp_path / "fw").exists()


def test_unknown_tool_chain(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no tool chain `icc`"):
        firmware.build(artifact, tmp_path / "fw", toolchain="icc")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + bytes(100), b"text" * 30])
def test_not_an_elf(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.elf"
    file.write_bytes(content)
    with pytest.raises(InputError, match="not a 32-bit little-endian ELF"):
        elf.read_sections(file)
    with pytest.raises(InputError, match="cannot be read"):
        elf.read_sections(tmp_path)


def test_memory_map() -> None:
    board = boards.find().memories
    assert board.region_of("arena").name == "ISRAM"
    assert board.region_of("arena").size == 2 * 1024 * 1024
    assert board.region_of("weights").origin == 0x60000000
    ends = sorted((region.origin, region.origin + region.size) for region in board.regions.values())
    assert all(first[1] <= second[0] for first, second in pairwise(ends))
    assert all(end <= 0x80000000 for _, end in ends)  # device memory lies above, where Helium faults


def test_a_linked_build_folder_is_neither_followed_nor_removed(tmp_path: Path) -> None:
    """A build folder of somebody else's may hold links to what is yours."""
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "ocrm55_model.h").write_text("")
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("CMakeCache.txt", "precious"):
        (mine / name).write_text("mine")
    (tmp_path / "int8-firmware").symlink_to(mine)
    with pytest.raises(OutputError, match="int8-firmware is a link"):
        firmware.build(tmp_path, tmp_path / "int8-firmware")
    assert sorted(path.name for path in mine.iterdir()) == ["CMakeCache.txt", "precious"]


def test_a_program_that_is_too_large_is_told_what_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = "ld: region `ITCM' overflowed by 1234 bytes"

    def command(*given: object, explain: Callable[[str], str | None], tries: list[str], **_: object) -> None:
        raise ToolchainError(explain(printed) or "", tries)

    monkeypatch.setattr(firmware.console, "command", command)
    with pytest.raises(ToolchainError, match="does not fit: ITCM is too small by 1,234 bytes") as found:
        firmware._cmake(["cmake"], tmp_path, ["ocrm55 doctor"])
    assert found.value.tries == ["give that memory more room, or place less in it, by a file for --memory-map"]
