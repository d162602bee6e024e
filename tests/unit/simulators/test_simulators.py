"""Calling a simulator: its command line, its version, and how its own failures are told from the firmware's."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import confinement
from ocrm55.errors import InputError, OutputError, TargetError, ToolchainError
from ocrm55.simulators import base, find_simulator, fvp, qemu

IDENTITY = "ocrm55 0.1.0 m float32 1x3x48x320 arena 16"
IMAGE = np.zeros((48, 8, 3), np.uint8)


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts that stand for simulators tell by files beside the run's folder what they saw."""
    monkeypatch.setattr(confinement, "version", lambda: 0)


def program(folder: Path, body: str, name: str = "qemu-system-arm") -> Path:
    """A shell script in the simulator's place."""
    script = folder / name
    version = 'case "$1" in --version) echo "QEMU emulator version 7.2.0 Fast Models [11.27.42]"; exit 0;; esac\n'
    script.write_text(f"#!/bin/sh\n{version}{body}\n")
    script.chmod(0o755)
    return script


def request_in(folder: Path, **options: object) -> base.Request:
    (folder / "fw.elf").write_bytes(b"\x7fELF")
    return base.Request(folder / "fw.elf", [IMAGE], **{"timeout_s": 20, "row": 97, **options})  # type: ignore[arg-type]


def said(*lines: str) -> str:
    return "\n".join(f"echo '{line}'" for line in (IDENTITY, *lines))


def test_good_run_and_command_line(tmp_path: Path) -> None:
    body = said("image 1/1", "text: a, score: 0.500000", "exit status 0") + f'\necho "$@" > "{tmp_path}/words"'
    result = qemu.Qemu(program(tmp_path, body)).run(request_in(tmp_path, stats=True))
    assert result.results[0].text == "a"
    assert (tmp_path / "words").read_text().split() == [
        *("-M", "mps3-an547", "-display", "none", "-monitor", "none", "-serial", "stdio"),
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-semihosting-config", "enable=on,target=native,arg=ocrm55,arg=images=images.bin,arg=stats=1"),
        *("-icount", "shift=5", "-kernel", "fw.elf"),
    ]


def test_commas_are_doubled_for_qemu(tmp_path: Path) -> None:
    words = qemu.Qemu(tmp_path).arguments("fw.elf", ["a,b"], request_in(tmp_path))
    assert "enable=on,target=native,arg=a,,b" in words
    assert "-icount" not in words


def test_the_container_and_the_folder_are_there(tmp_path: Path) -> None:
    body = f'cp images.bin "{tmp_path}/seen"; pwd > "{tmp_path}/where"\n' + said(
        "image 1/1", "text: , score: 0.000000", "exit status 0"
    )
    qemu.Qemu(program(tmp_path, body)).run(request_in(tmp_path))
    assert (tmp_path / "seen").read_bytes() == base.ocri([IMAGE])
    assert not Path((tmp_path / "where").read_text().strip()).exists()  # nothing stays behind


def test_the_firmware_cannot_change_the_file_that_was_built(tmp_path: Path) -> None:
    body = "echo other > fw.elf\n" + said("image 1/1", "text: , score: 0.000000", "exit status 0")
    request = request_in(tmp_path)
    qemu.Qemu(program(tmp_path, body)).run(request)
    assert request.elf.read_bytes() == b"\x7fELF"


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("exit 1", ToolchainError, "QEMU ended with status 1 before the firmware said anything: it did not say why"),
        ("echo 'unsupported machine' >&2; exit 1", ToolchainError, "anything: unsupported machine"),
        ("echo 'qemu: fatal: Lockup: no' >&2; kill -ABRT $$", TargetError, "locked up"),
        ("exit 134", TargetError, "locked up"),
        ("exit 0", TargetError, "printed nothing that could be understood; it printed nothing"),
        (said("image 1/1"), TargetError, "output was lost"),
        (said("exit status 0"), TargetError, "answered for 0 of 1 images"),
        (said("image 1/1", "text: , score: 0.000000", "exit status 0") + "\nexit 5", ToolchainError, "status 5 after"),
        (said("error: out of paper", "exit status 9") + "\nexit 9", TargetError, "failed: out of paper"),
        (said("image 1/1", "?", "exit status 0"), TargetError, "cannot be understood"),
    ],
)
def test_failures(tmp_path: Path, body: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        qemu.Qemu(program(tmp_path, body)).run(request_in(tmp_path))


def test_time_limit_ends_the_children_too(tmp_path: Path) -> None:
    body = said("image 1/1") + f'\nsleep 60 &\necho $! > "{tmp_path}/child"\nwait'
    with pytest.raises(TargetError, match=r"did not end within 0\.5 s on QEMU; its last line was `image 1/1`"):
        qemu.Qemu(program(tmp_path, body)).run(request_in(tmp_path, timeout_s=0.5))
    child = int((tmp_path / "child").read_text())
    for _ in range(50):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False)
        if state.stdout.strip() in ("", "Z"):
            return
        time.sleep(0.05)
    pytest.fail("the simulator's child is still running")


def test_probabilities(tmp_path: Path) -> None:
    text = said("image 1/1", "text: , score: 0.000000", "exit status 0")
    for size, words in ((0, "wrote 0 probabilities"), (4 * 96, "wrote 96 probabilities")):
        body = f"head -c {size} /dev/zero > probs.bin\n{text}"
        with pytest.raises(TargetError, match=words):
            qemu.Qemu(program(tmp_path, body)).run(request_in(tmp_path, want_probabilities=True))
    with pytest.raises(TargetError, match="wrote no probabilities"):
        qemu.Qemu(program(tmp_path, text)).run(request_in(tmp_path, want_probabilities=True))
    body = f"head -c {4 * 40 * 97} /dev/zero > probs.bin\n{text}"
    result = qemu.Qemu(program(tmp_path, body)).run(request_in(tmp_path, want_probabilities=True))
    assert result.probabilities is not None
    assert result.probabilities.shape == (1, 40, 97)


@pytest.mark.parametrize(
    ("printed", "words"),
    [("QEMU emulator version 5.2.0", r"is version 5\.2; the board"), ("hello", "does not say a version")],
)
def test_qemu_versions(tmp_path: Path, printed: str, words: str) -> None:
    script = tmp_path / "qemu-system-arm"
    script.write_text(f"#!/bin/sh\necho '{printed}'\n")
    script.chmod(0o755)
    with pytest.raises(ToolchainError, match=words):
        qemu.Qemu(script).version()
    with pytest.raises(ToolchainError, match="does not say its version"):
        qemu.Qemu(tmp_path / "none").version()


def test_fvp_without_its_libraries(tmp_path: Path) -> None:
    script = tmp_path / fvp.PROGRAMS[0]
    words = "error while loading shared libraries: libpython3.9.so.1.0: cannot open shared object file"
    script.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 127\n")
    script.chmod(0o755)
    with pytest.raises(ToolchainError, match=r"it lacks the library libpython3\.9\.so\.1\.0"):
        fvp.Fvp(script).version()


def test_fvp_lockup_and_refusal(tmp_path: Path) -> None:
    board = fvp.Fvp(program(tmp_path, "echo 'Warning: cpu0: core lockup'; exit 0", fvp.PROGRAMS[0]))
    with pytest.raises(TargetError, match="locked up"):
        board.run(request_in(tmp_path))
    board = fvp.Fvp(program(tmp_path, "echo 'Error: no parameter cpu0.MVE' >&2; exit 1", fvp.PROGRAMS[0]))
    with pytest.raises(ToolchainError, match=r"status 1 before the firmware said anything: Error: no parameter"):
        board.run(request_in(tmp_path))


def test_nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FVP_PATH", raising=False)
    for name in (None, "auto", "qemu"):
        with pytest.raises(ToolchainError, match="`qemu-system-arm` is not installed"):
            find_simulator(name)
    with pytest.raises(ToolchainError, match="no Corstone-300 FVP was found"):
        find_simulator("fvp")
    with pytest.raises(InputError, match="no simulator `spice`"):
        find_simulator("spice")


def test_fvp_that_is_not_executable(tmp_path: Path) -> None:
    file = tmp_path / fvp.PROGRAMS[0]
    file.write_text("")
    with pytest.raises(ToolchainError, match="no executable FVP"):
        find_simulator("auto", file)
    file.chmod(0o755)
    assert find_simulator("auto", file).name == "FVP"


def test_missing_elf_and_wrong_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        qemu.Qemu(tmp_path).run(base.Request(tmp_path / "none.elf", []))
    for wrong in (np.zeros((48, 8), np.uint8), np.zeros((48, 8, 4), np.uint8), np.zeros((48, 0, 3), np.uint8)):
        with pytest.raises(InputError, match="not uint8"):
            base.ocri([wrong])
    with pytest.raises(InputError, match="image 2 is float32"):
        base.ocri([IMAGE, IMAGE.astype(np.float32)])  # type: ignore[list-item]


def test_no_room_for_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_in(tmp_path)
    simulator = qemu.Qemu(program(tmp_path, "exit 0"))
    monkeypatch.setattr(base.tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="temporary folder cannot be written: No such file"):
        simulator.run(request)


def test_interrupt_ends_the_simulator(tmp_path: Path) -> None:
    script = program(tmp_path, said("image 1/1") + f'\necho $$ > "{tmp_path}/pid"\nexec sleep 60')
    request_in(tmp_path)
    code = (
        "from pathlib import Path\nimport numpy as np\nfrom ocrm55 import confinement\n"
        "from ocrm55.simulators import base, qemu\nconfinement.version = lambda: 0\n"
        f"elf, images = Path({str(tmp_path / 'fw.elf')!r}), [np.zeros((48, 8, 3), np.uint8)]\n"
        f"qemu.Qemu(Path({str(script)!r})).run(base.Request(elf, images, timeout_s=50))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        for _ in range(400):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(10)
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", (tmp_path / "pid").read_text().strip()], capture_output=True, text=True, check=False
    )
    assert state.stdout.strip()[:1] in ("", "Z")
