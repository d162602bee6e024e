"""Run single kernels on given data: on the host's portable C, or their Helium path on QEMU with instructions counted.

The program is firmware/bench/kernel_runner.c. Both sides exchange two files; the program describes their format.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ocrm55 import boards, console, resources
from ocrm55.errors import TargetError, ToolchainError

MAGIC = 0x4E55524B
NAME_BYTES = 24
STATUS = {
    1: "a pointer is missing",
    2: "sizes contradict each other",
    3: "a pointer or stride is not aligned",
    4: "a value is out of range",
    5: "larger than the kernel takes",
    100: "wrote beyond its output or workspace",
    101: "unknown kernel",
    102: "out of memory",
}
_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-std=gnu11")
_TARGET = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-ffunction-sections", "-fdata-sections", "-O3")


@dataclass
class Case:
    """One call of a kernel: integers and blobs in the order that its run_ function in kernel_runner.c names."""

    kernel: str
    integers: Sequence[int]
    blobs: Sequence[np.ndarray]
    shape: tuple[int, ...]
    dtype: type = np.int8
    label: str = ""
    macs: int = 0


@dataclass
class Answer:
    """The result of one call: status 0 is success; for others see STATUS."""

    status: int
    instructions: int
    output: np.ndarray = field(repr=False)


def encode(cases: Sequence[Case]) -> bytes:
    """The cases in the format that the runner reads."""
    data = bytearray(struct.pack("<II", MAGIC, len(cases)))
    for case in cases:
        out_bytes = int(np.prod(case.shape)) * np.dtype(case.dtype).itemsize
        name = case.kernel.encode()
        data += struct.pack(f"<{NAME_BYTES}sIII", name, len(case.integers), len(case.blobs), out_bytes)
        data += struct.pack(f"<{len(case.integers)}i", *case.integers)
        for blob in case.blobs:
            raw = np.ascontiguousarray(blob).tobytes()
            data += struct.pack("<I", len(raw))
            data += bytes(-len(data) % 16) + raw + bytes(-len(raw) % 16)
    return bytes(data)


def decode(data: bytes, cases: Sequence[Case]) -> list[Answer]:
    """The runner's answers to these cases."""
    answers: list[Answer] = []
    at = 0
    for case in cases:
        if at + 12 > len(data):
            raise TargetError(f"the kernel runner stopped at case {len(answers)} of {len(cases)} ({case.label}).")
        status, instructions, size = struct.unpack_from("<III", data, at)
        at += 12
        raw = np.frombuffer(data, np.uint8, size, at)
        output = raw.view(case.dtype).reshape(case.shape).copy() if status == 0 else raw.copy()
        answers.append(Answer(status, instructions, output))
        at += (size + 3) // 4 * 4
    return answers


def sources() -> list[Path]:
    """Every kernel and the runner."""
    return [*resources.kernels().values(), resources.folder("firmware") / "bench" / "kernel_runner.c"]


def build_host(folder: Path, compiler: str = "gcc", flags: Sequence[str] = ("-O2",)) -> Path:
    """Build the runner for this computer, in `folder`."""
    program = folder / f"kernel_runner-{compiler}"
    include = f"-I{resources.kernel_folder()}"
    console.command([compiler, *_WARNINGS, *flags, include, *sources(), "-lm", "-o", program])
    return program


def build_target(folder: Path, compiler: str = "gcc", flags: Sequence[str] = ()) -> Path:
    """Build the runner for the board, in `folder`; the link is gcc's in any case."""
    own = [resources.folder("firmware") / "bench" / "kernel_runner.c"]
    includes = [resources.kernel_folder()]
    return build_program(folder, "kernel_runner", [*resources.kernels().values()], own, includes, compiler, flags)


def build_program(
    folder: Path,
    name: str,
    tried: Sequence[Path],
    own: Sequence[Path],
    includes: Sequence[Path],
    compiler: str,
    flags: Sequence[str] = (),
    only_tried: Sequence[str] = (),
    headers: Mapping[Path, Path] | None = None,
) -> Path:
    """Build a program for the board, in `folder`: the sources `tried` by the compiler, `own` and the board's by gcc.

    compiler: gcc, clang, or the path of another GCC. flags: of all sources. only_tried: more, of those that are tried.
    headers: source -> a folder whose headers it takes first.
    """
    if shutil.which("arm-none-eabi-gcc") is None:
        raise ToolchainError(
            "arm-none-eabi-gcc is not installed.", ["apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"]
        )
    firmware, board = resources.folder("firmware"), boards.find()
    lines = [f"  {r.name} : ORIGIN = {r.origin:#010x}, LENGTH = {r.size}" for r in board.memories.regions.values()]
    (folder / "regions.ld").write_text("MEMORY\n{\n" + "\n".join(lines) + "\n}\n")
    regions = [f"-D{what.upper()}_REGION={region}" for what, region in board.memories.placement.items()]
    script = folder / "board.ld"
    preprocess = [
        "arm-none-eabi-gcc",
        "-E",
        "-P",
        "-undef",
        "-x",
        "c",
        *regions,
        f"-DSTACK_BYTES={board.memories.stack_bytes}",
    ]
    console.command([*preprocess, board.linker_script, "-o", script])
    places = [f"-I{place}" for place in (*includes, firmware / "src", *board.includes)]
    programs = {
        "gcc": ["arm-none-eabi-gcc"],
        "clang": ["clang-19", "--target=thumbv8.1m.main-none-eabihf", "-isystem", "/usr/lib/arm-none-eabi/include"],
    }
    objects = list[Path]()
    for source in [*tried, *own, *board.sources, firmware / "src" / "print.c"]:
        program = [*programs.get(compiler, [compiler]), *only_tried] if source in tried else programs["gcc"]
        target = folder / f"{source.stem}-{Path(compiler).name}.o"
        nearest = [f"-I{headers[source]}"] if headers and source in headers else []
        console.command([*program, *_TARGET, *_WARNINGS, *flags, *nearest, *places, "-c", source, "-o", target])
        objects.append(target)
    elf = folder / f"{name}-{Path(compiler).name}.elf"
    link = ["arm-none-eabi-gcc", *_TARGET, "--specs=nano.specs", "-nostartfiles", "-Wl,--gc-sections", f"-T{script}"]
    console.command([*link, f"-L{folder}", *objects, "-lm", "-o", elf])
    return elf


def run_host(program: Path, cases: Sequence[Case], folder: Path) -> list[Answer]:
    """Run the cases on this computer."""
    (folder / "cases.bin").write_bytes(encode(cases))
    console.command([program, folder / "cases.bin", folder / "answers.bin"], timeout_s=600)
    return decode((folder / "answers.bin").read_bytes(), cases)


def run_qemu(elf: Path, cases: Sequence[Case], folder: Path, timeout_s: float = 600) -> list[Answer]:
    """Run the cases on QEMU, with their instructions counted."""
    return decode(run_program(elf, encode(cases), folder, timeout_s), cases)


def run_program(elf: Path, cases: bytes, folder: Path, timeout_s: float = 600) -> bytes:
    """Run a program that reads cases.bin and writes answers.bin on QEMU, with instructions counted."""
    (folder / "cases.bin").write_bytes(cases)
    (folder / "answers.bin").unlink(missing_ok=True)
    semihosting = "enable=on,target=native,arg=runner,arg=cases.bin,arg=answers.bin"
    machine = [
        "qemu-system-arm",
        "-M",
        boards.find().machine("qemu"),
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
    ]
    machine += ["-icount", "shift=5", "-semihosting-config", semihosting, "-kernel", str(elf.resolve())]
    console.command(machine, cwd=folder, timeout_s=timeout_s)
    return (folder / "answers.bin").read_bytes()
