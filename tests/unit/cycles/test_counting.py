"""The plugin's data cache, without QEMU: plugin_host.c hands it accesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55 import processes
from ocrm55.cycles.counting import SOURCE
from ocrm55.cycles.counts import Traffic, of_plugin

HOST = Path(__file__).with_name("plugin_host.c")
REGION = {1: "region 1000 4000 BACK 1", 2: "region 1000 4000 THROUGH 2", 0: "region 1000 4000 TCM 0"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("plugin") / "host"
    warnings = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror"]
    done = processes.completed(["gcc", *warnings, f'-DBLOCKCOUNT="{SOURCE}"', str(HOST), "-o", str(program)], 60)
    assert done.returncode == 0, done.stderr
    return program


def traffic(host: Path, kind: int, accesses: str, folder: Path) -> Traffic:
    """What accesses make of a cache of 4096 bytes: 32 sets of 4 ways."""
    (folder / "plan").write_text(f"cache 4096\n{REGION[kind]}\n")
    done = processes.completed([str(host), f"plan={folder / 'plan'}", f"out={folder / 'out'}", *accesses.split()], 60)
    assert done.returncode == 0, done.stderr
    counts = of_plugin((folder / "out").read_text())
    return counts.memory[0, REGION[kind].split()[3]]


@pytest.mark.parametrize(
    ("kind", "accesses", "fills", "written_back"),
    [
        (1, "l1000 l1004 l1020", 2, 0),
        (1, "s1000 l1000 s1004", 1, 0),  # a store fetches its line
        (2, "s1000 s1004 s1020", 0, 0),  # but not where it goes through
        (2, "s1000 l1000 s1000 l1000", 1, 0),  # and leaves the line that a load fetched
        (1, "s1000 l1400 l1800 l1c00 l1000 l1000", 4, 0),  # four lines of one set
        (1, "s1000 l1400 l1800 l1c00 l2000", 5, 1),  # the fifth makes room by the oldest, which was changed
        (2, "l1000 s1000 l1400 l1800 l1c00 l2000", 5, 0),
        (0, "l1000 s1000", 0, 0),
    ],
)
def test_lines(host: Path, tmp_path: Path, kind: int, accesses: str, fills: int, written_back: int) -> None:
    found = traffic(host, kind, accesses, tmp_path)
    assert found.fills == (fills, fills)
    assert found.written_back == written_back
    assert found.bytes_read + found.bytes_written == 4 * len(accesses.split())
