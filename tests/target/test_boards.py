"""Known boards: the package for each links with GCC and with clang, every section inside its board's memories."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55 import boards, elf, stages
from ocrm55.artifact import Artifact
from ocrm55.bench import known_boards as measured
from ocrm55.boards import Region
from ocrm55.compiler.options import CompileOptions
from ocrm55.report import known_boards
from tests.target import test_package
from tests.target.programs import require

pytestmark = [pytest.mark.slow, pytest.mark.qemu]
DESCRIBED = [name for name in boards.names() if not boards.find(name).has_start_up]
CORE = "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard".split()
FLAGS = [*CORE, "-O2", "-ffunction-sections", "-fdata-sections", "-std=c11", "-Wall", "-Wextra", "-Werror"]
START_UP = test_package.PROJECT / "board.c"


def linked(package: Path, folder: Path, compiler: str) -> Path:
    """The package's example with a start-up, linked by its own examples/board.ld."""
    require(compiler)
    clang = ["--target=thumbv8.1m.main-none-eabihf", "-fshort-enums", *test_package.newlib_headers().split()]
    words = [compiler, *FLAGS, *(clang if compiler.startswith("clang") else []), f"-I{package / 'include'}"]
    folder.mkdir()
    objects = []
    for source in [*sorted((package / "src").glob("*.c")), package / "examples" / "main.c", START_UP]:
        objects.append(folder / f"{source.stem}.o")
        test_package.command([*words, f"-I{START_UP.parent}", "-c", source, "-o", objects[-1]])
    program = folder / "program.elf"
    script = f"-T{package / 'examples' / 'board.ld'}"
    options = ["--specs=nano.specs", "--specs=nosys.specs", "-nostartfiles", "-Wl,--gc-sections", script]
    test_package.command(["arm-none-eabi-gcc", *CORE, *options, *objects, "-lm", "-o", program])
    return program


def region_of(name: str, section: elf.Section) -> Region:
    """The memory that a section lies in, as a whole."""
    regions = boards.find(name).memories.regions.values()
    last = section.address + section.size - 1
    return next(each for each in regions if each.contains(section.address) and each.contains(last))


@pytest.mark.parametrize(("name", "model"), [*((name, "fast") for name in DESCRIBED), ("stm32n657", "bundled")])
def test_the_package_for_each_board_links(name: str, model: str, build_dir: Path, tmp_path: Path) -> None:
    package = test_package.package(tmp_path / "package", build_dir, "--board", name, "--model", model, "--no-check")
    board = boards.find(name)
    options = stages.Options(build_dir, source=model, compile=CompileOptions(board=board, check=False))
    artifact = Artifact.read(stages.compiled(options).artifact)
    for compiler in ("arm-none-eabi-gcc", "clang-19"):
        program = linked(package, tmp_path / compiler, compiler)
        placed = {section.name: region_of(name, section) for section in elf.read_sections(program)}
        assert placed[".vectors"].name == placed[".text"].name == board.memories.placement["code"]
        assert placed[".ocrm55.arena"].name == artifact.region_of("arena")
        assert placed[".ocrm55.weights"].name == artifact.region_of("weights")
        if artifact.hot_bytes:
            assert placed[".ocrm55.hot_weights"].name == artifact.region_of("hot_weights")


@pytest.mark.parametrize("name", ["apollo510"])
def test_the_record_is_what_is_counted(name: str, build_dir: Path) -> None:
    """Instructions, cycles and line fetches again; a board that is refused is compared in the unit tests."""
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    recorded = known_boards.record()[name]["recognizers"]["fast"]
    counted = measured.recognizer(boards.find(name), "fast", build_dir)
    assert counted["places"] == recorded["places"]
    assert counted["instructions"] == recorded["instructions"]
    assert counted["cycles"] == pytest.approx(recorded["cycles"], rel=0.01)
