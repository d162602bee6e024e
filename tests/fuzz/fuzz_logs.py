"""Fuzzer of a board's UART log, as `ocrm55 compare-board` reads it, and of the calibration of confidences.

The first byte says which of them the rest is.
"""

import json
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from tests.fuzz import mutations
from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = [
    "ocrm55.report.board",
    "ocrm55.simulators.protocol",
    "ocrm55.simulators.page_protocol",
    "ocrm55.tasks.recognizer.model",
    "ocrm55.tasks.recognizer.confidence",
    "ocrm55.plain_yaml",
]
_FILE = scratch() / "log.txt"
_OPERATORS = 2


def _log() -> None:
    """The log, and its cycles beside an estimate of two layers."""
    from ocrm55.report import board

    shape = SimpleNamespace(shape=(1, 48, 320, 3))
    metadata = SimpleNamespace(model="m", precision="int8", input=shape)
    metadata.at_width = lambda width: SimpleNamespace(operators=[None] * _OPERATORS)
    found = board.read_log(_FILE, metadata)  # type: ignore[arg-type]
    estimate = SimpleNamespace(operators=[SimpleNamespace(cycles=(1.0, 2.0, 3.0))] * _OPERATORS)
    rows = board.rows([None] * _OPERATORS, found, estimate)  # type: ignore[arg-type, list-item]
    assert all(row.measured >= 0 and row.where in ("yes", "above", "below") for row in rows)
    assert all(row.ratio is None or row.ratio >= 0 for row in rows)


def _calibration() -> None:
    """A model's `confidence`, and how sure it then says a reading to be."""
    from ocrm55 import plain_yaml
    from ocrm55.tasks.recognizer import confidence, model

    found = plain_yaml.load(_FILE)
    given = found.get("confidence", {}) if isinstance(found, dict) else found
    for calibration in model._calibrations(given, _FILE).values():
        steps = np.full((4, 3), 1 / 3, np.float32)
        sure = confidence.measure(steps, [1, 2], 1.5, calibration)
        assert sure is None or sure.right is None or 0 <= sure.right <= 1


READERS = (_log, _calibration)


def one_input(data: bytes) -> None:
    if data:
        _FILE.write_bytes(data[1:])
        attempt(READERS[data[0] % len(READERS)])


def seeds() -> Iterator[bytes]:
    head = "ocrm55 0.1.0 m int8 1x3x48x320 arena 1966080\n"
    cycles = "op 0 12\nop 1 34\ncycles 0 34 retired=1 refills=2\ncycles 1 56 retired=1 refills=2\n"
    cycles += "cycles preprocess=1 inference=2 decode=3\n"
    events = "cycles 0 34\ncycles 1 56\n"
    for body in ("", cycles, events, "op 0 12\nop 1 34\n"):
        yield b"\0" + f"{head}image 1/1\n{body}text: Hello, score: 0.986746\nexit status 0\n".encode()
    yield b"\0" + f"noise\r\n{head}image 1/1\r\ntext: , score: nan\r\nexit status 0\r\nmore\r\n".encode()
    yield b"\0" + b"ocrm55 0.1.0 other float32 1x3x48x320 arena 1\nexit status 0\n"
    yield b"\1" + b"confidence:\n  greedy: [-1.5, 0.5, 0.25]\n  context: [0, 1, 2]\n"
    yield b"\1" + b"confidence: {greedy: [1e5, -1e5, 999999]}\n"
    for wrong in ([1, 2], [1, "x", 3], ["nan", 1, 2], ["inf", 1, 2], {"a": 1}, "abc", None):
        yield b"\1" + json.dumps({"confidence": {"greedy": wrong}}).encode()


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutations.lines)
