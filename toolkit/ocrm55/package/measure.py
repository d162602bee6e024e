"""The cost of a package: its library built by the Arm GCC, and the example's picture read on QEMU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ocrm55 import console, firmware, resources, simulation, stages, temporary
from ocrm55.errors import ToolchainError
from ocrm55.simulators import find_simulator

WEIGHTS = (".rodata.ocrm55.weights", ".rodata.ocrm55.hot_weights")


@dataclass(frozen=True)
class Run:
    """The firmware of the same artifact on the simulator: instructions of one picture, and bytes of stack.

    step: the most instructions of the picture's way in, of an operator, or of the decoding.
    """

    picture: str
    text: str
    simulator: str
    preprocess: int
    inference: int
    decode: int
    stack_bytes: int
    step: int = 0


@dataclass(frozen=True)
class Sizes:
    """Bytes of the library's sections; weights are counted apart."""

    compiler: str
    code: int
    constants: int


def on_simulator(picture: Path, prepared: stages.Prepared) -> Run:
    """Read the picture on QEMU, which counts."""
    qemu = find_simulator("qemu", board=prepared.options.board)
    run = simulation.read_images(simulation.load([picture]), prepared, qemu, stats=True)
    read = run.results[0]
    counts = (read.preprocess_instructions, read.inference_instructions, read.decode_instructions)
    if None in counts or run.stack_bytes is None:
        raise ToolchainError("the simulator did not count instructions.", ["package without --measure"])
    before, during, after = (count or 0 for count in counts)
    step = max(before, after, *read.operator_instructions)
    return Run(picture.name, read.text, "QEMU", before, during + read.unsure_instructions, after, run.stack_bytes, step)


def library(package: Path, name: str) -> Sizes:
    """Build the package as a user does, for the Cortex-M55 with the Arm GCC, and add up the sections of lib`name`.a.

    Raises ToolchainError when a tool is missing or the library does not build.
    """
    toolchain = resources.folder("cmake") / "cortex-m55-gcc.cmake"
    with temporary.folder() as folder:
        console.command(
            ["cmake", "-S", package, "-B", folder, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"], env=firmware.environment()
        )
        console.command(["cmake", "--build", folder], env=firmware.environment())
        listed = console.command(["arm-none-eabi-size", "-A", folder / f"lib{name}.a"])
    version = console.command(["arm-none-eabi-gcc", "-dumpfullversion"]).strip()
    code = constants = 0
    for line in listed.splitlines():
        name, _, rest = line.partition(" ")
        if name.startswith(".text"):
            code += int(rest.split()[0])
        elif name.startswith(".rodata") and name not in WEIGHTS:
            constants += int(rest.split()[0])
    return Sizes(f"GCC {version}", code, constants)
