"""One program for several widths on the simulated board: short words take their share of the work, to the last bit."""

from pathlib import Path

import pytest

from ocrm55 import stages, target, verification

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

WIDTHS = (96, 160, 320)
MOST_SHARE = 0.35  # of the full width's instructions, at 96 columns


@pytest.fixture(scope="session")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, widths=WIDTHS)


def test_a_short_word_takes_its_share(options: stages.Options, models: Path) -> None:
    paths = [models / "samples" / f"{name}.png" for name in ("digit", "year", "wide")]
    run = target.read_images(paths, options, simulator="qemu", stats=True)
    assert [result.width for result in run.results] == list(WIDTHS)
    narrow, _, full = (result.inference_instructions or 0 for result in run.results)
    assert 0 < narrow <= MOST_SHARE * full


def test_every_width_is_exact(options: stages.Options, models: Path) -> None:
    paths = [models / "samples" / f"{name}.png" for name in ("digit", "year", "word_short", "wide", "blank")]
    for found in verification.compare(paths, options, simulator="qemu", fvp=None):
        assert found.exact, found.path.name
        assert found.decode_agrees, found.path.name
