"""Floats that are no vectors."""

from __future__ import annotations

from ocrm55.cycles.instructions import FLAGS, Instruction, Kind, Line, Pipe, names, parts, written_base

_DIVISIONS = ("vdiv", "vsqrt")
_FUSED = ("vfma", "vfms", "vfnm")
_CHAINED = ("vmla", "vmls", "vnmla", "vnmls")


def decode_float(line: Line) -> Instruction:
    """A scalar float's instruction, or one that moves between it and the core."""
    name, _, kind = line.mnemonic.partition(".")
    registers = parts(names(line.operands))
    first, rest = frozenset(registers[:1]), frozenset(registers[1:])
    if name.startswith(("vld", "vst", "vpop", "vpush", "vlstm", "vlldm")):
        return _access(line, name, first, rest)
    if name.startswith(("vmrs", "vmsr")):
        return Instruction(line, Pipe.MULTIPLY, reads=rest, writes=first or frozenset({FLAGS}))
    if name.startswith("vcmp"):
        return Instruction(line, Pipe.MULTIPLY, reads=first | rest, writes=frozenset({FLAGS}))
    busy, latency = _times(name, double="f64" in kind)
    if name.startswith((*_FUSED, *_CHAINED)):
        rest |= first
    if name.startswith("vsel"):
        rest |= {FLAGS}
    return Instruction(line, Pipe.MULTIPLY, busy=busy, latency=latency, reads=rest, writes=first)


def _access(line: Line, name: str, first: frozenset[str], rest: frozenset[str]) -> Instruction:
    base = written_base(line.operands)
    if name.startswith("vldr"):
        return Instruction(line, Pipe.LSU, Kind.LOAD, latency=2, reads=rest - {"pc"}, writes=first | base)
    if name.startswith("vstr"):
        return Instruction(line, Pipe.LSU, Kind.STORE, reads=first | rest, writes=base)
    if name.startswith(("vlstm", "vlldm")):  # all floats, lazily
        return Instruction(line, Pipe.LSU, Kind.STORE, busy=20)
    return _several(line, name)


def _times(name: str, *, double: bool) -> tuple[int, int]:
    if name.startswith(_DIVISIONS):
        return (30, 30) if double else (16, 16)
    if double:
        return (14, 14) if name.startswith(("vadd", "vsub")) else (20, 20)
    return 1, 4 if name.startswith(_CHAINED) else 2


def _several(line: Line, name: str) -> Instruction:
    load, listed = name.startswith(("vldm", "vpop")), line.operands.partition("{")[2]
    base = frozenset({"sp"} if name.startswith(("vpop", "vpush")) else parts(names(line.operands))[:1])
    data = frozenset(parts(names(listed)))
    return Instruction(
        line,
        Pipe.LSU,
        Kind.LOAD if load else Kind.STORE,
        busy=max(1, len(names(listed))),
        latency=2,
        reads=base if load else base | data,
        writes=base | data if load else base,
        late=dict.fromkeys(base, 1),
    )
