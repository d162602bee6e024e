"""Weights on int8's grid, from one checkpoint to another."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ocrm55.compiler.quantization import calibration
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.task import RECOGNIZER
from ocrm55.training import round_weights


@pytest.mark.slow
def test_a_rounded_checkpoint_reads_alike_and_is_rounded_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import paddle

    from ocrm55.tasks.recognizer.checkpoint import load_checkpoint
    from ocrm55.tasks.recognizer.network import Recognizer

    some = calibration.images(RECOGNIZER.calibration)[:6]
    monkeypatch.setattr(calibration, "images", lambda _: some)
    paddle.seed(3)
    given = Recognizer()
    paddle.save(given.state_dict(), str(tmp_path / "given.pdparams"))
    for source, destination in (("given", "once"), ("once", "twice")):
        names = [str(tmp_path / f"{name}.pdparams") for name in (source, destination)]
        monkeypatch.setattr(sys, "argv", ["round_weights", *names])
        round_weights.main()
    states = [
        {name: value.numpy() for name, value in load_checkpoint(tmp_path / f"{which}.pdparams").state_dict().items()}
        for which in ("given", "once", "twice")
    ]
    moved = settled = count = 0
    for name, before in states[0].items():
        once, twice = (state[name] for state in states[1:])
        if before.ndim < 2:
            assert np.array_equal(before, once), name
            continue
        limit = 1e-4 * np.abs(before).max()
        moved += int((np.abs(once - before) > limit).sum())
        settled += int((np.abs(twice - once) <= limit).sum())
        count += before.size
        assert np.abs(once - before).mean() < 0.02 * np.abs(before).max(), name
    assert moved > 0.5 * count
    assert settled > 0.97 * count


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.pdparams").write_bytes(b"nothing")
    with pytest.raises(InputError):
        round_weights.round_weights(tmp_path / "none.pdparams", tmp_path / "out.pdparams")
    assert not (tmp_path / "out.pdparams").exists()
