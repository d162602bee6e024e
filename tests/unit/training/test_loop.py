"""The training loop in Paddle, a few steps of it: checkpoints, exact resuming, early stop, damage."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.training import fonts, loop, record
from ocrm55.training.loop import TrainOptions

FOLDER = Path("/usr/share/fonts/truetype")


@pytest.fixture(scope="module")
def two_families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one font of each of two families."""
    folder = tmp_path_factory.mktemp("fonts")
    families: set[str] = set()
    for path in sorted(FOLDER.rglob("*.ttf")):
        font = fonts.examine(path)
        if font and not font.caps and font.family not in families:
            families.add(font.family)
            shutil.copy(path, folder)
        if len(families) == 2:
            return folder
    pytest.skip("fewer than two families of fonts on this machine")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    for name in ("a", "b", "c"):
        picture = np.full((30, 70, 3), 220, np.uint8)
        cv2.putText(picture, name * 3, (5, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    (folder / "labels.tsv").write_text("a.png\taaa\nb.png\tbbb\nc.png\tccc\n")
    (folder / "val.txt").write_text("c.png\tccc\n")
    return folder


@pytest.fixture
def options(tmp_path: Path, two_families: Path, words: Path) -> TrainOptions:
    return TrainOptions(
        output=tmp_path / "training",
        data=[words],
        apart=words / "val.txt",
        fonts=[two_families],
        steps=4,
        columns=320,
        measure_every=2,
        checked=2,
        processes=0,
    )


def weights(path: Path) -> dict[str, np.ndarray]:
    import paddle

    return paddle.load(str(path), return_numpy=True)


def test_an_interrupted_training_resumes_to_the_same_weights(options: TrainOptions, tmp_path: Path) -> None:
    whole = dataclasses.replace(options, output=tmp_path / "whole")
    rows = loop.train(whole).rows
    assert [row["step"] for row in rows] == [2, 4]
    assert {"loss", "unseen fonts", "unseen fonts, clean", "words", "images_per_second"} <= set(rows[0])

    trainer = loop.Trainer(options, loop.gather(options), 0, 1)
    with loop.Feed(trainer.supply, 0) as feed:  # two steps, a checkpoint, and the power fails
        batches = feed.batches(0)
        for _ in range(2):
            trainer.learn(next(batches))
    trainer.record.add(rows[0], 0.0)
    trainer.save(False)
    del trainer
    loop.train(options, resume=True)

    once, twice = weights(whole.output / "final.pdparams"), weights(options.output / "final.pdparams")
    assert once.keys() == twice.keys()
    assert all(np.array_equal(once[name], twice[name]) for name in once)
    assert [row["step"] for row in record.load_rows(options.output / "log.jsonl")] == [2, 4]
    assert (options.output / "curve.png").read_bytes()[:4] == b"\x89PNG"


# SIGTERM comes in the middle of the third step: the weights are moved already, the step is not counted yet.
ENDED = """
import os, signal, sys
from ocrm55 import cli
from ocrm55.training import loop

class Trainer(loop.Trainer):
    def __init__(self, *given):
        super().__init__(*given)
        clear = self.optimizer.clear_grad

        def cleared():
            clear()
            if self.step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        self.optimizer.clear_grad = cleared

loop.Trainer = Trainer
sys.argv[:1] = ["ocrm55", "train"]
cli.main()
"""


def test_a_training_ended_by_a_signal_resumes_to_the_same_weights(options: TrainOptions, tmp_path: Path) -> None:
    whole = dataclasses.replace(options, output=tmp_path / "whole", data=(), apart=None, checked=10, measure_every=3)
    loop.train(whole)
    ended = dataclasses.replace(whole, output=tmp_path / "ended")
    words = ["--output", ended.output, "--fonts", ended.fonts[0], "--steps", 4, "--columns", 320]
    words += ["--measure-every", 3, "--checked", 10, "--processes", 0]
    done = subprocess.run(
        [sys.executable, "-c", ENDED, *map(str, words)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 143, done.stdout + done.stderr
    assert "stopped at step 3" in done.stdout + done.stderr
    assert sorted(path.name for path in ended.output.iterdir() if path.name.startswith(".")) == []
    assert json.loads((ended.output / "last" / "state.json").read_text())["step"] == 3
    loop.train(ended, resume=True)
    once, twice = weights(whole.output / "final.pdparams"), weights(ended.output / "final.pdparams")
    assert all(np.array_equal(once[name], twice[name]) for name in once)


def test_the_result_is_a_checkpoint_that_export_takes(options: TrainOptions) -> None:
    from ocrm55.tasks.recognizer.checkpoint import load_checkpoint

    loop.train(dataclasses.replace(options, steps=1, measure_every=1))
    for name in ("best.pdparams", "final.pdparams"):
        assert len(load_checkpoint(options.output / name).state_dict()) == 196
    with pytest.raises(InputError, match="holds a training already"):
        loop.train(options)
    with pytest.raises(InputError, match="steps = 1, not 4"):
        loop.train(options, resume=True)


def test_the_bundled_weights_are_a_start(options: TrainOptions, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from ocrm55.cli import app

    paths = ["--output", str(tmp_path / "out"), "--fonts", str(options.fonts[0])]
    small = ["--steps", "1", "--columns", "640", "--checked", "10", "--processes", "0", "--learning-rate", "0"]
    done = CliRunner().invoke(app, ["train", "--start", "bundled", *paths, *small])
    assert done.exit_code == 0, done.output
    (row,) = record.load_rows(tmp_path / "out" / "log.jsonl")
    assert row["unseen fonts, clean"] > 0.5, "random weights read nothing"


def test_patience_ends_a_training_that_gets_no_better(options: TrainOptions) -> None:
    hopeless = dataclasses.replace(options, steps=40, measure_every=1, patience=2, learning_rate=0.0)
    rows = loop.train(hopeless).rows
    assert len(rows) == 3


def test_there_is_nothing_to_resume_in_an_empty_folder(options: TrainOptions) -> None:
    with pytest.raises(InputError, match="no training to resume"):
        loop.train(options, resume=True)


def test_a_training_resumes_with_the_options_that_shape_it(options: TrainOptions, words: Path) -> None:
    """A start from a checkpoint has other stages; other words and fonts make other batches."""
    trainer = loop.Trainer(options, loop.gather(options), 0, 1)
    trainer.save(False)
    other = {"start": words / "a.pdparams", "apart": None, "data": (), "fonts": [words], "seed": 2}
    for name, value in other.items():
        trainer.options = dataclasses.replace(options, **{name: value})
        with pytest.raises(InputError, match=f"was trained with {name} = "):
            trainer.load(options.output / "last")
    trainer.options = dataclasses.replace(options, output=words, processes=1, patience=3)
    trainer.load(options.output / "last")

    state = options.output / "last" / "state.json"
    for damaged in ("", "{", "[]", "{}", state.read_text().replace('"step": 0', '"step": "0"'), "\ud800"):
        state.write_text(damaged, errors="surrogatepass")
        with pytest.raises(InputError, match=r"state\.json (cannot be read|does not say)"):
            trainer.load(options.output / "last")


def test_a_set_that_cannot_be_trained_on_is_refused_before_anything_is_written(
    options: TrainOptions, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="neither a folder nor a file"):
        loop.train(dataclasses.replace(options, data=[tmp_path / "nowhere"]))
    with pytest.raises(InputError, match="No usable font"):
        loop.train(dataclasses.replace(options, fonts=[tmp_path]))
    assert not options.output.exists()


def test_a_log_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1}) + "\n{broken")
    with pytest.raises(InputError, match="not a training log"):
        record.load_rows(tmp_path / "log.jsonl")


TOGETHER = """
import hashlib, sys
from pathlib import Path
from ocrm55.training import loop
from ocrm55.training.loop import TrainOptions

if __name__ == "__main__":
    import paddle

    paddle.distributed.init_parallel_env()
    rank = paddle.distributed.get_rank()
    options = TrainOptions(Path(sys.argv[1]), fonts=[Path(sys.argv[2])], steps=2, columns=320, checked=2, processes=0)
    trainer = loop.Trainer(options, loop.gather(options), rank, 2)
    trainer.run()
    values = b"".join(
        parameter.numpy().tobytes() for parameter in trainer.network.parameters() if not parameter.stop_gradient
    )
    first = b"".join(sample.pixels.tobytes() for sample in loop.Feed(trainer.supply, 0)._groups(0).__next__()[0][0])
    digests = [hashlib.sha256(part).hexdigest() for part in (values, first)]
    Path(sys.argv[1]).joinpath(f"rank{rank}.txt").write_text(" ".join(digests))
"""


@pytest.mark.slow
def test_two_processes_learn_one_network_from_different_samples(tmp_path: Path, two_families: Path) -> None:
    script, output = tmp_path / "together.py", tmp_path / "out"
    script.write_text(TOGETHER)
    output.mkdir()
    launch = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node=2", f"--log_dir={tmp_path / 'log'}"]
    done = subprocess.run(
        [*launch, str(script), str(output), str(two_families)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (weights_0, samples_0), (weights_1, samples_1) = (
        (output / f"rank{rank}.txt").read_text().split() for rank in (0, 1)
    )
    assert weights_0 == weights_1
    assert samples_0 != samples_1
