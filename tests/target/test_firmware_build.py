"""Building the firmware: sizes, nothing built twice, and what the compiler's complaints become."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from ocrm55 import boards, console, firmware, stages
from ocrm55.errors import InputError, OutputError, TargetError, ToolchainError
from ocrm55.simulators import Request, find_simulator
from tests.target import fake_artifact

pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in ("arm-none-eabi-gcc", "cmake", "ninja")),
    reason="arm-none-eabi-gcc, cmake or ninja not installed",
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_artifact.write(tmp_path_factory.mktemp("firmware") / "an artifact")


@pytest.fixture(scope="module")
def built(artifact: Path) -> firmware.Firmware:
    return firmware.build(artifact, artifact.parent / "fw")


def test_sizes_and_places(built: firmware.Firmware) -> None:
    assert built.elf.is_file()
    assert built.map.is_file()
    assert built.sections[".ocrm55.arena"] == 65536
    assert built.sections[".stack"] == 32768
    assert built.sections[".ocrm55.weights"] == 16
    assert firmware.sections(built.elf) == built.sections
    used = {use.region.name: use.used for use in built.regions}
    assert used["ISRAM"] == 65536
    assert used["DDR"] == 16
    assert 8_000 < used["ITCM"] < 20_000
    assert 32_768 < used["DTCM"] < 36_000


def test_second_build_compiles_nothing(
    artifact: Path, built: firmware.Firmware, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built.elf.stat().st_mtime_ns
    commands: list[list[str]] = []
    original = console.command
    monkeypatch.setattr(console, "command", lambda words, **more: (commands.append(words), original(words, **more))[1])
    firmware.build(artifact, built.elf.parent)
    assert [words[1] for words in commands] == ["--build"]
    assert built.elf.stat().st_mtime_ns == before


def test_changed_source_is_built_again(artifact: Path, tmp_path: Path) -> None:
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    first = firmware.build(copy, tmp_path / "fw").elf.read_bytes()
    header = copy / "include" / "ocrm55_fake.h"
    header.write_text(header.read_text().replace('MODEL_NAME "fake"', 'MODEL_NAME "other"'))
    assert firmware.build(copy, tmp_path / "fw").elf.read_bytes() != first


def test_no_heap_and_no_printf(built: firmware.Firmware) -> None:
    words = set(built.map.read_text().split())
    assert "semihosting_request" in words
    assert not words & {"malloc", "_malloc_r", "_sbrk", "_sbrk_r", "printf", "vsnprintf", "_write", "__aeabi_dadd"}


def test_address_to_line(built: firmware.Firmware) -> None:
    reset = struct.unpack_from("<I", _loaded(built.elf, ".vectors"), 4)[0]
    assert (firmware.source_line(built.elf, reset & ~1) or "").startswith("Reset_Handler at startup.c")
    assert firmware.source_line(built.elf, 0x40000000) is None
    assert firmware.source_line(built.elf.parent / "none.elf", 0) is None


def _loaded(path: Path, name: str) -> bytes:
    import subprocess

    dump = path.parent / "section.bin"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", name, path, dump], check=True)
    return dump.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("memset(arena", "memset(arenas", r"does not compile: .*model\.c:\d+:\d+: 'arenas' undeclared"),
        ("obey(arena[0]);", "obey(arena[0]); undefined_thing();", r"does not compile: .*undefined_thing"),
        ("obey(arena[0]);", "int unused = 1;", r"does not compile: .*unused"),
        (
            "extern const float fake_weights[4];",
            "extern const float fake_weights[4], w;\n#define fake_weights (&w)",
            "w",
        ),
        (
            "OCRM55_FAKE_ARENA_BYTES 65536",
            "OCRM55_FAKE_ARENA_BYTES 2200000",
            r"does not fit: ISRAM is too small by 102,848 bytes",
        ),
    ],
)
def test_complaints_in_one_sentence(artifact: Path, tmp_path: Path, old: str, new: str, words: str) -> None:
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    for file in (copy / "src" / "model.c", copy / "include" / "ocrm55_fake.h"):
        file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ToolchainError, match=words) as caught:
        firmware.build(copy, tmp_path / "fw")
    assert "\n" not in caught.value.sentence


def test_wrong_region(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="CMake refused: OCRM55_ARENA_REGION=MOON is no region of"):
        firmware.build(artifact, tmp_path / "fw", defines={"OCRM55_ARENA_REGION": "MOON"})
    # What failed half-way does not stand in the way of the next build.
    assert firmware.build(artifact, tmp_path / "fw").elf.is_file()


def test_other_settings_make_a_fresh_tree(artifact: Path, tmp_path: Path) -> None:
    place = tmp_path / "fw"
    firmware.build(artifact, place, defines={"OCRM55_STACK_BYTES": "4096"})
    assert firmware.build(artifact, place).sections[".stack"] == 32768


def test_other_memory_map(artifact: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.json"
    own = boards.find().file.read_text()
    board.write_text(own.replace('"bytes": 2097152', '"bytes": 65536').replace('"ISRAM"', '"SMALL"'))
    built = firmware.build(artifact, tmp_path / "fw", boards.find(memory_map=board))
    assert {use.region.name: use.percent for use in built.regions}["SMALL"] == 100.0


def test_a_board_of_ones_own(artifact: Path, tmp_path: Path) -> None:
    """A board has only what differs: without NPU, with a start-up of its own, and with other memories."""
    shutil.copytree(boards.find().folder, tmp_path / "mine")
    shutil.rmtree(tmp_path / "mine" / "npu")
    header = tmp_path / "mine" / "board.h"
    header.write_text(header.read_text().replace("#define NPU_INTERRUPT 56u\n", ""))
    own = (boards.find().core / "startup.c").read_text()
    (tmp_path / "mine" / "startup.c").write_text(
        own.replace("uart_open();", 'uart_open();\n    platform_write("", 0);')
    )
    file = tmp_path / "mine" / "board.json"
    file.write_text(file.read_text().replace('"stack_bytes": 32768', '"stack_bytes": 8192'))
    board = boards.find(str(tmp_path / "mine"))
    built = firmware.build(artifact, tmp_path / "fw", board)
    assert built.sections[".stack"] == 8192
    assert (tmp_path / "fw" / "mine.ld").is_file()
    request = Request(built.elf, [fake_artifact.image()], timeout_s=30)
    assert find_simulator("qemu", board=board).run(request).exit_status == 0


def test_folder_that_is_not_ours_is_left_alone(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="not a build of ours"):
        firmware.build(artifact, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("toolchain", firmware.TOOLCHAINS)
def test_every_tool_chain(artifact: Path, tmp_path: Path, toolchain: str) -> None:
    needed = [program for program in (*firmware.COMPILERS[toolchain], "qemu-system-arm") if not shutil.which(program)]
    if needed:
        pytest.skip(f"{', '.join(needed)} not installed")
    elf = firmware.build(artifact, tmp_path / "fw", toolchain=toolchain).elf
    images = [fake_artifact.image(frames=fake_artifact.text_frames(toolchain))]
    result = find_simulator("qemu").run(Request(elf, images, stats=True, timeout_s=30))
    assert (result.results[0].text, result.results[0].score) == (toolchain, 0.915527)
    with pytest.raises(TargetError, match="stack overflow"):
        find_simulator("qemu").run(Request(elf, [fake_artifact.image(fake_artifact.RECURSION)], timeout_s=30))


@pytest.mark.parametrize("named", [True, False])
def test_kernels_are_built_when_asked_for_and_dropped_when_unused(artifact: Path, tmp_path: Path, named: bool) -> None:
    """A model names the kernels that it calls; one that says nothing gets all."""
    kernels = list(firmware.resources.kernels())
    if not kernels:
        pytest.skip("there are no hand-written kernels")
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    wanted = f'set(OCRM55_MODEL_KERNELS "{";".join(kernels)}")' if named else ""
    recipe = copy / "sources.cmake"
    recipe.write_text(recipe.read_text().replace('set(OCRM55_MODEL_KERNELS "")', wanted))
    unused = firmware.build(copy, tmp_path / "fw")
    assert (unused.elf.parent / "libocrm55_kernels.a").is_file()
    assert unused.sections[".text"] < 14_000


FLAGS = (
    "CFLAGS", "CXXFLAGS", "CPPFLAGS", "ASMFLAGS", "CMAKE_C_FLAGS", "CFLAGS_FOR_TARGET", "GCC_COMPARE_DEBUG",
)  # fmt: skip
PROGRAMS = (
    "CC", "CXX", "ASM", "LD", "AR", "RANLIB", "OBJCOPY", "STRIP", "COLLECT_LTO_WRAPPER", "CMAKE_MAKE_PROGRAM",
    "CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER", "CMAKE_C_LINKER_LAUNCHER", "CCACHE_PREFIX",
    "PYTHONSTARTUP", "PYTHONINSPECT",
)  # fmt: skip
FOLDERS = (
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "INCLUDE",
    "CMAKE_PREFIX_PATH", "CMAKE_INCLUDE_PATH", "CMAKE_LIBRARY_PATH", "CMAKE_PROGRAM_PATH", "PYTHONPATH", "PYTHONHOME",
    "SYSROOT", "LD_RUN_PATH", "PKG_CONFIG_PATH",
)  # fmt: skip
OTHERS = {
    "LDFLAGS": "-Wl,--no-such-option", "LDEMULATION": "elf_x86_64", "CMAKE_TOOLCHAIN_FILE": "/nowhere/none.cmake",
    "CMAKE_GENERATOR": "Unix Makefiles", "CMAKE_BUILD_TYPE": "Debug", "CMAKE_EXPORT_COMPILE_COMMANDS": "1",
    "CMAKE_BUILD_PARALLEL_LEVEL": "0", "MAKEFLAGS": "-n", "VERBOSE": "1", "NINJA_STATUS": "error: %f ",
    "DEPENDENCIES_OUTPUT": "/nowhere/deps", "SUNPRO_DEPENDENCIES": "/nowhere/deps", "GCC_COLORS": "error=01",
    "SOURCE_DATE_EPOCH": "1", "CCACHE_IGNOREOPTIONS": "-O2", "LD_PRELOAD": "",
}  # fmt: skip


def _in_hex(elf: Path, folder: Path) -> bytes:
    """The bytes that a program has in the target's memory, with their places."""
    hexed = folder / "loaded.hex"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "ihex", elf, hexed], check=True)
    return hexed.read_bytes()


def test_flags_of_the_environment_do_not_reach_the_target(
    artifact: Path, built: firmware.Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FLAGS:
        monkeypatch.setenv(name, "-ffast-math -march=native -DOCRM55_STRANGE")
    for name in PROGRAMS:
        monkeypatch.setenv(name, "/bin/false")
    for name in FOLDERS:
        monkeypatch.setenv(name, str(tmp_path))
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "stdint.h").write_text("#error a stranger's header")
    elf = firmware.build(artifact, artifact.parent / "fw2").elf
    assert firmware.sections(elf) == built.sections
    assert _in_hex(elf, tmp_path) == _in_hex(built.elf, tmp_path)
    commands = (elf.parent / "build.ninja").read_text()
    assert "fast-math" not in commands
    assert "STRANGE" not in commands


@pytest.mark.parametrize("name", ["C#", "a;b", 'a"b', "a$b", "a%b", "a,b", "a?b", "a|b", "a<b", "a>b", "a\\b", "a\nb"])
def test_a_path_that_cannot_be_built_in_is_refused_before_anything_runs(tmp_path: Path, name: str) -> None:
    options = stages.Options(build_dir=tmp_path / name)
    with pytest.raises(InputError, match=r"take no .* in a path"):
        stages.prepare(options)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["with space", "it's", "ключ", "a+b=c", "(a)", "a&b", "~a", "@a", "{a}", "[a]", "*"])
def test_other_paths_are_built_in(artifact: Path, tmp_path: Path, name: str) -> None:
    firmware.check_path(tmp_path / name)
    if name in ("with space", "a&b", "[a]"):
        assert firmware.build(artifact, tmp_path / name / "fw").elf.is_file()
