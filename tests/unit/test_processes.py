"""Signals end us in good order, whatever was imported, and children with us."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ocrm55 import processes

_BEGIN = "import os, signal, sys, time\nfrom ocrm55 import processes\nprocesses.end_in_good_order()\n"


def run(body: str, *words: object) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + body, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout, done.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_interruption_with_its_own_status(number: signal.Signals) -> None:
    body = (
        "try:\n    os.kill(os.getpid(), int(sys.argv[1])); time.sleep(5)\n"
        "except KeyboardInterrupt as stop:\n    print(stop.exit_status)\n"
        "    os.kill(os.getpid(), int(sys.argv[1]))\n    print('cleaning goes on')\n"
    )
    assert run(body, int(number)) == (f"{128 + number}\ncleaning goes on\n", 0)


def test_a_signal_waits_for_what_is_to_be_done_whole() -> None:
    body = (
        "try:\n    with processes.held_back():\n        os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1)\n"
        "        print('whole')\n    print('too far')\n"
        "except KeyboardInterrupt as stop:\n    print(stop.exit_status)\n"
        "with processes.held_back():\n    pass\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "with processes.held_back():\n    os.kill(os.getpid(), signal.SIGTERM); print('whole', flush=True)\n"
        "print('too far')\n"
    )
    assert run(body) == ("whole\n143\nwhole\n", -signal.SIGTERM)


@pytest.mark.slow
def test_paddle_does_not_keep_the_signals(model_dir: Path) -> None:
    body = (
        "from pathlib import Path\nfrom ocrm55.tasks.recognizer.inference import PaddleRecognizer\n"
        "PaddleRecognizer(Path(sys.argv[1]))\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)\n"
        "except KeyboardInterrupt as stop:\n    print(stop.exit_status)\n"
    )
    assert run(body, model_dir) == ("143\n", 0)


def test_a_child_ends_with_a_killed_parent(tmp_path: Path) -> None:
    body = (
        "with processes.running(['sh', '-c', 'echo $$ > \"$0\"; exec sleep 60', sys.argv[1]]) as process:\n"
        "    process.wait()\n"
    )
    mark = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", _BEGIN + body, str(mark)]) as parent:
        for _ in range(400):
            if mark.exists() and mark.read_text().strip():
                break
            time.sleep(0.05)
        parent.kill()
    state = Path("/proc") / mark.read_text().strip() / "stat"
    for _ in range(100):
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the child lives")


def test_what_a_child_has_started_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """As CMake starts ninja, and ninja compilers: the kernel would end CMake alone."""
    mark = tmp_path / "pid"
    body = (
        "with processes.running(['sh', '-c', 'sleep 60 & echo $! > \"$0\"; wait', sys.argv[1]]) as process:\n"
        "    process.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", _BEGIN + body, str(mark)]) as parent:
        _wait_until(lambda: mark.exists() and mark.read_text().endswith("\n"))
        parent.kill()
    _wait_until(lambda: not _runs(int(mark.read_text())))


def test_workers_of_a_pool_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(
        "import multiprocessing, os, time\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "from ocrm55 import processes\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(2, context, initializer=processes.end_with_parent) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert _runs(worker)
        parent.kill()
    _wait_until(lambda: not _runs(worker))


def test_a_command_runs_to_its_end_without_input() -> None:
    done = processes.completed(["sh", "-c", "cat; echo out; echo err >&2; exit 3"], 30)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    with pytest.raises(subprocess.TimeoutExpired):
        processes.completed(["sleep", "60"], 0.2)


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
