"""What the UART says, and what becomes of it when a part is missing, doubled or damaged."""

import random
from pathlib import Path

import pytest

from ocrm55.errors import TargetError
from ocrm55.simulators import protocol

IDENTITY = "ocrm55 0.1.0 en_ppocrv3_rec float32 1x3x48x320 arena 1966080\n"
GOOD = (
    IDENTITY + "image 1/2\nop 0 100\nop 1 200\ninstructions preprocess=5 inference=300 decode=7\n"
    "text: Hello, score: 0.986746\nimage 2/2\nop 0 100\nop 1 200\ninstructions preprocess=5 inference=301 decode=7\n"
    "text: , score: 0.000000\nstack 420 of 32768\nexit status 0\n"
)
BARE = IDENTITY + "image 1/1\ntext: Hello, score: 0.986746\nexit status 0\n"


def test_good_run() -> None:
    said = protocol.parse(GOOD)
    assert said.identity == protocol.Identity("0.1.0", "en_ppocrv3_rec", "float32", (1, 3, 48, 320), 1966080)
    assert [one.text for one in said.results] == ["Hello", ""]
    assert [one.inference_instructions for one in said.results] == [300, 301]
    assert said.results[1].operator_instructions == [100, 200]
    assert (said.stack_bytes, said.exit_status, said.uart) == (420, 0, GOOD)


def test_what_surrounds_it_is_not_the_firmwares() -> None:
    around = f"Fast Models [11.27]\nlistening on 5000\n{BARE}EXITTHESIM\n\x04\nInfo: stopped\n"
    assert protocol.parse(around).uart == BARE
    assert protocol.parse(BARE.replace("\n", "\r\n")).uart == BARE


@pytest.mark.parametrize("text", ["a, score: 0.5", "", "image 1/9", "text: x", "error: no", " two  spaces ", "é漢"])
def test_any_text(text: str) -> None:
    said = protocol.parse(IDENTITY + f"image 1/1\ntext: {text}, score: 1.000000\nexit status 0\n")
    assert said.results[0].text == text


def test_every_truncation_is_lost_output() -> None:
    for length in range(len(GOOD) - len("\n")):
        with pytest.raises(TargetError, match=r"printed nothing|output was lost"):
            protocol.parse(GOOD[:length])


def test_every_lost_line_is_noticed_or_harmless() -> None:
    lines = GOOD.splitlines(keepends=True)
    for number in range(len(lines)):
        rest = "".join(lines[:number] + lines[number + 1 :])
        try:
            said = protocol.parse(rest)
        except TargetError:
            continue
        # Only a count can be lost unseen by this parser; no text and no score.
        assert lines[number].startswith(("op 1", "instructions", "stack"))
        assert [one.text for one in said.results] == ["Hello", ""]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("image 1/2", "image 2/2", "out of order"),
        ("image 2/2", "image 1/2", "out of order"),
        ("op 1 200", "op 2 200", "out of order"),
        ("text: Hello, score: 0.986746", "text: Hello, score: 0.98", "no line of the firmware"),
        ("text: Hello, score: 0.986746", "txet: Hello, score: 0.986746", "no line of the firmware"),
        ("stack 420", "stick 420", "no line of the firmware"),
        ("stack 420", "text: , score: 0.000000\nstack 420", "belongs to no image"),
        ("stack 420", "error: what\nstack 420", "failed and ended with status 0: what"),
        ("text: , score: 0.000000\n", "", "image 2 was announced and no text came"),
    ],
)
def test_damage_is_never_taken_for_a_result(old: str, new: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        protocol.parse(GOOD.replace(old, new))


def test_random_damage_raises_only_target_errors() -> None:
    chooser = random.Random(1)
    for _ in range(3000):
        text = list(GOOD)
        for _ in range(chooser.randrange(1, 6)):
            place = chooser.randrange(len(text))
            text[place : place + chooser.randrange(3)] = chooser.choice(["", "\n", "0", "\0", "�", "image 3/3\n"])
        try:
            protocol.parse("".join(text))
        except TargetError as trouble:
            assert "\n" not in trouble.sentence


def test_nothing_at_all() -> None:
    with pytest.raises(TargetError, match="it printed nothing"):
        protocol.parse("")
    with pytest.raises(TargetError, match="its last line was `Boot failed`"):
        protocol.parse("hello\nBoot failed\n")


def test_failures_use_the_firmwares_words() -> None:
    said = protocol.parse(IDENTITY + "error: no image: none is there\nexit status 11\n")
    assert said.exit_status == 11
    assert protocol.failure(said, Path("none.elf")).sentence == (
        "the firmware failed: no image: none is there (exit status 11)."
    )
    report = (
        "\nfault: BusFault: data access (CFSR.PRECISERR), address 0x4a000000\nfault: during operator conv 1\n"
        "fault: pc 0x00001a48 lr 0x000019b3 r0 0x00000000\nfault: CFSR 0x00008200\nexit status 69\n"
    )
    said = protocol.parse(IDENTITY + "image 1/1\n" + report)
    assert protocol.failure(said, Path("none.elf")).sentence == (
        "the firmware faulted: BusFault: data access (CFSR.PRECISERR), address 0x4a000000, during operator conv 1 "
        "(exit status 69)."
    )
    said = protocol.parse(IDENTITY + "exit status 3\n")
    assert "did not say why" in protocol.failure(said, Path("none.elf")).sentence


def test_half_a_fault_report() -> None:
    said = protocol.parse(IDENTITY + "image 1/1\n\nfault: BusFault: x\nexit status 69\n")
    assert protocol.failure(said, Path("none.elf")).sentence == "the firmware faulted: BusFault: x (exit status 69)."


COUNTED = GOOD.replace(
    "instructions preprocess=5 inference=300 decode=7\n",
    "instructions preprocess=5 inference=300 decode=7\ncycles 0 150 retired=100 refills=2\ncycles 1 299\n"
    "cycles preprocess=8 inference=450 decode=9\n",
)


def test_cycles_of_a_board_that_counts_them() -> None:
    first, second = protocol.parse(COUNTED).results
    assert first.cycles == [(150, {"retired": 100, "refills": 2}), (299, {})]
    assert first.phase_cycles == {"preprocess": 8, "inference": 450, "decode": 9}
    assert (second.cycles, second.phase_cycles) == ([], {})


@pytest.mark.parametrize("line", ["cycles 2 150", "cycles 0 x", "cycles 0 1 a=b", "cycles", "cycles 0 1 A=1"])
def test_cycles_that_no_board_says(line: str) -> None:
    with pytest.raises(TargetError):
        protocol.parse(COUNTED.replace("cycles 0 150 retired=100 refills=2", line))
