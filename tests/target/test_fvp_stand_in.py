"""The FVP runner, with the stand-in: what it says on the command line, and what it makes of what comes back."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55.errors import TargetError, ToolchainError
from ocrm55.simulators import Request, find_simulator, fvp
from tests.target import fake_artifact as fake

pytestmark = pytest.mark.qemu

STAND_IN = [sys.executable, "-m", "tests.target.fvp_stand_in"]
REPOSITORY = Path(__file__).resolve().parents[2]


def request_for(elf: Path, *orders: int, **options: object) -> Request:
    images = [fake.image(order, fake.text_frames("FVP") if order == fake.OK else None) for order in orders]
    return Request(elf, images, timeout_s=30, row=97, **options)  # type: ignore[arg-type]


def test_runs_and_reports_no_counts(fake_elf: Path, fvp_stand_in: Path) -> None:
    board = find_simulator("fvp", fvp_stand_in)
    result = board.run(request_for(fake_elf, fake.OK, fake.OK, stats=True, want_probabilities=True))
    assert [one.text for one in result.results] == ["FVP", "FVP"]
    assert result.results[0].inference_instructions is None
    assert result.results[0].operator_instructions == []
    assert result.probabilities is not None
    assert result.uart.startswith("ocrm55 ")  # the banners of the simulator are not the firmware's words
    assert result.uart.endswith("exit status 0\n")


def test_same_answer_as_qemu(fake_elf: Path, fvp_stand_in: Path) -> None:
    request = request_for(fake_elf, fake.OK)
    assert find_simulator("fvp", fvp_stand_in).run(request).uart == find_simulator("qemu").run(request).uart


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (fake.UNDEFINED, "undefined instruction"),
        (fake.RECURSION, "stack overflow"),
        (fake.SILENT_EXIT, "output was lost"),
        (fake.GARBAGE, "cannot be understood"),
    ],
)
def test_failures(fake_elf: Path, fvp_stand_in: Path, order: int, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        find_simulator("fvp", fvp_stand_in).run(request_for(fake_elf, order))


def test_hang(fake_elf: Path, fvp_stand_in: Path) -> None:
    with pytest.raises(TargetError, match="did not end within 1 s on FVP"):
        find_simulator("fvp", fvp_stand_in).run(Request(fake_elf, [fake.image(fake.HANG)], timeout_s=1))


def test_ends_by_the_tag_without_semihosting(fake_elf: Path) -> None:
    command = [*STAND_IN]
    for setting in fvp._BOARD:
        command += ["-C", setting.replace("semihosting-enable=1", "semihosting-enable=0")]
    done = subprocess.run(
        [*command, "-a", str(fake_elf)], cwd=REPOSITORY, capture_output=True, text=True, timeout=20, check=False
    )
    assert "exit status 11\nEXITTHESIM" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["-C", "cpu0.MVE=3"],
        ["-C", "cpu0.NEON=1"],
        ["--fast"],
        ["-C", "mps3_board.uart0.out_file"],
    ],
)
def test_the_stand_in_refuses_what_is_not_documented(fake_elf: Path, arguments: list[str]) -> None:
    command = [*STAND_IN, *(word for setting in fvp._BOARD for word in ("-C", setting))]
    done = subprocess.run(
        [*command, *arguments, "-a", str(fake_elf)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")


def test_every_option_is_documented(fake_elf: Path, fvp_stand_in: Path) -> None:
    readme = (Path(__file__).parents[2] / "fvp" / "README.md").read_text()
    given = fvp.Fvp(fvp_stand_in).arguments("fw.elf", ["ocrm55", "images=images.bin"], request_for(fake_elf))
    for word in given:
        name = word.split("=")[0]
        if name.startswith("mps3_board.telnetterminal"):
            name = "mps3_board.telnetterminal0.start_telnet"
        assert name in readme or name.isdigit(), f"{word} is not in fvp/README.md"


def test_found_by_option_variable_and_path(fvp_stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FVP_PATH", raising=False)
    installation = fvp_stand_in.parents[2]
    assert fvp.locate(fvp_stand_in) == fvp_stand_in
    assert fvp.locate(installation) == fvp_stand_in
    monkeypatch.setenv("FVP_PATH", str(installation))
    assert find_simulator("auto").name == "FVP"
    monkeypatch.delenv("FVP_PATH")
    monkeypatch.setenv("PATH", f"{fvp_stand_in.parent}{os.pathsep}{os.environ['PATH']}")
    assert find_simulator(None).name == "FVP"
    assert find_simulator("qemu").name == "QEMU"


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="qemu-system-arm not installed")
def test_named_but_absent_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolchainError, match="--fvp says"):
        find_simulator("auto", tmp_path)
    monkeypatch.setenv("FVP_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(ToolchainError, match="FVP_PATH says"):
        find_simulator("auto")
    monkeypatch.delenv("FVP_PATH")
    if not any(shutil.which(program) for program in fvp.PROGRAMS):
        with pytest.raises(ToolchainError, match="no Corstone-300 FVP was found"):
            find_simulator("fvp")
        assert find_simulator("auto").name == "QEMU"


def test_too_old(fvp_stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_VERSION", "11.16.14")
    with pytest.raises(ToolchainError, match=r"is version 11\.16\.14; 11\.22 is the oldest"):
        find_simulator("fvp", fvp_stand_in).version()


def test_no_licence(fake_elf: Path, fvp_stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", "licence")
    with pytest.raises(ToolchainError, match="licence"):
        find_simulator("fvp", fvp_stand_in).run(request_for(fake_elf, fake.OK))


def test_command_line_that_would_be_cut(fake_elf: Path, fvp_stand_in: Path) -> None:
    with pytest.raises(ToolchainError, match="cuts command lines at 256"):
        fvp.Fvp(fvp_stand_in).arguments("fw.elf", ["x" * 257], request_for(fake_elf))
