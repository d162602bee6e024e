"""A run is heard while it runs, in whole lines, and ends with all that it started when it is stopped."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from ocrm55 import confinement, processes
from ocrm55.errors import TargetError
from ocrm55.simulators import base, fvp
from ocrm55.simulators.listener import Listener

IDENTITY = "ocrm55 0.1.0 m float32 1x3x48x320 arena 16"
PATIENCE_S = 60


def run(script: str, folder: Path, listener: Listener) -> int:
    """A shell script whose output is heard; its status."""
    output = folder / "output"
    with (
        output.open("wb") as file,
        processes.running(["/bin/sh", "-c", script], stdout=file, cwd=folder) as process,
        listener.attending(process, output),
    ):
        return process.wait(PATIENCE_S)


def test_lines_are_heard_while_the_run_goes_on(tmp_path: Path) -> None:
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)
        (tmp_path / "heard").touch()  # the script waits for it: who hears at the end only waits for ever

    script = "echo one; while ! [ -e heard ]; do sleep 0.05; done; printf 'tw'; sleep 0.3; echo o; printf three"
    assert run(script, tmp_path, Listener(hear)) == 0
    assert heard[0] == "one\n"
    assert "".join(heard) == "one\ntwo\nthree"
    assert all(each.endswith("\n") for each in heard[:-1])


def test_letters_that_come_in_parts_stay_whole(tmp_path: Path) -> None:
    heard: list[str] = []
    run(r"printf '\303'; sleep 0.3; printf '\244\n'", tmp_path, Listener(heard.append))
    assert heard == ["ä\n"]


def test_a_run_that_is_stopped_ends_with_all_that_it_started(tmp_path: Path) -> None:
    stop = threading.Event()
    listener = Listener(lambda text: stop.set(), stop)
    begun = time.monotonic()
    assert run("sleep 600 & echo $! > child; echo one; wait", tmp_path, listener) == -9
    assert time.monotonic() - begun < PATIENCE_S
    child = int((tmp_path / "child").read_text())
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False)
    assert state.stdout.strip()[:1] in ("", "Z")
    with pytest.raises(TargetError, match="stopped"):
        listener.check()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_simulator_is_heard_without_its_own_words(
    is_stopped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "version", lambda: 0)
    program = tmp_path / "FVP"
    program.write_text(
        f"""#!/bin/sh
case "$1" in --version) echo "Fast Models [11.27.42]"; exit 0;; esac
echo "telnetterminal0: Listening"; echo "{IDENTITY}"; echo "image 1/1"; echo "text: a, score: 0.500000"
sleep {600 if is_stopped else 0}
echo "exit status 0"; echo "Info: ended"
"""
    )
    program.chmod(0o755)
    (tmp_path / "fw.elf").write_bytes(b"\x7fELF")
    heard: list[str] = []
    stop = threading.Event()

    def hear(text: str) -> None:
        heard.append(text)
        if is_stopped:
            stop.set()

    request = base.Request(tmp_path / "fw.elf", timeout_s=PATIENCE_S, listener=Listener(hear, stop))
    if is_stopped:
        with pytest.raises(TargetError, match="the run was stopped"):
            fvp.Fvp(program).run(request)
    else:
        assert fvp.Fvp(program).run(request).results[0].text == "a"
    said = "".join(heard)
    assert said.startswith(f"{IDENTITY}\nimage 1/1\ntext: a")
    assert "telnet" not in said
    assert "Info" not in said
