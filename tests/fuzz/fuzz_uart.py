"""Fuzzer of the UART's parser, and of what is made of a failed run."""

from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import mutations
from tests.fuzz.one_sentence import attempt, fuzz

MODULES = ["ocrm55.simulators.protocol", "ocrm55.simulators.page_protocol"]
_NO_ELF = Path("/none")
_IDENTITY = "ocrm55 0.1.0 m float32 1x3x48x320 arena 1966080\n"


def one_input(data: bytes) -> None:
    from ocrm55.simulators import fvp, protocol

    text = data.decode("utf-8", "replace")
    for output in (text, fvp.Fvp(_NO_ELF).uart_of(text)):
        attempt(lambda output=output: _take(protocol.parse(output), protocol.failure))


def _take(said, failure) -> None:
    if said.exit_status != 0:
        raise failure(said, _NO_ELF)
    assert said.identity is not None
    assert not said.errors and not said.faults
    assert said.uart.endswith("exit status 0\n")
    assert said.uart.count("\ntext: ") == len(said.results)
    assert said.uart.count("\npage ") == len(said.pages)
    assert said.uart.count("\nbox ") == sum(len(page.in_order) for page in said.pages)


def seeds() -> Iterator[bytes]:
    counts = "op 0 12\nop 1 34\ninstructions preprocess=1 inference=2 decode=3\n"
    reads = "image 1/2\n{0}text: Hello, score: 0.986746\nimage 2/2\n{0}text: , score: nan\n"
    yield (_IDENTITY + reads.format("") + "exit status 0\n").encode()
    yield ("boot\r\n" + _IDENTITY + reads.format(counts) + "stack 420 of 32768\nexit status 0\n").encode()
    yield (_IDENTITY + reads.format("unsure 96 77\nwidth 96\n") + "exit status 0\nEXITTHESIM\n").encode()
    box = "box 1 256,-3 9,8 7,6 5,4 score 0.912345 line 0 turned 2 readings 3 text: a\\\\b\\x0a, score: 0.986746\n"
    page = "detector d int8 320x352 arena 1024\npage 1/1 48x64 gray8\nhash map 0x1c291ca3\nboxes 1\n"
    page += f"crop 1 96x48 0x00000002\n{box}reversed\nnote: long\nwork load=1 detect=20\nscratch 12 of 34\n"
    yield (_IDENTITY + page + "stack 420 of 32768\nexit status 0\n").encode()
    yield (_IDENTITY + "page 1/1 1x1 bgr888\nboxes 0\nexit status 0\n").encode()
    yield (_IDENTITY + "error: no image\nexit status 11\n").encode()
    faults = "fault: BusFault\nfault: during operator a\nfault: pc 0x00001a48 lr 0x000019b3 r0 0x0\n"
    yield (_IDENTITY + "image 1/1\n" + faults + "exit status 69\n").encode()


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutations.lines)
