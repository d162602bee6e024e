"""One program for several widths on the simulated board: short words take their share of the work, to the last bit."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import cli, simulation, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

WIDTHS = (96, 160, 320)
MOST_SHARE = 0.35  # of the full width's instructions, at 96 columns


@pytest.fixture(scope="session")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(widths=WIDTHS))


def test_a_short_word_takes_its_share(options: stages.Options, models: Path) -> None:
    paths = [models / "samples" / f"{name}.png" for name in ("percent", "year", "wide")]  # of 94, 104, 320 columns
    run = simulation.read_images(simulation.load(paths), stages.prepare(options), find_simulator("qemu"), stats=True)
    assert [result.width for result in run.results] == list(WIDTHS)
    assert [result.text for result in run.results] == ["50%", "1984", "The quick brown fox jumps"]
    narrow, _, full = (result.inference_instructions or 0 for result in run.results)
    assert 0 < narrow <= MOST_SHARE * full


def test_every_width_is_exact(options: stages.Options, models: Path) -> None:
    paths = [models / "samples" / f"{name}.png" for name in ("digit", "percent", "year", "word_short", "wide", "blank")]
    for found in verification.compare(paths, options, find_simulator("qemu")):
        assert found.exact, found.path.name
        assert found.decode_agrees, found.path.name


def test_profile_and_report_tell_the_figures_of_the_width(
    options: stages.Options, models: Path, tmp_path: Path
) -> None:
    sample, out = models / "samples" / "digit.png", tmp_path / "out"
    where = ["--widths", "96,160,320", "--build-dir", str(options.build_dir), "--out"]
    shown = CliRunner().invoke(cli.app, ["profile", str(sample), *where, str(out)])
    assert shown.exit_code == 0, shown.output
    values = json.loads((out / "profile.json").read_text())
    operators = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())["widths"][0]["operators"]
    assert values["width"] == WIDTHS[0]
    assert [layer["macs"] for layer in values["layers"]] == [operator["macs"] for operator in operators]
    counted = sum(layer["instructions"] for layer in values["layers"])
    assert counted == pytest.approx(values["instructions"]["inference"], rel=1e-2)
    # By hand: the first layer's output is 24 x 49 x 16 for 96 columns and 2 of padding.
    assert values["layers"][0]["shape"] == [1, 24, 49, 16]

    page = tmp_path / "report.html"
    paths = [str(models / "samples" / f"{name}.png") for name in ("digit", "wide")]
    done = CliRunner().invoke(cli.app, ["report", *paths, *where, str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    for words in ("at 96 of 320 columns", "at 320 of 320 columns", f"{values['instructions']['inference']:,}"):
        assert words in text
