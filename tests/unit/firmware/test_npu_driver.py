"""The NPU's driver on the host, against a register file that plays what an NPU may do."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.firmware.host_driver import compile_for_host

HERE = Path(__file__).parent
NPU = HERE.parents[2] / "firmware" / "npu"

Play = Callable[[str], list[str]]

RESET, RUN, CLEAR, SLEEP = "00c 00000001", "008 00000001", "008 00000002", "008 0000000c"


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Lines that the driver and its board give in a scenario."""
    files = [HERE / "npu_host.c", NPU / "npu_driver.c", NPU / "npu_messages.c"]
    program = compile_for_host(tmp_path_factory.mktemp("npu") / "npu_host", files, [NPU])

    def run(scenario: str) -> list[str]:
        done = subprocess.run([program, scenario], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_the_order_of_a_run(play: Play) -> None:
    lines = play("ok")
    begun = lines.index("init 0 ready 1: the NPU has done it")
    assert lines[:begun] == [
        "interrupt off",
        *(RESET, "008 00000000", "01c 00000002", "03c 00000013"),
        *(f"{offset:03x} 0f1f0000" for offset in (0x40, 0x44, 0x48, 0x4C)),
        *(SLEEP, "interrupt on"),
    ]
    assert lines[begun + 1 :] == [
        *("clean 64", "clean 32", "clean 2048"),  # what the core has written reaches memory before all else
        *(RESET, "008 00000000", "01c 00000002", "03c 00000013"),
        *(f"{offset:03x} 0f1f0000" for offset in (0x40, 0x44, 0x48, 0x4C)),
        *("080 address", "084 00000000", "088 address", "08c 00000000", "090 address", "094 00000000"),
        *("010 address", "014 00000000", "020 00000040"),
        *(RUN, CLEAR, SLEEP, "invalidate 2048"),
        "run 0 failure 0 status 00000022 region r: the NPU has done it",
    ]


def test_a_region_without_constants(play: Play) -> None:
    lines = play("no-weights")
    assert "clean 32" not in lines
    assert lines[lines.index("clean 2048") :].count("080 00000000") == 1
    assert lines[-1].startswith("run 0 ")


def test_every_run_sets_up_again(play: Play) -> None:
    lines = play("twice")
    assert lines.count(RESET) == 3
    assert lines.count(RUN) == 2


def test_a_clock_that_jumps_between_two_looks_ends_no_reset(play: Play) -> None:
    """An operating system's clock, or another thread in between: the NPU needs three reads for its reset."""
    assert play("coarse-clock")[-1].startswith("run 0 ")


def test_levels_are_the_boards(play: Play) -> None:
    assert "00c 00000003" in play("non-secure")


@pytest.mark.parametrize(
    ("scenario", "number", "words"),
    [
        ("absent", 2, "there is no NPU"),
        ("ones", 2, "there is no NPU"),
        ("u65", 3, "the NPU is no Ethos-U55"),
        ("u85", 3, "the NPU is no Ethos-U55"),
        ("other-size", 4, "the NPU is of another size than the network was compiled for"),
        ("no-reset", 5, "the NPU does not come out of its reset"),
        ("no-level", 5, "the NPU does not come out of its reset"),
    ],
)
def test_what_init_refuses(play: Play, scenario: str, number: int, words: str) -> None:
    lines = play(scenario)
    assert f"init {number} ready 0: {words}" in lines
    assert RUN not in lines
    assert lines[-1] == "run 1 failure 1 status 00000000 region r: the NPU was not set up"


def test_a_run_without_init_is_refused(play: Play) -> None:
    assert play("no-init")[-1].startswith("run 1 failure 1 ")


@pytest.mark.parametrize("scenario", ["misaligned", "out-of-reach", "no-commands"])
def test_regions_that_the_npu_cannot_be_given(play: Play, scenario: str) -> None:
    lines = play(scenario)
    assert RUN not in lines
    assert lines[-1].startswith("run 6 failure 6 ")


@pytest.mark.parametrize(
    ("scenario", "number", "words"),
    [
        ("bus-error", 8, "the NPU met a bus error"),
        ("stream-error", 9, "the NPU refused a command"),
        ("weight-error", 10, "the NPU could not decode the weights"),
        ("ecc-error", 11, "the NPU's memory has an error that it cannot correct"),
        ("fault", 12, "the NPU stopped before the end of its commands and does not say why"),
        ("hang", 7, "the NPU did not end within its time limit"),
        ("poll-hang", 7, "the NPU did not end within its time limit"),
    ],
)
def test_how_runs_fail(play: Play, scenario: str, number: int, words: str) -> None:
    lines = play(scenario)
    assert lines[-1].startswith(f"run {number} failure {number} ")
    assert lines[-1].endswith(words)
    after = lines[lines.index(RUN) :]
    assert RESET in after  # whatever it still does ends
    assert not any(line.startswith("invalidate") for line in after)
    assert lines.count(RUN) == 1  # a second run is refused


def test_polling(play: Play) -> None:
    lines = play("poll")
    assert lines[lines.index(RUN) + 1 :][:2] == [CLEAR, SLEEP]
    assert lines[-1].startswith("run 0 ")


def test_an_interrupt_that_never_comes_does_not_lose_the_result(play: Play) -> None:
    lines = play("lost-interrupt")
    assert lines[lines.index(RUN) + 1 :][:3] == ["interrupt off", CLEAR, SLEEP]
    assert lines[-1].startswith("run 0 ")
