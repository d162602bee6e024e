"""`ocrm55 eval --on target`: the board reads a labelled set as the host does, in two worker processes."""

from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import assess, evaluate
from ocrm55.simulators import Choice

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def test_board_and_host_read_a_set_alike(
    build_dir: Path, samples: dict[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [path for path in samples if path.stem in ("digit", "word_upper")]
    labels = tmp_path / "labels.tsv"
    labels.write_text("".join(f"{path}\t{samples[path]}\n" for path in chosen))
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(precision="float32"))
    words = assess.select(labels)
    monkeypatch.setattr(evaluate, "TASK", 1)
    on_host = evaluate.evaluate(words, assess.reader_spec("host", options))
    on_target = evaluate.evaluate(words, assess.reader_spec("target", options, simulator=Choice("qemu")), workers=2)
    native = evaluate.evaluate(words, assess.reader_spec("native", options), workers=2)
    assert on_host.scores.exact.right == on_target.scores.exact.right == len(chosen) == 2
    for here, there, beside in zip(on_host.readings, on_target.readings, native.readings, strict=True):
        assert (here.name, here.read) == (there.name, there.read) == (beside.name, beside.read)
        assert abs(here.score - there.score) < 1e-4
        assert abs(here.score - beside.score) < 1e-4


def test_the_reference_says_what_the_board_says(build_dir: Path, samples: dict[Path, str], tmp_path: Path) -> None:
    chosen = [path for path in samples if path.stem in ("digit", "word_short", "slanted")]
    labels = tmp_path / "labels.tsv"
    labels.write_text("".join(f"{path}\t{samples[path]}\n" for path in chosen))
    # Of several widths, so that the reference must choose as the board does.
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(widths=(96, 160, 320)))
    words = assess.select(labels)
    here = evaluate.evaluate(words, assess.reader_spec("reference", options)).readings
    there = evaluate.evaluate(words, assess.reader_spec("target", options, simulator=Choice("qemu"))).readings
    assert [(r.name, r.read, f"{r.score:.6f}") for r in here] == [(r.name, r.read, f"{r.score:.6f}") for r in there]
    for one, other in zip(here, there, strict=True):
        assert one.right is not None
        assert other.right is not None
        assert abs(one.right - other.right) < 1e-5
