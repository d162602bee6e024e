"""The program of this computer: the same C, the same bits as the firmware and the host's integers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55 import simulation, stages
from ocrm55.commands.page_options import page_options
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.page import program, read
from ocrm55.page.demo import draw
from ocrm55.simulators import find_simulator

pytestmark = [pytest.mark.slow, pytest.mark.qemu]
A_FEW = 3  # samples that QEMU reads too


@pytest.fixture(scope="module")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir)


@pytest.mark.parametrize("source", ["bundled", "fast"])
def test_every_sample_is_read_right_and_bit_for_bit(
    source: str, options: stages.Options, samples: dict[Path, str]
) -> None:
    chosen = replace(options, source=source)
    for found in verification.compare(list(samples), chosen, find_simulator("native")):
        assert found.exact, found.path.name
        assert found.decode_agrees, found.path.name
        assert source != "bundled" or found.target.text == samples[found.path], found.path.name


@pytest.mark.parametrize("widths", [(), (96, 160, 320)])
def test_every_line_is_the_firmwares(
    widths: tuple[int, ...], options: stages.Options, samples: dict[Path, str]
) -> None:
    chosen = replace(options, compile=CompileOptions(widths=widths))
    pictures = simulation.load(list(samples)[:A_FEW])
    runs = [
        simulation.read_images(
            pictures, stages.prepare(chosen, native=board.native), board, want_confidence=True, want_probabilities=True
        )
        for board in map(find_simulator, ("native", "qemu"))
    ]
    assert runs[0].uart == runs[1].uart
    assert runs[0].probabilities is not None
    assert runs[1].probabilities is not None
    assert runs[0].probabilities.tobytes() == runs[1].probabilities.tobytes()


def test_a_page_has_the_firmwares_bits(options: stages.Options, tmp_path: Path) -> None:
    """Rows, map, boxes, crops and texts, by their hashes."""
    picture = read.picture_of(tmp_path / "page", draw()[:, :, ::-1])
    said = []
    for board in map(find_simulator, ("native", "qemu")):
        prepared = program.prepare(page_options(options, "bundled", "320x320"), native=board.native)
        ((_, run),) = read.run([picture], prepared, board, want_hashes=True)
        said.append(run.uart)
    assert said[0] == said[1]
    assert said[0].count("crop ") >= 10
