"""What `ocrm55 package` writes, built in a project that has nothing of ours, and run on QEMU and on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55 import cli, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation.verification import integer_reference
from ocrm55.npu_model.accelerators import by_name
from ocrm55.pictures import read_image
from ocrm55.simulators.npu_coupling import NpuCoupling
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.charset import load_charset
from tests.target.programs import require

PROJECT = Path(__file__).parent / "bare_project"
QEMU = (
    "qemu-system-arm -M mps3-an547 -display none -monitor none -serial null "
    "-semihosting-config enable=on,target=native -kernel"
).split()
PICTURES = ("word_camel", "digit", "blank")

# What the library may ask of libc and libm. Compilers turn loops into the first row by themselves.
ALLOWED = {"memcpy", "memset", "memmove", "__aeabi_memcpy", "__aeabi_memcpy4", "__aeabi_memset", "__aeabi_memclr"}
ALLOWED |= {"__aeabi_memclr4", "memcmp", "strlen", "sqrtf"}
ALLOWED |= {"__aeabi_ldivmod", "__aeabi_uldivmod"}  # the compiler's own: a crop's places are divided in 64 bits

# A tool-chain file, as a user writes one. clang has no linker and libraries of its own for bare cores here.
BARE = """
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "{flags} -mthumb -mfloat-abi=hard -ffunction-sections -fdata-sections")
"""
TOOLS = {
    "gcc": 'set(CMAKE_C_COMPILER gcc)\nset(CMAKE_C_FLAGS_INIT "{flags}")\n',
    "arm-none-eabi-gcc": BARE + "set(CMAKE_C_COMPILER arm-none-eabi-gcc)\n",
    "clang-19": BARE
    + """
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET thumbv8.1m.main-none-eabihf)
string(APPEND CMAKE_C_FLAGS_INIT " -fshort-enums {headers}")
set(CMAKE_C_LINK_EXECUTABLE "{linker} <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
""",
}
LINKER = "arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb -mfloat-abi=hard -Wl,-z,noexecstack"
HELIUM = "-march=armv8.1-m.main+mve.fp+fp.dp"  # what README.md says for a GCC that does not know the core

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Read:
    """What the bare program said of a picture."""

    score: float
    hash: int
    width: int
    characters: int
    text: str


def package(out: Path, build_dir: Path, *arguments: str) -> Path:
    done = CliRunner().invoke(cli.app, ["package", "--out", str(out), "--build-dir", str(build_dir), *arguments])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """The folder of pictures.h."""
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    return write_pictures(tmp_path_factory.mktemp("pictures"), models)


def write_pictures(folder: Path, models: Path) -> Path:
    text, rows = "#include <stdint.h>\n", ""
    for name in PICTURES:
        pixels = image.resize(read_image(models / "samples" / f"{name}.png"))
        text += f"static const uint8_t {name}[] = {{{','.join(map(str, pixels.reshape(-1).tolist()))}}};\n"
        rows += f"    {{{name}, {pixels.shape[1]}}},\n"
    text += f"static const struct {{ const uint8_t *pixels; int32_t width; }} pictures[] = {{\n{rows}}};\n"
    (folder / "pictures.h").write_text(text)
    return folder


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory, build_dir: Path) -> Path:
    require("arm-none-eabi-gcc", "cmake", "ninja")
    return package(tmp_path_factory.mktemp("int8") / "package", build_dir)


@pytest.fixture(scope="module")
def on_host(int8: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Read]:
    """The int8 package's portable C, built by the host's compiler."""
    return run(build(int8, pictures, tmp_path_factory.mktemp("host") / "build", how="subdirectory") / "bare_own", [])


def build(
    package: Path,
    pictures: Path,
    folder: Path,
    flags: str = "",
    compiler: str = "gcc",
    how: str = "find",
    target: str = "all",
    others: Sequence[str] = (),
) -> Path:
    """Configure and build the bare project; `flags` choose the core. How: `subdirectory`, or `find`_package."""
    flags = f"-Wall -Wextra -Werror {flags}"
    tools = folder.with_name(f"{folder.name}.cmake")
    tools.write_text(TOOLS[compiler].format(flags=flags, linker=LINKER, headers=newlib_headers()))
    choices: dict[str, str | Path] = {
        "PACKAGE": package,
        "PICTURES": pictures,
        "HOW": how,
        "ocrm55_DIR": package,
        "CMAKE_TOOLCHAIN_FILE": tools,
    }
    defines = [f"-D{name}={value}" for name, value in choices.items()]
    command(["cmake", "-G", "Ninja", "-S", PROJECT, "-B", folder, *defines, *others])
    command(["cmake", "--build", folder, "--target", target])
    return folder


def command(words: list[str | Path]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def newlib_headers() -> str:
    """Where the Arm GCC keeps them: it says so itself."""
    words = ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-E", "-v", "-x", "c", "/dev/null"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    return " ".join(
        f"-isystem {path}" for path in re.findall(r"^ (/\S*(?:newlib|arm-none-eabi/include)\S*)$", said, re.M)
    )


def run(program: Path, simulator: list[str] = QEMU) -> list[Read]:
    """Run the bare program and read what it says."""
    done = subprocess.run([*simulator, program], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
    return readings(done.stdout + done.stderr)


def readings(said: str) -> list[Read]:
    found = re.findall(r"^(\w{8}) (\w{8}) (\w{8}) (\w{8}) (.*)$", said, re.M)
    assert len(found) == len(PICTURES)
    return [Read(bits(score), *(int(word, 16) for word in words), text) for score, *words, text in found]


def bits(word: str) -> float:
    return float(struct.unpack("!f", bytes.fromhex(word))[0])


def test_reads_the_samples_on_this_machine(on_host: list[Read], samples: dict[Path, str], models: Path) -> None:
    wanted = [samples[models / "samples" / f"{name}.png"] for name in PICTURES]
    assert [read.text for read in on_host] == wanted
    assert [read.characters for read in on_host] == [len(text) for text in wanted]
    assert on_host[-1].score == 0.0  # nothing to read


def test_computes_what_the_firmware_computes(on_host: list[Read], build_dir: Path, models: Path) -> None:
    """Against the host's integer reference, which is no C at all."""
    reference = integer_reference(Artifact.read(stages.compiled(stages.Options(build_dir=build_dir)).artifact))
    for name, read in zip(PICTURES, on_host, strict=True):
        pixels = image.resize(read_image(models / "samples" / f"{name}.png"))
        probabilities = reference.probabilities(pixels)
        truth = ctc.decode(probabilities, load_charset())
        assert read.hash == fnv(probabilities)
        assert (read.text, read.score) == (truth.text, pytest.approx(truth.score, abs=1e-7))


def fnv(values: np.ndarray) -> int:
    total = 2166136261
    for byte in values.astype("<f4").tobytes():
        total = ((total ^ byte) * 16777619) & 0xFFFFFFFF
    return total


@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "clang-19"])
def test_gives_the_same_bits_on_the_board(
    compiler: str, int8: Path, on_host: list[Read], pictures: Path, tmp_path: Path
) -> None:
    """With a linker script that knows nothing of the package, and with the package's own example of one."""
    require(compiler)
    script = "own" if compiler == "clang-19" else "example"
    folder = build(int8, pictures, tmp_path / "build", "-mcpu=cortex-m55", compiler)
    assert run(folder / f"bare_{script}") == on_host
    check_symbols(next(folder.rglob("libocrm55_en_ppocrv3_rec.a")))


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [("arm-none-eabi-gcc", HELIUM), ("clang-19", "-mcpu=cortex-m85"), ("clang-19", "-mcpu=cortex-m52")],
)
def test_builds_for_the_other_cores_with_helium(
    compiler: str, flags: str, int8: Path, pictures: Path, tmp_path: Path
) -> None:
    require(compiler)
    folder = build(int8, pictures, tmp_path / "build", flags, compiler, target="bare_own")
    check_symbols(next(folder.rglob("libocrm55_en_ppocrv3_rec.a")))
    assert "Tag_MVE_arch: MVE Integer and FP" in command(["arm-none-eabi-readelf", "-A", folder / "bare_own"])


def check_symbols(library: Path) -> None:
    """Only our own names, only what libc and libm have, and nothing that is kept between calls."""
    defined, wanted = set(), set()
    for line in command(["arm-none-eabi-nm", library]).splitlines():
        found = re.fullmatch(r"[0-9a-f ]* ([A-Za-z]) (\S+)", line)
        if found is None or found[2].startswith(("$", ".L")):
            continue
        kind, name = found.groups()
        assert kind not in "bBdDC", f"{name} is a variable"
        if kind == "U":
            wanted.add(name)
        elif kind.isupper():
            defined.add(name)
            assert name.startswith("ocrm55_"), name
    assert wanted - defined <= ALLOWED


def test_float32_reads_what_paddle_reads(
    build_dir: Path, pictures: Path, tmp_path: Path, models: Path, sample_probabilities: dict[Path, np.ndarray]
) -> None:
    package(tmp_path / "package", build_dir, "--precision", "float32")
    folder = build(tmp_path / "package", pictures, tmp_path / "host")
    for name, read in zip(PICTURES, run(folder / "bare_own", []), strict=True):
        truth = ctc.decode(sample_probabilities[models / "samples" / f"{name}.png"], load_charset())
        assert (read.text, read.score) == (truth.text, pytest.approx(truth.score, abs=1e-4))
    bare = build(tmp_path / "package", pictures, tmp_path / "m55", "-mcpu=cortex-m55", "arm-none-eabi-gcc")
    check_symbols(next(bare.rglob("libocrm55_en_ppocrv3_rec.a")))


def test_serves_several_widths_in_a_small_arena(build_dir: Path, pictures: Path, tmp_path: Path) -> None:
    package(tmp_path / "package", build_dir, "--widths", "96,160,320")
    read = dict(
        zip(PICTURES, run(build(tmp_path / "package", pictures, tmp_path / "host") / "bare_own", []), strict=True)
    )
    assert {name: each.width for name, each in read.items()} == {"word_camel": 160, "digit": 96, "blank": 320}


def test_keeps_an_arena_limit(build_dir: Path, pictures: Path, on_host: list[Read], tmp_path: Path) -> None:
    package(tmp_path / "package", build_dir, "--arena-limit", str(256 * 1024))
    header = (tmp_path / "package" / "include" / "ocrm55.h").read_text()
    arena = re.search(r"#define OCRM55_ARENA_BYTES (\d+)", header)
    assert arena is not None and 200 * 1024 < int(arena[1]) <= 256 * 1024
    assert run(build(tmp_path / "package", pictures, tmp_path / "host") / "bare_own", []) == on_host


def test_an_npu_s_regions_run_beside_the_core(
    build_dir: Path, pictures: Path, samples: dict[Path, str], tmp_path: Path, models: Path
) -> None:
    """The model of the Ethos-U55 answers what the package's driver asks, on a board that the example describes."""
    pytest.importorskip("ethosu.vela", reason="needs ethos-u-vela to compile for the NPU")
    package(tmp_path / "package", build_dir, "--npu", "ethos-u55-128")
    folder = build(tmp_path / "package", pictures, tmp_path / "build", "-mcpu=cortex-m55", "arm-none-eabi-gcc")
    program = folder / "bare_own"
    with contextlib.closing(NpuCoupling(program, by_name("ethos-u55-128"))) as npu:
        words = [*QEMU, program, *npu.arguments]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=npu.descriptors, text=True
        ) as process:
            npu.attend(process, 600.0)
            read = readings("".join(process.communicate(timeout=60)))
    assert process.returncode == 0
    assert npu.runs >= len(PICTURES)
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(npu="ethos-u55-128"))
    reference = integer_reference(Artifact.read(stages.compiled(options).artifact))
    for name, each in zip(PICTURES, read, strict=True):
        pixels = image.resize(read_image(models / "samples" / f"{name}.png"))
        assert each.hash == fnv(reference.probabilities(pixels))
        assert each.text == samples[models / "samples" / f"{name}.png"]


def test_links_the_user_s_cmsis_nn(build_dir: Path, pictures: Path, tmp_path: Path, models: Path) -> None:
    library = os.environ.get("CMSIS_NN_ROOT", "")
    if not (Path(library) / "Source").is_dir() or not library:
        pytest.skip("CMSIS_NN_ROOT names no source tree of CMSIS-NN")
    package(tmp_path / "package", build_dir, "--kernels", "cmsis-nn")
    kind = ("-mcpu=cortex-m55", "arm-none-eabi-gcc", "subdirectory")
    folder = build(tmp_path / "package", pictures, tmp_path / "build", *kind, others=[f"-DCMSIS_NN={library}"])
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(kernels=("cmsis-nn",)))
    reference = integer_reference(Artifact.read(stages.compiled(options).artifact))
    for name, each in zip(PICTURES, run(folder / "bare_own"), strict=True):
        pixels = image.resize(read_image(models / "samples" / f"{name}.png"))
        assert each.hash == fnv(reference.probabilities(pixels))


def test_reads_a_page_with_a_detector(build_dir: Path, tmp_path: Path) -> None:
    """As page_00.jpg shows it, in reading order; the portable C, built by the host's compiler."""
    require("cmake", "cc")
    folder = package(tmp_path / "package", build_dir, "--detector", "bundled")
    flags = "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"
    command(["cmake", "-S", folder, "-B", tmp_path / "out", flags, "-DOCRM55_OPTIMISATION=-O2"])
    command(["cmake", "--build", tmp_path / "out"])
    said = command([tmp_path / "out" / "ocrm55_page_example"])
    texts = re.findall(r"^line (\d+): (.*), score: 0\.\d+$", said, re.M)
    shown = ["1973-06-10", "PLEASE COME AGAIN", "GOOD", "CASH", "CHANGE", "8141.30"]
    places = [next((i for i, (_, text) in enumerate(texts) if text == each), -1) for each in shown]
    assert -1 not in places and places == sorted(places), said
    assert dict(map(reversed, texts))["CHANGE"] == dict(map(reversed, texts))["8141.30"]  # side by side
    assert said.endswith("The page was read.\n")
