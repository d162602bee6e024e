"""Many images in one run: each as if it were alone, bit for bit, and nothing written beyond the arena."""

from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.errors import TargetError
from ocrm55.firmware import build
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request
from tests.target import fake_artifact as fake
from tests.target import long_run

pytestmark = pytest.mark.qemu


@pytest.mark.slow
def test_images_of_every_width_in_one_run(build_dir: Path) -> None:
    """`python -m tests.target.long_run` does it with a thousand."""
    options = stages.Options(build_dir=build_dir)
    pictures = long_run.draw(8)
    alone = long_run.read(options, pictures[:1], stats=True)
    run = long_run.read(options, pictures, stats=True)
    assert long_run.compare(options, pictures, run) == []
    assert run.stack_bytes == alone.stack_bytes


@pytest.mark.parametrize(("offset", "caught"), [("-1", True), ("OCRM55_ARENA_BYTES", True), ("0", False)])
def test_a_write_beyond_the_arena_is_seen(fake_elf: Path, tmp_path: Path, offset: str, caught: bool) -> None:
    """The guards themselves, with a model that writes where it is told."""
    artifact = fake.write(tmp_path / "artifact")
    source = artifact / "src" / "model.c"
    source.write_text(
        source.read_text().replace("    obey(arena[0]);\n", f"    obey(0);\n    *(arena + ({offset})) = 1;\n")
    )
    guarded = {"OCRM55_DEFINES": "OCRM55_ARENA_GUARD=64"}
    request = Request(build(artifact, tmp_path / "build", defines=guarded).elf, [fake.image(width=9)])
    if caught:
        with pytest.raises(TargetError, match="wrote beyond its arena"):
            find_simulator("qemu").run(request)
    else:
        assert len(find_simulator("qemu").run(request).results) == 1
