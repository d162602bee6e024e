"""How programs start: streams that are closed stay nobody's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """\
import os, sys
from ocrm55 import start
if sys.argv[2] == "standing in":
    start.stand_in_for_closed_streams()
with open(sys.argv[1], "w") as file:
    os.write(1, b"said by a library")
    print("and by us")
    file.write("ours")
"""


@pytest.mark.parametrize("stand_in", ["standing in", "not"])
def test_what_goes_to_a_closed_stream_reaches_no_file(stand_in: str, tmp_path: Path) -> None:
    line = [sys.executable, "-c", SCRIPT, str(tmp_path / "file"), stand_in]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *line], check=False)
    written = (tmp_path / "file").read_text()
    if stand_in == "not":
        assert "said by" in written, "there is nothing to stand in for here"
    else:
        assert (done.returncode, written) == (0, "ours")


def test_a_program_without_streams_ends_well(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "ocrm55", "headers", "--out", str(tmp_path / "include")]
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *line], check=False, timeout=300)
    assert done.returncode == 0
    assert "labels" in (tmp_path / "include" / "labels.h").read_text()
