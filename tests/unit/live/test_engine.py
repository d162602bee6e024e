"""Proofs: two runs are compared line by line, and the first line apart is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ocrm55.errors import TargetError
from ocrm55.live.engine import Engine
from ocrm55.simulators.base import Run
from ocrm55.simulators.listener import Listener

NATIVE = "ocrm55 0.1.0\nhash map 0x12345678\ntext: a, score: 0.500000\nexit status 0\n"


def proof(board: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of a native run, and one on QEMU that says `board`."""
    programs: Any = None
    said = {"native": NATIVE, "qemu": board}
    monkeypatch.setattr(Engine, "_run", lambda self, pixels, name, **options: Run(said[name], 0, []))
    return Engine(programs).prove(np.zeros((1, 1, 3), np.uint8))


def test_equal_runs_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    found = proof(NATIVE, monkeypatch)
    assert (found["same"], found["lines"], found["hashes"], found["apart"]) == (True, 4, 1, None)


def test_one_other_bit_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = proof(NATIVE.replace("0x12345678", "0x12345679"), monkeypatch)
    assert not found["same"]
    assert found["apart"] == ("hash map 0x12345678", "hash map 0x12345679")


def test_a_run_that_ends_early_is_not_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = proof(NATIVE.removesuffix("exit status 0\n"), monkeypatch)
    assert not found["same"]
    assert found["apart"] is None  # the page says that QEMU has fewer lines


def test_a_run_that_was_stopped_while_it_waited_does_not_begin() -> None:
    programs: Any = None
    listener = Listener(lambda text: None)
    listener.stop.set()
    with pytest.raises(TargetError, match="stopped"):
        Engine(programs).whole(np.zeros((1, 1, 3), np.uint8), "qemu", listener)
