"""The firmware says how sure a text is, in the host's figures, and only if it is asked."""

from pathlib import Path

import numpy as np
import pytest

from ocrm55.firmware import build
from ocrm55.simulators import Request, find_simulator
from ocrm55.tasks.recognizer import ctc
from ocrm55.tasks.recognizer.confidence import Calibration, measure
from ocrm55.tasks.recognizer.headers import recognizer_source
from tests.target import fake_artifact as fake

pytestmark = pytest.mark.qemu


@pytest.mark.parametrize("calibration", [None, Calibration(-2.4, 0.4, 1.4)])
def test_the_board_says_what_the_host_says(tmp_path: Path, calibration: Calibration | None) -> None:
    artifact = fake.write(tmp_path / "artifact")
    text = recognizer_source(fake.NETWORK.prefix, in_context=False, calibration=calibration)
    (artifact / "src" / "recognizer.c").write_text(text)
    elf = build(artifact, tmp_path / "firmware").elf
    images = [fake.image(frames=fake.text_frames(each, p)) for each, p in (("Hello", 65000), ("aab", 40000), ("", 1))]
    request = Request(elf, images, timeout_s=30, want_probabilities=True, row=97, want_confidence=True)
    run = find_simulator("qemu").run(request)
    assert run.probabilities is not None
    for said, probabilities in zip(run.results, run.probabilities, strict=True):
        host = measure(probabilities, ctc.decode(probabilities, fake.LABELS).classes, 1.0, calibration)
        assert said.confidence is not None and host is not None
        for name in ("least", "mean", "lead", "likelihood", "right"):
            ours, theirs = getattr(host, name), getattr(said.confidence, name)
            assert ours is theirs is None or theirs == pytest.approx(ours, abs=1e-6), name
        assert (said.confidence.right is None) == (calibration is None)
        assert len(said.confidence.characters) == len(host.characters)
        for theirs, ours in zip(said.confidence.characters, host.characters, strict=True):
            assert (theirs.index, theirs.first, theirs.last) == (ours.index, ours.first, ours.last)
            assert (theirs.runner_up, theirs.probability) == (ours.runner_up, pytest.approx(ours.probability, abs=1e-6))
    plain = find_simulator("qemu").run(Request(elf, images, timeout_s=30))
    assert all(result.confidence is None for result in plain.results)
    assert [r.text for r in plain.results] == [r.text for r in run.results]
    assert np.isfinite(run.probabilities).all()
