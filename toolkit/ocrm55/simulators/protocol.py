"""The UART's lines, as firmware/src/main.c and the platform's faults.c print them.

    ocrm55 0.2.0 en_ppocrv3_rec float32 1x3x48x320 arena 1966080
    npu: ethos-u55-128, architecture 1.1.0                   or what is wrong with it, and that the CPU computes instead
    image 1/2
    op 0 123456                                              with stats=1, for every operator
    instructions preprocess=1 inference=2 decode=3           with stats=1
    cycles 0 123456 retired=1 refills=2                      the same in cycles, where the core counts them
    cycles preprocess=1 inference=2 decode=3
    width 96                                                 of a program with several widths
    region 240x48 0x9ae0daaf                                 of a program for a camera, with hashes=1: its CRC-32
    unsure 96 123456                                         with stats=1, of a reading that did not stand
    character 41 0.998102 steps 5 6 next 47 0.000812         with confidence=1: class, probability, place, runner-up
    confidence right=0.98 least=0.99 mean=0.99 lead=1.0 likelihood=0.97
    nothing fits, seen: Hello, score: 0.986746               of a program with a restriction; the text is empty then
    text: Hello, score: 0.986746
    stack 420 of 32768                                       with stats=1, at the end
    error: …   or   fault: … (several lines)                 when it fails
    exit status 0

A program for pages says lines of its own: page_protocol.py. Any other line is a failure, because output that is not
understood is not trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ocrm55.errors import TargetError
from ocrm55.simulators.page_protocol import Detector, PageLines, PageResult
from ocrm55.tasks.recognizer.confidence import Character, Confidence

FAULT_STATUS_BASE = 64

# As many digits as the firmware can print; a longer run of digits is damage.
_N = "[0-9]{1,20}"
_IDENTITY = re.compile(
    r"^ocrm55 (?P<version>\S+) (?P<model>\S+) (?P<precision>\S+) "
    rf"(?P<shape>{_N}(?:x{_N})+) arena (?P<arena>{_N})$",
    re.M,
)
_IMAGE = re.compile(f"image ({_N})/({_N})")
_OPERATOR = re.compile(f"op ({_N}) ({_N})")
_INSTRUCTIONS = re.compile(f"instructions preprocess=({_N}) inference=({_N}) decode=({_N})")
_EVENTS = f"(?: [a-z-]{{1,20}}={_N}){{0,8}}"
_CYCLES = re.compile(f"cycles ({_N}) ({_N})({_EVENTS})")
_PHASE_CYCLES = re.compile(f"cycles preprocess=({_N}) inference=({_N}) decode=({_N})")
_WIDTH = re.compile(f"width ({_N})")
_REGION = re.compile(f"region ({_N})x({_N}) 0x([0-9a-f]{{8}})")
_UNSURE = re.compile(f"unsure ({_N}) ({_N})")
_TEXT = re.compile(r"text: (.*), score: ([0-9]{1,39}\.[0-9]{6}|nan|-?inf)")
_SEEN = re.compile(r"nothing fits, seen: (.*), score: ([0-9]{1,39}\.[0-9]{6}|nan|-?inf)")
_F = r"(-?[0-9]{1,39}\.[0-9]{6})"
_CHARACTER = re.compile(f"character ({_N}) {_F} steps ({_N}) ({_N}) next ({_N}) {_F}")
_CONFIDENCE = re.compile(f"confidence right={_F} least={_F} mean={_F} lead={_F} likelihood={_F}")
_STACK = re.compile(f"stack ({_N}) of ({_N})")
_EXIT = re.compile("exit status (0|-?[1-9][0-9]{0,9})")
_PC = re.compile(r"\bpc 0x([0-9a-f]{8}) lr 0x([0-9a-f]{8})\b")


@dataclass(frozen=True)
class Identity:
    """The firmware's first line. `arena` is in bytes."""

    version: str
    model: str
    precision: str
    shape: tuple[int, ...]
    arena: int


@dataclass(frozen=True)
class ImageResult:
    """The target's reading of one image; counts are instructions, None if they were not requested.

    width: columns of the input, None for a program with one width. unsure_instructions: of a reading at less than full
    width that left a step in doubt and was thrown away. seen: text and score without a restriction that no text fits.
    cycles: of the board's own counter, by operator, where it has one, with events by name; phase_cycles: of preprocess,
    inference and decode. region: columns, rows and CRC-32 of a frame's region as the network sees it.
    """

    text: str
    score: float
    preprocess_instructions: int | None = None
    inference_instructions: int | None = None
    decode_instructions: int | None = None
    operator_instructions: list[int] = field(default_factory=list)
    width: int | None = None
    unsure_instructions: int = 0
    seen: tuple[str, float] | None = None
    cycles: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    phase_cycles: dict[str, int] = field(default_factory=dict)
    confidence: Confidence | None = None
    region: tuple[int, int, int] | None = None

    @property
    def instructions(self) -> dict[str, int | None]:
        """The counts by part of the work, for JSON. `unsure` is only there for a program with several widths."""
        counts = {
            "preprocess": self.preprocess_instructions,
            "inference": self.inference_instructions,
            "decode": self.decode_instructions,
        }
        return counts if self.width is None else counts | {"unsure": self.unsure_instructions}


@dataclass(frozen=True)
class Line:
    """One line of the UART. image: number of the image or page that it announces; is_count: whether it counts
    instructions.
    """

    text: str
    image: int | None = None
    is_count: bool = False


@dataclass
class Said:
    """A parsed run. lines: from the firmware's first to its exit status."""

    uart: str
    lines: list[Line] = field(default_factory=list)
    identity: Identity | None = None
    results: list[ImageResult] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    npu: list[str] = field(default_factory=list)
    detector: Detector | None = None
    pages: list[PageResult] = field(default_factory=list)
    stack_bytes: int | None = None
    exit_status: int = -1


def parse(output: str) -> Said:
    """Parse the UART's output from the identity line to the exit status. The simulator's own output surrounds it.

    Raises TargetError when the firmware said nothing, when the output ends early, or when a line is not understood.
    """
    output = output.replace("\r\n", "\n")
    start = _IDENTITY.search(output)
    if start is None:
        raise TargetError(
            f"the firmware printed nothing that could be understood; {last_words(output)}.",
            ["rebuild it with: ocrm55 build --force", "check the simulator with: ocrm55 doctor"],
        )
    lines = output[start.start() :].split("\n")
    said = Said(
        uart="",
        identity=Identity(
            start["version"],
            start["model"],
            start["precision"],
            tuple(int(size) for size in start["shape"].split("x")),
            int(start["arena"]),
        ),
    )
    end = next((number for number, line in enumerate(lines) if _EXIT.fullmatch(line)), None)
    if end is None:
        raise TargetError(
            f"output was lost: the UART ended without `exit status`; {last_words(output)}.",
            ["run it again; if it stays so, the firmware or the simulator ended in the middle"],
        )
    said.exit_status = int(lines[end].removeprefix("exit status "))
    said.uart = "\n".join(lines[: end + 1]) + "\n"
    reader = _Reader(said)
    said.lines = [Line(lines[0]), *(reader.take(line) for line in lines[1:end]), Line(lines[end])]
    if said.exit_status == 0:
        reader.check_complete()
    return said


class _Reader:
    """Takes line after line and fills `Said`."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.announced = 0  # the image that is being read, from 1
        self.operators: list[int] = []
        self.counts: tuple[int, int, int] | None = None
        self.width: int | None = None
        self.unsure = 0
        self.region: tuple[int, int, int] | None = None
        self.seen: tuple[str, float] | None = None
        self.cycles: list[tuple[int, dict[str, int]]] = []
        self.phase_cycles: dict[str, int] = {}
        self.characters: list[Character] = []
        self.confidence: Confidence | None = None
        self.pages = PageLines()
        said.pages = self.pages.pages

    def take(self, line: str) -> Line:
        """Keep what a line says; return the line with what it is. Raises TargetError for one that is not understood."""
        counted = line.startswith("cycles ")
        if found := _IMAGE.fullmatch(line):
            self.announced += 1
            if int(found[1]) != self.announced or len(self.said.results) != self.announced - 1:
                raise _not_understood(line, "it is out of order")
            self.operators, self.counts, self.width, self.unsure, self.seen = [], None, None, 0, None
            self.cycles, self.phase_cycles = [], {}
            self.characters, self.confidence, self.region = [], None, None
            return Line(line, image=self.announced)
        elif found := _OPERATOR.fullmatch(line):
            if int(found[1]) != len(self.operators):
                raise _not_understood(line, "it is out of order")
            self.operators.append(int(found[2]))
            return Line(line, is_count=True)
        elif found := _INSTRUCTIONS.fullmatch(line):
            self.counts = (int(found[1]), int(found[2]), int(found[3]))
            return Line(line, is_count=True)
        elif found := _TEXT.fullmatch(line):
            if len(self.said.results) != self.announced - 1:
                raise _not_understood(line, "it belongs to no image")
            preprocess, inference, decode = self.counts or (None, None, None)
            self.said.results.append(
                ImageResult(
                    found[1],
                    float(found[2]),
                    preprocess,
                    inference,
                    decode,
                    self.operators,
                    self.width,
                    self.unsure,
                    self.seen,
                    self.cycles,
                    self.phase_cycles,
                    self.confidence,
                    self.region,
                )
            )
        elif found := _STACK.fullmatch(line):
            self.said.stack_bytes = int(found[1])
        elif found := _WIDTH.fullmatch(line):
            self.width = int(found[1])
        elif found := _REGION.fullmatch(line):
            self.region = (int(found[1]), int(found[2]), int(found[3], 16))
        elif found := _UNSURE.fullmatch(line):
            self.unsure, counted = int(found[2]), True
        elif line and not self.take_confidence(line) and not self.take_message(line):
            return self.take_page(line)
        return Line(line, is_count=counted)

    def take_cycles(self, line: str) -> None:
        """Keep a line of the board's own counter. Raises TargetError for one that is not understood."""
        if found := _CYCLES.fullmatch(line):
            if int(found[1]) != len(self.cycles):
                raise _not_understood(line, "it is out of order")
            pairs = (word.split("=") for word in found[3].split())
            self.cycles.append((int(found[2]), {name: int(value) for name, value in pairs}))
        elif found := _PHASE_CYCLES.fullmatch(line):
            self.phase_cycles = dict(zip(("preprocess", "inference", "decode"), map(int, found.groups()), strict=True))
        else:
            raise _not_understood(line, "no line of the firmware looks like it")

    def take_confidence(self, line: str) -> bool:
        """How sure a character or a text is, or what fits no restriction; returns whether the line says that."""
        if found := _SEEN.fullmatch(line):
            self.seen = (found[1], float(found[2]))
        elif found := _CHARACTER.fullmatch(line):
            first, last, other = (int(found[i]) for i in (3, 4, 5))
            each = Character(int(found[1]), float(found[2]), first, last, other, float(found[6]))
            self.characters.append(each)
        elif found := _CONFIDENCE.fullmatch(line):
            right, least, mean, lead, likelihood = (float(value) for value in found.groups())
            known = right if right >= 0 else None
            self.confidence = Confidence(tuple(self.characters), least, mean, lead, likelihood, known)
        return found is not None

    def take_page(self, line: str) -> Line:
        """Keep a line of a program for pages. Raises TargetError for one that is not understood."""
        complaint = self.pages.take(line)
        if complaint != "":
            raise _not_understood(line, complaint or "no line of the firmware looks like it")
        self.said.detector = self.pages.detector
        return Line(line, len(self.said.pages) if line.startswith("page ") else None, line.startswith("work "))

    def take_message(self, line: str) -> bool:
        """Lines in words, and the board's own counter; returns whether this is one."""
        if line.startswith("cycles "):
            self.take_cycles(line)
            return True
        kept = {"error: ": self.said.errors, "fault: ": self.said.faults, "npu: ": self.said.npu}
        start = next((start for start in kept if line.startswith(start)), None)
        if start is not None:
            kept[start].append(line.removeprefix(start))
        return start is not None

    def check_complete(self) -> None:
        if self.announced != len(self.said.results):
            raise TargetError(f"output was lost: image {self.announced} was announced and no text came.")
        if missing := self.pages.unfinished():
            raise TargetError(f"output was lost: {missing}.")
        if self.said.errors or self.said.faults:
            raise TargetError(
                f"the firmware failed and ended with status 0: {(self.said.errors + self.said.faults)[0]}."
            )


def failure(said: Said, elf_file: Path) -> TargetError:
    """The error for a run that did not end with status 0, in the firmware's own words."""
    if said.faults:
        where = next((line.rstrip() for line in said.faults if line.startswith("during ")), "")
        place = _place(said.faults, elf_file)
        sentence = ", ".join(part for part in (said.faults[0], where, place) if part)
        tries = ["build with a larger stack: OCRM55_STACK_BYTES in cmake/options.cmake"] if "STKOF" in sentence else []
        return TargetError(f"the firmware faulted: {sentence} (exit status {said.exit_status}).", tries)
    if said.errors:
        return TargetError(f"the firmware failed: {said.errors[0]} (exit status {said.exit_status}).")
    return TargetError(f"the firmware ended with exit status {said.exit_status} and did not say why.")


def last_words(output: str) -> str:
    """The last line of the output, for a message about output that ended early."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"its last line was `{lines[-1][:200]}`" if lines else "it printed nothing"


def _place(faults: list[str], elf_file: Path) -> str | None:
    """Function and line of the fault, or of its caller if the fault was a jump to nowhere."""
    from ocrm55.firmware import source_line

    for line in faults:
        if found := _PC.search(line):
            if here := source_line(elf_file, int(found[1], 16)):
                return f"in {here}"
            caller = source_line(elf_file, (int(found[2], 16) & ~1) - 2)  # the call lies before the return address
            return f"called from {caller}" if caller else None
    return None


def _not_understood(line: str, why: str) -> TargetError:
    return TargetError(
        f"the output of the firmware cannot be understood: `{line[:200]}`: {why}.",
        ["rebuild it with: ocrm55 build --force"],
    )
