"""Instructions of Helium (MVE): two beats of a pipe, in tables after Arm's optimisation guide and LLVM's model."""

from __future__ import annotations

import re
from dataclasses import replace

from ocrm55.cycles.instructions import PREDICATES, Instruction, Kind, Line, Pipe, names, parts, written_base

# Name without predicate -> latency, as ARMScheduleM55.td of LLVM 19 has them from Arm's Software Optimization Guide.
_INTEGER = {
    1: """vabd vabs vadd vand vbic vbrsr vcadd vcls vclz vdup vddup vidup vdwdup viwdup veor vhadd vhsub vhcadd vmax
        vmin vmaxa vmina vmovlb vmovlt vmvn vneg vorn vorr vpsel vqabs vqadd vqneg vqsub vrev16 vrev32 vrev64 vrhadd
        vshl vshllb vshllt vshlc vshr vsli vsri vsub vmov""",
    2: "vadc vadci vsbc vsbci vqshl vqshlu vrshl vqrshl vrshr vmaxv8 vminv8 vmaxav8 vminav8",
    3: """vabav vmaxv16 vminv16 vmaxav16 vminav16 vmovnb vmovnt vqmovnb vqmovnt vqmovunb vqmovunt vshrnb vshrnt vrshrnb
        vrshrnt vqshrnb vqshrnt vqrshrnb vqrshrnt vqshrunb vqshrunt vqrshrunb vqrshrunt""",
    4: "vmaxv32 vminv32 vmaxav32 vminav32",
}
_MULTIPLY = {
    1: "vcmp vpt vmaxnm vminnm vmaxnma vminnma",
    2: """vmul vmulh vrmulh vqdmulh vqrdmulh vmullb vmullt vqdmullb vqdmullt vmla vmlas vmls vqdmlah vqrdmlah vqdmlash
        vqrdmlash vqdmladh vqdmladhx vqrdmladh vqrdmladhx vqdmlsdh vqdmlsdhx vmlav vmlava vmladav vmladava vmladavx
        vmladavax vmlsdav vmlsdava vmlalv vmlalva vmlaldav vmlaldava vrmlalvh vrmlalvha vrmlaldavh vrmlaldavha vaddv
        vaddva vaddlv vaddlva vfma vfms vfmas vcmul vcmla vcvt vcvta vcvtn vcvtm vcvtp vcvtb vcvtt vrinta vrintn
        vrintm vrintp vrintx vrintz""",
}
_PIPES = {
    name: (pipe, latency)
    for pipe, table in ((Pipe.INTEGER, _INTEGER), (Pipe.MULTIPLY, _MULTIPLY))
    for latency, listed in table.items()
    for name in listed.split()
}
_MEMORY = ("vldr", "vstr", "vld2", "vld4", "vst2", "vst4")
_KNOWN = _PIPES.keys() | {f"v{way}r{size}" for way in ("ld", "st") for size in "bhwd"}
_KNOWN |= {"vmaxv", "vminv", "vmaxav", "vminav", "vctp"}
_FLOAT_ADDS = ("vadd", "vsub", "vabd", "vabs", "vneg", "vcadd")
_BY_SIZE = ("vmaxv", "vminv", "vmaxav", "vminav")
_LONG_SUMS = ("vmlaldav", "vmlalv", "vrmlaldavh", "vrmlalvh", "vaddlv")
_ACCUMULATES = re.compile(
    r"^(vmlava|vmladava|vmladavax|vmlsdava|vmlaldava|vmlalva|vrmlalvha|vrmlaldavha|vaddva|vaddlva|vmlas?|"
    r"vmls|vfmas?|vfms|vcmla|vq?r?dmlas?h|vqr?dml[as]dhx?|vq?movu?n[bt]|vq?r?shru?n[bt]|vsli|vsri|vabav|vminv|vmaxv|"
    r"vshlc)$"
)
_GATHERED = re.compile(r"\[\w+, q\d(?:, uxtw #\d)?\]|\[q\d(?:, #-?\w+)?\]!?")
_COUNTS_ON = ("vidup", "vddup", "viwdup", "vdwdup")


def decode_vector(line: Line) -> Instruction:
    """A vector's instruction. One that the tables do not know takes the integer pipe, with a latency of 2."""
    name, _, kind = line.mnemonic.partition(".")
    bare = _unpredicated(name)
    predicated = frozenset({PREDICATES}) if bare != name else frozenset()
    if bare.startswith(("vpst", "vpnot")):
        mark = frozenset({PREDICATES})
        return Instruction(line, Pipe.PREDICATE, reads=mark, writes=mark, vector=True)
    if bare.startswith("vctp"):
        return Instruction(
            line,
            Pipe.PREDICATE,
            reads=frozenset(parts(names(line.operands))),
            writes=frozenset({PREDICATES}),
            vector=True,
        )
    if bare.startswith(_MEMORY):
        return _access(line, bare, kind, predicated)
    if bare == "vmov" and "#" not in line.operands and not re.match(r"q\d, ?q\d", line.operands):
        return _lanes(line, predicated)
    return _arithmetic(line, bare, kind, predicated)


def _unpredicated(name: str) -> str:
    """The name without the t or e of a predicate, if what is left is a name."""
    return name[:-1] if name not in _KNOWN and name[:-1] in _KNOWN else name


def _access(line: Line, bare: str, kind: str, predicated: frozenset[str]) -> Instruction:
    load = bare.startswith("vld")
    head, _, tail = line.operands[1:].partition("}") if line.operands.startswith("{") else line.operands.partition(",")
    data, rest = frozenset(parts(names(head))), frozenset(parts(names(tail)))
    base = written_base(line.operands)
    # vld2 and vld4 fill a part of their registers only.
    reads = rest | predicated | (data if not load or bare[3] in "24" else frozenset())
    made = Instruction(
        line,
        Pipe.LSU,
        Kind.LOAD if load else Kind.STORE,
        busy=2,
        latency=1 if bare.startswith("vldr") else 2,
        reads=reads,
        writes=(data if load else frozenset()) | base,
        late=dict.fromkeys(base, 1),
        early={} if load else dict.fromkeys(data, -1),  # a store takes its data a cycle after its address
        vector=True,
    )
    if not _GATHERED.search(line.operands):
        return made
    lanes = 128 // int(re.sub(r"\D", "", kind) or 32)
    return replace(
        made,
        kind=Kind.GATHER if load else Kind.SCATTER,
        latency=2,
        elements=lanes * (2 if bare.startswith(("vldrd", "vstrd")) else 1),
        early={name: 3 for name in rest if name.startswith("d")},
    )


def _lanes(line: Line, predicated: frozenset[str]) -> Instruction:
    """Lanes from and to registers of the core."""
    first, *others = line.operands.split(",")
    to_core = first.startswith(("r", "lr"))
    if to_core and others and re.match(r"\s*(r\d+|lr)", others[0]):
        first = f"{first},{others[0]}"
    written = frozenset(parts(names(first)))
    every = frozenset(parts(names(line.operands)))
    return Instruction(
        line,
        Pipe.MULTIPLY if to_core else Pipe.INTEGER,
        reads=(every - written if to_core else every) | predicated,
        writes=written,
        vector=True,
    )


def _arithmetic(line: Line, bare: str, kind: str, predicated: frozenset[str]) -> Instruction:
    key = bare + kind[-2:].strip("su") if bare in _BY_SIZE else bare
    pipe, latency = _PIPES.get(key, (Pipe.INTEGER, 2))
    if bare in _FLOAT_ADDS and kind.startswith("f"):
        with_scalar = any(name[0] in "rl" for name in names(line.operands))
        pipe, latency = Pipe.MULTIPLY, 2 if with_scalar else 1
    if bare == "vmov" and "#" in line.operands:
        pipe, latency = Pipe.MULTIPLY, 2
    operands = re.sub(r"#-?\w+", "#", line.operands)
    first, _, rest = operands.partition(",")
    writes, reads = frozenset(parts(names(first))), frozenset(parts(names(rest)))
    accumulates = _accumulates(bare)
    if bare.removesuffix("x").removesuffix("a") in _LONG_SUMS:
        low, high, *others = operands.split(",")
        writes = frozenset(parts(names(f"{low},{high}")))
        reads = frozenset(parts(names(",".join(others))))
    if bare in ("vcmp", "vpt"):
        writes, reads = frozenset({PREDICATES}), writes | reads
    if accumulates or predicated:
        reads |= writes
    if bare in _COUNTS_ON:
        writes |= frozenset(parts(names(rest))[:1])
    if bare == "vpsel":
        reads |= {PREDICATES}
    return Instruction(line, pipe, busy=2, latency=latency, reads=reads | predicated, writes=writes, vector=True)


def _accumulates(bare: str) -> bool:
    """Whether the result is an operand too: of sums with an `a`, and of what writes a half of each lane."""
    return _ACCUMULATES.match(bare) is not None
