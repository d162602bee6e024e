"""Firmware of a stranger gets nothing of the host's but the folder of its run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ocrm55 import confinement
from ocrm55.errors import TargetError
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request
from tests.target.programs import require

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(confinement.version() == 0, reason="this kernel has no Landlock"),
]
SOURCE = Path(__file__).with_name("stranger.c")


@pytest.mark.parametrize("link", [False, True])
def test_a_stranger_reads_writes_and_starts_nothing(tmp_path: Path, link: bool) -> None:
    require("arm-none-eabi-gcc", "qemu-system-arm")
    secret, outside, mark = tmp_path / "secret.txt", tmp_path / "outside.txt", tmp_path / "mark"
    secret.write_text("the user's own")
    names = {"SECRET": secret, "OUTSIDE": outside, "COMMAND": f"touch {mark}"}
    elf = tmp_path / "stranger.elf"
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb", "-O1", "-nostartfiles", "--specs=nosys.specs"]
    command += [f'-D{name}="{value}"' for name, value in names.items()]
    command += ["-Wl,-Ttext=0x100", "-Wl,--section-start=.vectors=0", "-Wl,-Tdata=0x20000000", "-Wl,-Tbss=0x20000100"]
    subprocess.run([*command, str(SOURCE), "-o", str(elf)], check=True, timeout=60)
    if link:  # the ELF that the simulator is given may be a link
        (tmp_path / "link.elf").symlink_to(elf)
        elf = tmp_path / "link.elf"
    with pytest.raises(TargetError) as refused:
        find_simulator("qemu", None).run(Request(elf, [], timeout_s=60))
    assert "not written within" in str(refused.value)  # it ran; QEMU ends it when it asks for a program
    assert "the user's own" not in str(refused.value)
    assert not outside.exists()
    assert not mark.exists()
