"""What `eval` says that it ran, and which models the integer reference takes."""

from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError
from ocrm55.evaluation import assess, distribution
from ocrm55.evaluation.evaluate import Evaluation
from ocrm55.evaluation.metrics import score
from ocrm55.evaluation.readings import Reading
from ocrm55.evaluation.reference_reader import reference_spec


def test_a_float_model_has_no_integer_reference(tmp_path: Path) -> None:
    options = stages.Options(build_dir=tmp_path, compile=CompileOptions(precision="float32"))
    with pytest.raises(InputError, match="int8 networks only"):
        reference_spec(stages.Compilation(options, tmp_path, tmp_path), (48, 320))


def test_it_says_what_ran_and_how_fast(tmp_path: Path) -> None:
    options = stages.Options(build_dir=tmp_path)
    stages.model(options)
    readings = [Reading(name, "a", "a", 1.0) for name in ("1", "2", "3")]
    evaluation = Evaluation(readings, score((r.written, r.read) for r in readings), 1.5)
    said = assess.what_ran("reference", options, evaluation, 2)
    assert said.splitlines() == [
        "en_ppocrv3_rec in int8, by the integer reference on the host: every bit as on the target.",
        "3 pictures in 1.5 s, 2.0 a second, 2 processes",
    ]
    assert "in float, by Paddle" in assess.what_ran("host", options, evaluation, 1)
    assert assess.what_ran("onnx", options, evaluation, None).endswith("on a cluster")


def test_workers_compute_on_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with distribution._single_threads():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
