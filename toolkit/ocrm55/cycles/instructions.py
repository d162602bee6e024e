"""What the pipeline's model knows of an instruction: its pipe, how long it takes, what it reads and writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Pipe(StrEnum):
    """Where an instruction executes."""

    ALU = "alu"
    LSU = "lsu"
    INTEGER = "integer"  # of vectors
    MULTIPLY = "multiply"  # of vectors and floats
    PREDICATE = "predicate"
    NONE = "none"


class Kind(StrEnum):
    """What an instruction is, as far as the model treats it apart."""

    PLAIN = "plain"
    LOAD = "load"
    STORE = "store"
    GATHER = "gather"
    SCATTER = "scatter"
    BRANCH = "branch"
    CALL = "call"
    RETURN = "return"
    JUMP = "jump"
    LOOP = "loop"  # le, letp: the end of a loop
    LOOP_START = "loop start"  # wls, dls and the like
    IT = "it"


class Pairs(StrEnum):
    """Whether an instruction of 16 bits may issue beside another: at least one of two has to be light."""

    NEVER = "never"
    ANY = "any"
    LIGHT = "light"


ENDS_A_BLOCK = frozenset({Kind.BRANCH, Kind.CALL, Kind.RETURN, Kind.JUMP, Kind.LOOP})
FLAGS, PREDICATES = "flags", "vpr"


@dataclass(frozen=True)
class Line:
    """A line of a disassembly. target: the address that a branch names."""

    address: int
    size: int  # bytes
    mnemonic: str
    operands: str
    target: int | None = None


@dataclass(frozen=True)
class Instruction:
    """An instruction for the model of the pipeline.

    busy: cycles that its pipe is occupied. latency: cycles from its issue to the issue of what needs its result.
    late: register written -> another latency. early: register read -> cycles before the issue that it is wanted.
    elements: of gathers and scatters. registers: that it loads or stores at once, of ldm, stm, push, pop.
    """

    line: Line
    pipe: Pipe = Pipe.ALU
    kind: Kind = Kind.PLAIN
    busy: int = 1
    latency: int = 1
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    late: Mapping[str, int] = field(default_factory=dict)
    early: Mapping[str, int] = field(default_factory=dict)
    vector: bool = False
    elements: int = 0
    registers: int = 0
    pairs: Pairs = Pairs.NEVER

    @property
    def address(self) -> int:
        return self.line.address

    @property
    def end(self) -> int:
        """The address after it."""
        return self.line.address + self.line.size


_REGISTER = re.compile(
    r"\b(r1[0-5]|r[0-9]|sp|lr|pc|q[0-7]|d1[0-5]|d[0-9]|s[12][0-9]|s3[01]|s[0-9]|apsr\w*|p0|vpr)\b", re.IGNORECASE
)
_RANGE = re.compile(r"\b([rqds])(\d+)\s*-\s*\1(\d+)\b")
_WRITTEN_BASE = re.compile(r"\[(\w+)[^\]]*\](!|,)?")
_NUMBERS = {"r13": "sp", "r14": "lr", "r15": "pc"}


def names(text: str) -> list[str]:
    """The registers that `text` mentions, in its order, those of a range too."""
    text = _RANGE.sub(lambda m: ", ".join(f"{m[1]}{n}" for n in range(int(m[2]), int(m[3]) + 1)), text)
    return [_NUMBERS.get(name.lower(), name.lower()) for name in _REGISTER.findall(text)]


def parts(registers: Iterable[str]) -> list[str]:
    """Registers as the model knows them: a q is two d, an s is its d, so that scalars and vectors meet."""
    found: list[str] = []
    for name in registers:
        number = int(name[1:]) if name[1:].isdigit() else 0
        if name[0] == "q":
            found += [f"d{2 * number}", f"d{2 * number + 1}"]
        elif name[0] == "s" and name != "sp":
            found.append(f"d{number // 2}")
        elif name.startswith("apsr"):
            found.append(FLAGS)
        elif name in ("p0", "vpr"):
            found.append(PREDICATES)
        else:
            found.append(name)
    return found


def written_base(operands: str) -> frozenset[str]:
    """The address register that a load or store writes back to, if it does."""
    found = _WRITTEN_BASE.search(operands)
    return frozenset(parts(names(found[1]))) if found and found[2] else frozenset()
