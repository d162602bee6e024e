"""`ocrm55 finetune` as a user calls it."""

import json
import random
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from ocrm55.cli import app
from ocrm55.errors import InputError, OutputError, ToolchainError
from ocrm55.training import draw_meters
from ocrm55.training.finetune import measure, run

runner = CliRunner()


@pytest.fixture
def meters(tmp_path: Path) -> Path:
    rng, folder = random.Random(1), tmp_path / "meters"
    folder.mkdir()
    lines = []
    for number, style in enumerate(list(draw_meters.STYLES.values()) * 5):
        text = draw_meters.text(rng)
        pixels = draw_meters.photograph(rng, draw_meters.draw(rng, text, style))
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
        lines.append(f"{number}.png\t{text}\n")
    (folder / "labels.tsv").write_text("".join(lines))
    return folder


def test_without_torch_it_says_what_to_install(meters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    done = runner.invoke(app, ["finetune", str(meters), "--name", "meter", "--build-dir", str(tmp_path / "build")])
    assert done.exit_code == ToolchainError.exit_code
    assert "ocrm55[train-torch]" in done.output
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b", "-x", "a" * 65, "meter.unfinished", "meter.onnx"])
def test_a_name_is_a_folder_s(name: str) -> None:
    with pytest.raises(InputError, match="no name of a model"):
        run.checked_name(name)


@pytest.mark.parametrize("name", ["bundled", "fast", "PP-OCRv6_tiny_rec", "en_ppocrv3_rec", "models"])
def test_a_name_is_no_other_model_s(name: str) -> None:
    """`--model NAME` would take the other one."""
    with pytest.raises(InputError, match="another model"):
        run.checked_name(name)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.finetune.learn import Learner

    network = torch.nn.Linear(400, 400)
    optimizer = torch.optim.SGD(network.parameters())
    learner: Any = SimpleNamespace(
        network=network, average=network, optimizer=optimizer, step=20, seconds=1.0, began=0.0
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            Learner.save(learner, tmp_path / "state.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    Learner.save(learner, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 20


@pytest.mark.slow
def test_interrupted_behind_the_training_it_goes_on_there(
    meters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    build = tmp_path / "build"
    scored: list[Any] = []

    def scores(building: Any, sets: Any) -> Any:
        scored.append(building)
        if len(scored) == 2:  # of the new model
            raise KeyboardInterrupt
        return original(building, sets)

    original = measure.scores
    monkeypatch.setattr(measure, "scores", scores)
    line = ["finetune", str(meters), "--name", "meter", "--model", "fast", "--steps", "4", "--drawn", "10"]
    done = runner.invoke(app, [*line, "--build-dir", str(build)])
    assert done.exit_code == 130, done.output
    assert sorted(path.name for path in (build / "models").iterdir()) == ["meter", "meter.unfinished"]
    done = runner.invoke(app, [*line, "--build-dir", str(build)])
    assert done.exit_code == 0, done.output
    assert "going on from step 4" in done.output
    assert [path.name for path in (build / "models").iterdir()] == ["meter"]


@pytest.mark.slow
def test_a_few_steps_give_a_model_with_a_name_and_a_table(meters: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    build = tmp_path / "build"
    arguments = [str(meters), "--name", "meter", "--model", "fast", "--steps", "4", "--drawn", "10"]
    done = runner.invoke(app, ["finetune", *arguments, "--build-dir", str(build)])
    assert done.exit_code == 0, done.output
    table = [line for line in done.stdout.splitlines() if line.startswith(("read exactly", "own", "drawn"))]
    assert [line.split()[0] for line in table] == ["read", "own,", "drawn"]
    assert max(map(len, done.stdout.splitlines()[:3])) <= 80
    record = json.loads((build / "models" / "meter" / "finetune.json").read_text())
    assert [row["pictures"] for row in record["scores"]] == [5, 10]
    assert not (build / "models" / "meter.unfinished").exists()
    # What the table was measured on is what the next command takes: nothing is compiled anew.
    again = runner.invoke(app, ["compile", "--model", "meter", "--build-dir", str(build)])
    assert again.exit_code == 0, again.output
    assert "for cortex-m55 ->" not in again.output
