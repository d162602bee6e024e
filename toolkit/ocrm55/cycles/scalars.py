"""Instructions of the core: arithmetic, loads and stores, branches, hardware loops."""

from __future__ import annotations

import re

from ocrm55.cycles.instructions import FLAGS, Instruction, Kind, Line, Pairs, Pipe, names, parts, written_base

_CONDITIONS = "eq ne cs hs cc lo mi pl vs vc hi ls ge lt gt le al".split()
# Names that a condition may follow.
_CONDITIONABLE = frozenset(
    """b bl bx blx mov movs mvn mvns add adds sub subs rsb rsbs and ands orr orrs eor eors bic bics lsl lsls lsr lsrs
    asr asrs ror rors cmp cmn tst teq ldr ldrb ldrh ldrsb ldrsh ldrd str strb strh strd mul muls mla mls sxtb sxth
    uxtb uxth adc adcs sbc sbcs neg negs ldm ldmia pop push stm stmia movw movt ubfx sbfx bfi orn orns ssat usat
    addw subw clz sdiv udiv smull umull smlal umlal""".split()
)
_NO_CONDITION = frozenset("teq bics lsls muls adcs b sbcs mls".split())  # they only look as if
_COMPARES = frozenset("cmp cmn tst teq".split())
_BRANCHES = {
    **dict.fromkeys(("b", "cbz", "cbnz", "blxns"), Kind.BRANCH),
    **dict.fromkeys(("bl", "blx"), Kind.CALL),
    **dict.fromkeys(("bx", "bxns"), Kind.RETURN),
    **dict.fromkeys(("tbb", "tbh"), Kind.JUMP),
}
_LOOPS = {
    **dict.fromkeys(("le", "letp"), Kind.LOOP),
    **dict.fromkeys(("wls", "wlstp", "dls", "dlstp", "lctp"), Kind.LOOP_START),
}
_MULTIPLIES = frozenset(
    """mul mla mls smull umull smlal umlal umaal smulbb smulbt smultb smultt smlabb smlabt smlatb smlatt smlad smmul
    smmla smlald smuad smlawb smulwb smmulr smmlar""".split()
)
_TWO_RESULTS = frozenset("smull umull smlal umlal umaal smlald".split())
_ADDS_TO = frozenset("smlal umlal umaal smlald".split())
_LONG_SHIFTS = frozenset("lsll asrl lsrl sqrshrl uqrshll sqshll uqshll srshrl urshrl".split())
_SATURATING_SHIFTS = frozenset("sqrshr sqshl uqrshl uqshl srshr urshr".split())
_CHOICES = frozenset("adc sbc csel csinc csinv csneg cset csetm cinc cinv cneg rrx".split())
_IN_PLACE = frozenset("and orr eor bic add sub mul lsl lsr asr ror adc sbc rsb adds subs".split())
_KEEPS_REST = frozenset("movt bfi bfc movk".split())
_MOVES = frozenset("mov mvn movw movs adr".split())
_LIGHT = frozenset("nop uxtb uxth sxtb sxth mov movs".split())
_SHIFTED = re.compile(r", (lsl|lsr|asr|ror|rrx)\b")


def decode_scalar(line: Line) -> Instruction:
    """An instruction of the core."""
    bare, conditional = _without_condition(line.mnemonic.partition(".")[0])
    flags = frozenset({FLAGS}) if conditional else frozenset()
    if bare in _BRANCHES:
        return _branch(line, bare, flags)
    if bare in _LOOPS:
        return _loop(line, _LOOPS[bare])
    if re.fullmatch(r"it[te]{0,3}", bare):
        return Instruction(line, Pipe.NONE, Kind.IT, reads=frozenset({FLAGS}), pairs=Pairs.LIGHT)
    if bare.startswith(("ldm", "pop", "stm", "push", "ldr", "lda", "str", "stl")):
        return _access(line, bare, flags)
    return _arithmetic(line, bare, flags)


def _without_condition(name: str) -> tuple[str, bool]:
    if name not in _NO_CONDITION:
        for condition in _CONDITIONS:
            if name.endswith(condition) and name[: -len(condition)] in _CONDITIONABLE:
                return name[: -len(condition)], True
    return name, False


def _pairs(line: Line, *, light: bool) -> Pairs:
    if line.size != 2:
        return Pairs.NEVER
    return Pairs.LIGHT if light else Pairs.ANY


def _branch(line: Line, bare: str, flags: frozenset[str]) -> Instruction:
    kind = _BRANCHES[bare]
    return Instruction(
        line,
        Pipe.NONE if line.size == 2 else Pipe.ALU,
        kind,
        reads=frozenset(parts(names(line.operands))) | (flags if bare == "b" else frozenset()),
        writes=frozenset({"lr"}) if kind is Kind.CALL else frozenset(),
        pairs=Pairs.LIGHT if line.size == 2 and bare == "b" else Pairs.NEVER,
    )


def _loop(line: Line, kind: Kind) -> Instruction:
    counter = frozenset({"lr"})
    if kind is Kind.LOOP:
        return Instruction(line, Pipe.NONE, kind, busy=0, reads=counter, writes=counter)
    return Instruction(line, Pipe.ALU, kind, reads=frozenset(parts(names(line.operands))) - counter, writes=counter)


def _access(line: Line, bare: str, flags: frozenset[str]) -> Instruction:
    if bare.startswith(("ldm", "pop", "stm", "push")):
        return _several(line, bare, flags)
    if bare.startswith("ld"):
        return _load(line, bare, flags)
    reads = frozenset(parts(names(line.operands))) | flags
    return Instruction(
        line, Pipe.LSU, Kind.STORE, reads=reads, writes=written_base(line.operands), pairs=_pairs(line, light=False)
    )


def _several(line: Line, bare: str, flags: frozenset[str]) -> Instruction:
    load, on_stack = bare in ("ldm", "ldmdb", "pop"), bare in ("pop", "push")
    head, _, listed = line.operands.partition("{")
    data = frozenset(parts(names(listed)))
    base = frozenset({"sp"}) if on_stack else frozenset(parts(names(head)))
    written = base if on_stack or "!" in head else frozenset()
    kind = Kind.RETURN if load and "pc" in data else Kind.LOAD if load else Kind.STORE
    return Instruction(
        line,
        Pipe.LSU,
        kind,
        busy=max(1, (len(data) + 1) // 2),
        latency=2,
        reads=base | flags | (frozenset() if load else data),
        writes=written | (data if load else frozenset()),
        late=dict.fromkeys(written, 1),
        registers=len(names(listed)),
        pairs=_pairs(line, light=False),
    )


def _load(line: Line, bare: str, flags: frozenset[str]) -> Instruction:
    registers = parts(names(line.operands))
    count = 2 if bare == "ldrd" else 1
    data, address = frozenset(registers[:count]), frozenset(registers[count:])
    base = written_base(line.operands)
    return Instruction(
        line,
        Pipe.LSU,
        Kind.JUMP if "pc" in data else Kind.LOAD,
        latency=2,
        reads=(address - {"pc"}) | flags,
        writes=data | base,
        late=dict.fromkeys(base, 1),
        pairs=_pairs(line, light=False),
    )


def _arithmetic(line: Line, bare: str, flags: frozenset[str]) -> Instruction:
    registers = [register for register in parts(names(line.operands)) if register != "pc"]
    first, rest = frozenset(registers[:1]), frozenset(registers[1:])
    if bare in _COMPARES:
        return Instruction(line, reads=first | rest | flags, writes=frozenset({FLAGS}), pairs=_pairs(line, light=False))
    if bare in ("sdiv", "udiv"):
        return Instruction(line, busy=8, latency=8, reads=rest | flags, writes=first)
    sets_flags = bare in ("lsls", "bics") or (bare.endswith("s") and bare not in ("mls", "smmls"))
    root = bare[:-1] if sets_flags and bare[:-1] in _CONDITIONABLE else bare
    latency = 2 if root in _MULTIPLIES else 1
    writes, reads = first, rest
    if root in _TWO_RESULTS:
        writes, reads = frozenset(registers[:2]), frozenset(registers[2:])
        reads |= writes if root in _ADDS_TO else frozenset()
    if root in _LONG_SHIFTS or root in _SATURATING_SHIFTS:
        writes, reads, latency = frozenset(registers[: 2 if root in _LONG_SHIFTS else 1]), frozenset(registers), 2
    if flags or _changes_in_place(line, root, registers):
        reads |= first
    if root in _CHOICES:
        reads |= {FLAGS}
    light = root in _LIGHT or (root in ("add", "adds", "sub", "subs") and "#" in line.operands)
    return Instruction(
        line,
        latency=latency,
        reads=reads | flags,
        writes=writes | ({FLAGS} if sets_flags else frozenset()),
        early={registers[-1]: 1} if registers and _SHIFTED.search(line.operands) else {},
        pairs=_pairs(line, light=light),
    )


def _changes_in_place(line: Line, root: str, registers: list[str]) -> bool:
    """`adds r0, #1` and `ands r0, r1` read what they write."""
    if root in _KEEPS_REST:
        return True
    if line.operands.count(",") != 1:
        return False
    return (len(registers) == 1 and root not in _MOVES and "#" in line.operands) or (
        len(registers) == 2 and root in _IN_PLACE
    )
