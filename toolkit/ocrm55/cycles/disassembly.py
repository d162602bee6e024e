"""The instructions of a program, from the disassembly of its ELF by binutils or LLVM."""

from __future__ import annotations

import re
import shutil
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ocrm55 import processes
from ocrm55.cycles.decoding import decode
from ocrm55.cycles.instructions import Instruction, Line
from ocrm55.errors import ToolchainError

# What each disassembler has to be told of the core; without it, vectors are printed as words of a coprocessor.
_TOLD = {
    "arm-none-eabi-objdump": ("-marmv8.1-m.main", "-Mreg-names-std"),
    "llvm-objdump-19": ("--mcpu=cortex-m55", "--mattr=+mve.fp,+fp64"),
    "llvm-objdump": ("--mcpu=cortex-m55", "--mattr=+mve.fp,+fp64"),
}
_LINE = re.compile(r"^\s*([0-9a-f]+):\s+((?:[0-9a-f]{4}\s){1,2})\s*(\S+)(?:\s+(.*))?$")
_SYMBOL = re.compile(r"^([0-9a-f]+) <(.+)>:$")
_TARGET = re.compile(r"\b(?:0x)?([0-9a-f]+) <")
_DATA = (".word", ".short", ".byte", "<unknown>")
_LANE = re.compile(r"\bd(\d+)\[([01])\]")
_SHIFTS = re.compile(r"^(\w+), (\w+), (lsl|lsr|asr|ror) (.*)$")


@dataclass(frozen=True)
class Program:
    """The instructions of a program by their address, and its symbols in the order of their addresses."""

    code: dict[int, Instruction]
    symbols: list[tuple[int, str]]

    @cached_property
    def _starts(self) -> list[int]:
        return [address for address, _ in self.symbols]

    def function(self, address: int) -> str:
        """The symbol that the address lies behind."""
        index = bisect_right(self._starts, address) - 1
        return self.symbols[index][1] if index >= 0 else "?"

    def address(self, name: str) -> int | None:
        """Where a symbol lies; None if there is none of that name."""
        return next((address for address, symbol in self.symbols if symbol == name), None)

    def block(self, address: int, count: int) -> tuple[Instruction, ...]:
        """The instructions of a block; fewer where its end is not in the program."""
        found = []
        for _ in range(count):
            instruction = self.code.get(address)
            if instruction is None:
                break
            found.append(instruction)
            address = instruction.end
        return tuple(found)


def disassembler() -> tuple[str, ...]:
    """A command that disassembles a Cortex-M55's ELF. Raises ToolchainError where there is none."""
    for name, options in _TOLD.items():
        if (path := shutil.which(name)) is not None:
            return (path, "-d", *options)
    raise ToolchainError(
        "no disassembler is installed: none of " + ", ".join(_TOLD) + " is on PATH.",
        ["sudo apt-get install gcc-arm-none-eabi"],
    )


def read_program(elf: Path, command: tuple[str, ...] = ()) -> Program:
    """Disassemble an ELF. command: a disassembler with its options, else the first that is installed."""
    done = processes.completed([*(command or disassembler()), str(elf)], 60)
    if done.returncode != 0:
        raise ToolchainError(
            f"{elf} cannot be disassembled: {done.stderr.strip().splitlines()[-1:]}.", ["ocrm55 build"]
        )
    return parsed(done.stdout)


def parsed(text: str) -> Program:
    """The program of a disassembly's text."""
    code: dict[int, Instruction] = {}
    symbols: list[tuple[int, str]] = []
    for line in text.splitlines():
        if (found := _SYMBOL.match(line)) is not None:
            symbols.append((int(found[1], 16), found[2]))
        elif (found := _LINE.match(line)) is not None and found[3] not in _DATA:
            read = _line(int(found[1], 16), 2 * len(found[2].split()), found[3], found[4] or "")
            code[read.address] = decode(read)
    return Program(code, symbols)


def assembled(lines: Iterable[str]) -> list[Instruction]:
    """Instructions from lines of assembly, without their addresses: each as if it had four bytes."""
    found = []
    for number, line in enumerate(lines):
        mnemonic, _, rest = line.strip().replace("\t", " ").partition(" ")
        found.append(decode(_line(4 * number, 4, mnemonic, rest.strip())))
    return found


def _line(address: int, size: int, mnemonic: str, rest: str) -> Line:
    """One spelling for both disassemblers."""
    operands = re.split(r"\s*[@;]", rest, maxsplit=1)[0].strip().lower()
    target = _TARGET.search(operands)
    name, *kinds = mnemonic.lower().split(".")
    kinds = [kind for kind in kinds if kind not in ("n", "w")]
    operands = re.sub(r"\b(0x)?[0-9a-f]+ <[^>]*>", "=", operands)  # an address such as d10 is no register
    name, operands = _usual(name, operands)
    return Line(address, size, ".".join([name, *kinds]), operands, int(target[1], 16) if target else None)


def _usual(name: str, operands: str) -> tuple[str, str]:
    if name in ("ldmia", "stmdb") and operands.startswith("sp!"):
        return ("pop" if name == "ldmia" else "push"), operands.partition(",")[2].strip()
    if name == "vmov":  # binutils names lanes by the d that they lie in
        return name, _LANE.sub(lambda m: f"q{int(m[1]) // 2}[{int(m[1]) % 2 * 2 + int(m[2])}]", operands)
    if name in ("ldmia", "stmia"):
        return name[:3], operands
    if name == "negs":
        return "rsbs", operands + ", #0"
    if name in ("mov", "movs") and (found := _SHIFTS.match(operands)) is not None:
        return found[3] + name[3:], f"{found[1]}, {found[2]}, {found[4]}"
    return name, operands
