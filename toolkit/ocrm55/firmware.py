"""Build the firmware of a compiled model with CMake, and read from the ELF where the bytes are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import __version__, boards, console, elf, resources
from ocrm55.boards import Board, MemoryMap, Region
from ocrm55.compiler.host_check import host_compiler
from ocrm55.errors import InputError, OutputError, ToolchainError
from ocrm55.files import digest, refuse_link, write_json

TOOLCHAINS = ("gcc", "clang")

# Programs that each tool chain needs, and the Debian packages that bring them.
COMPILERS = {
    "gcc": {"arm-none-eabi-gcc": "gcc-arm-none-eabi"},
    "clang": {"clang-19": "clang-19", "arm-none-eabi-gcc": "gcc-arm-none-eabi"},
}
_BUILDERS = {"cmake": "cmake", "ninja": "ninja-build"}
_SETTINGS = "ocrm55-settings.json"

_STRANGE = set('#;$"%,?|<>\\')
# Variables of the environment that programs need to run, and to fetch a release that the user requests.
_KEPT = {
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TMP", "TEMP", "LANG", "TERM", "TZ", "SHELL", "LD_LIBRARY_PATH"),
    *(
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ),
    *("SSH_AUTH_SOCK", "CMSIS_NN_ROOT", "ETHOSU_DRIVER_ROOT", "CCACHE_DIR", "CCACHE_DISABLE"),
}
_KEPT_PREFIXES = ("LC_", "XDG_")

_FIRST_ERROR = re.compile(r"^(?P<place>[^\n:]+:\d+(?::\d+)?): (?:fatal )?error: (?P<what>.+)$", re.MULTILINE)
_OVERFLOW = re.compile(r"region `(?P<region>\w+)' overflowed by (?P<bytes>\d+) bytes")
_TOO_LARGE = "the firmware does not fit"
_LINKER = re.compile(
    r"(?:ld|ld\.bfd|ld\.lld[-\d]*): (?:error: )?(?P<what>.*(?:undefined|error|warning|cannot|No such).*)$", re.M
)
_CMAKE = re.compile(r"^CMake Error[^\n]*:\n+(?P<what>(?:  [^\n]*\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class RegionUse:
    """How full one of the board's memories is, in bytes."""

    region: Region
    used: int

    @property
    def percent(self) -> float:
        return 100.0 * self.used / self.region.size


@dataclass(frozen=True)
class Firmware:
    """A firmware that was built. Sizes are in bytes."""

    elf: Path
    map: Path
    sections: dict[str, int]
    regions: list[RegionUse]


def build(
    artifact: Path,
    build_dir: Path,
    board: Board | None = None,
    *,
    defines: Mapping[str, str] | None = None,
    toolchain: str = "gcc",
) -> Firmware:
    """Build the firmware of `artifact` in `build_dir`; do not build again what is up to date.

    artifact: the folder that `compile` wrote. board: the default one where none is given.
    defines: CMake's cache entries, such as OCRM55_ARENA_REGION (cmake/options.cmake lists them).
    toolchain: `gcc` or `clang`, a file cmake/cortex-m55-*.cmake.
    Raises InputError for a folder that is no artifact, ToolchainError with the compiler's first complaint, and
    OutputError when `build_dir` cannot be written.
    """
    refuse_link(Path(build_dir))  # ocrm55 may not remove the folder that it leads to
    artifact, build_dir = Path(artifact).resolve(), Path(build_dir).resolve()
    if toolchain not in TOOLCHAINS:
        raise InputError(f"there is no tool chain `{toolchain}`.", [f"use one of {', '.join(TOOLCHAINS)}"])
    if not (artifact / "include" / "ocrm55_model.h").is_file():
        raise InputError(f"{artifact} is not a compiled model: it has no include/ocrm55_model.h.", ["ocrm55 compile"])
    _require_programs(toolchain)

    board = board or boards.find()
    settings = {
        "source": str(resources.folder("firmware")),
        "toolchain": str(resources.folder("cmake") / f"cortex-m55-{toolchain}.cmake"),
        "cmake": digest([resources.folder("cmake")]),  # CMake keeps the flags of a tool-chain file in its cache
        "defines": {
            "OCRM55_ARTIFACT": str(artifact),
            "OCRM55_VERSION": __version__,
            "OCRM55_PLATFORM": str(board.folder),
            "OCRM55_MEMORY_MAP": str(board.file.resolve()),
            **(defines or {}),
        },
    }
    if not _is_configured(build_dir, settings):
        _configure(build_dir, settings)
    _cmake(["cmake", "--build", build_dir], build_dir, ["ocrm55 doctor", "ocrm55 build --force"])
    return inspect(build_dir / "ocrm55.elf", board.memories)


def build_native(artifact: Path, build_dir: Path, *, defines: Mapping[str, str] | None = None) -> None:
    """Build a program of this computer, ocrm55.elf in `build_dir`, of the same C; defines and errors as of `build`."""
    refuse_link(Path(build_dir))
    artifact, build_dir = Path(artifact).resolve(), Path(build_dir).resolve()
    settings = {
        "source": str(resources.folder("firmware")),
        "cmake": digest([resources.folder("cmake")]),
        "defines": {
            "OCRM55_NATIVE": "ON",
            "CMAKE_C_COMPILER": require_host_compiler(),
            "OCRM55_ARTIFACT": str(artifact),
            "OCRM55_VERSION": __version__,
            **(defines or {}),
        },
    }
    if not _is_configured(build_dir, settings):
        _configure(build_dir, settings)
    _cmake(["cmake", "--build", build_dir], build_dir, ["ocrm55 doctor", "ocrm55 build --force"])


def require_host_compiler() -> str:
    """The C compiler of this computer. Raises ToolchainError where it, or what drives it, is not there."""
    compiler = host_compiler()
    missing = [] if compiler else ["gcc"]
    missing += [package for program, package in _BUILDERS.items() if not shutil.which(program)]
    if compiler is None or missing:
        what = "no C compiler" if compiler is None else "no CMake or ninja"
        raise ToolchainError(
            f"this computer has {what}, so no native program can be built.",
            [f"sudo apt-get install {' '.join(missing)}", "--simulator qemu"],
        )
    return compiler


def inspect(elf_file: Path, memories: MemoryMap) -> Firmware:
    """Read a built ELF again: its sections, and how full each memory is."""
    placed = elf.read_sections(elf_file)
    uses = []
    for region in memories.regions.values():
        used = sum(section.size for section in placed if region.contains(section.address))
        if region.name == memories.placement["code"]:  # start values of variables are kept beside the code
            used += sum(section.size for section in placed if section.name == ".data")
        uses.append(RegionUse(region, used))
    return Firmware(elf_file, elf_file.with_suffix(".map"), {s.name: s.size for s in placed}, uses)


def sections(elf_file: Path) -> dict[str, int]:
    """Bytes of each section of an ELF that takes memory on the target."""
    return {section.name: section.size for section in elf.read_sections(elf_file)}


def source_line(elf_file: Path, address: int) -> str | None:
    """`function at file:line` of a code address, or None where the tool or the debug information is missing."""
    tool = shutil.which("arm-none-eabi-addr2line") or shutil.which("addr2line")
    if not tool:
        return None
    try:
        done = subprocess.run(
            [tool, "-f", "-s", "-e", str(elf_file), hex(address)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        function, place = done.stdout.split("\n")[:2]
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    place = place.split(" (discriminator")[0].removesuffix(":?")
    return None if function.startswith("??") else f"{function} at {place}"


def _require_programs(toolchain: str) -> None:
    wanted = COMPILERS[toolchain] | _BUILDERS
    missing = [program for program in wanted if not shutil.which(program)]
    if missing:
        packages = sorted({wanted[program] for program in missing} | {"libnewlib-arm-none-eabi"})
        listed = ", ".join(f"`{program}`" for program in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise ToolchainError(
            f"{listed} {verb} not installed or not on PATH; the firmware cannot be built.",
            [f"sudo apt-get install {' '.join(packages)}", "ocrm55 doctor"],
        )


def _is_configured(build_dir: Path, settings: Mapping[str, object]) -> bool:
    if not (build_dir / "build.ninja").is_file() or not (build_dir / _SETTINGS).is_file():
        return False
    try:
        return bool(json.loads((build_dir / _SETTINGS).read_text()) == settings)
    except (OSError, ValueError, RecursionError):
        return False


def _configure(build_dir: Path, settings: Mapping[str, object]) -> None:
    """Make a CMake tree. First remove a tree that has other settings or never finished."""
    if build_dir.exists() and any(build_dir.iterdir()) if build_dir.is_dir() else build_dir.exists():
        if not ((build_dir / "CMakeCache.txt").exists() or (build_dir / _SETTINGS).exists()):
            raise OutputError(f"{build_dir} is in the way: it is not a build of ours.", ["choose another folder"])
        shutil.rmtree(build_dir, ignore_errors=True)
    try:
        build_dir.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise OutputError(
            f"{build_dir} cannot be written: {trouble.strerror}.", ["choose another folder with --build-dir"]
        ) from trouble
    defines = settings["defines"]
    assert isinstance(defines, dict)
    write_json(build_dir / _SETTINGS, {})  # ours from now on, even if nobody lets CMake end
    words: list[str | Path] = [
        *("cmake", "-G", "Ninja", "-S", str(settings["source"]), "-B", str(build_dir)),
        *([f"-DCMAKE_TOOLCHAIN_FILE={settings['toolchain']}"] if "toolchain" in settings else []),
        *(f"-D{name}={value}" for name, value in defines.items()),
    ]
    _cmake(words, build_dir, ["ocrm55 doctor"])
    write_json(build_dir / _SETTINGS, settings)


def environment() -> dict[str, str]:
    """The environment of a build: places of programs, folders and proxies, and no flags.

    CFLAGS=-ffast-math, a CPATH or a CMAKE_TOOLCHAIN_FILE of somebody's other project would change the target's bits.
    """
    return {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}


def check_path(path: Path) -> None:
    """Raise InputError for a path that CMake, ninja and the linker cannot all take, before anything is made there."""
    strange = sorted({character for character in str(path.absolute()) if character in _STRANGE or ord(character) < 32})
    if strange:
        listed = " ".join(repr(character).strip("'") for character in strange)
        raise InputError(
            f"{path} cannot be built in: CMake and the linker take no {listed} in a path.",
            ["choose another folder with --build-dir"],
        )


def _cmake(words: Sequence[str | Path], build_dir: Path, tries: Sequence[str]) -> None:
    """Run CMake for `build_dir`. If the disk gets full, remove the folder."""
    try:
        console.command(words, env=environment(), explain=_complaint, tries=tries)
    except OutputError:
        shutil.rmtree(build_dir, ignore_errors=True)
        raise
    except ToolchainError as trouble:
        if trouble.sentence.startswith(_TOO_LARGE):  # nothing is wrong with the tools
            trouble.tries = ["give that memory more room, or place less in it, by a file for --memory-map"]
        raise


def _complaint(printed: str) -> str | None:
    """The first complaint of the compiler, the linker or CMake, as one sentence."""
    if found := _OVERFLOW.search(printed):
        return f"{_TOO_LARGE}: {found['region']} is too small by {int(found['bytes']):,} bytes."
    if found := _FIRST_ERROR.search(printed):
        return f"the firmware does not compile: {found['place']}: {found['what']}."
    if found := _LINKER.search(printed):
        return f"the firmware does not link: {found['what'].strip()}."
    if found := _CMAKE.search(printed):
        return f"CMake refused: {' '.join(found['what'].split())}"
    return None
