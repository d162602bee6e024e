"""The lines of a program for pages, as firmware/page/page_words.c prints them, between identity and exit status.

    detector en_ppocrv3_det int8 320x320 arena 498000
    page 1/2 480x640 gray8
    hash map 0x1c291ca3                                      with hashes=1: CRC-32 of what a step made
    boxes 2
    crop 1 320x48 0x9ae0daaf                                 with hashes=1: a window of box 1, which is read
    box 1 2560,768 9216,768 9216,1536 2560,1536 score 0.912345 line 0 turned 0 readings 1 text: Hello, score: 0.986746
    box 2 2560,768 ... readings 1 right 0.998021 text: ...   with confidence=1: how likely the text is right
    note: the map has more runs of text than the scratch holds: nothing was found     of a page that is read in part
    reversed                                                 of a page that lies upside down: the last box comes first
    again 2 ...                                              a box that seemed upright there: in the place of box 2
    work load=1 resize=2 detect=3 boxes=4 crop=5 ...         with stats=1, in instructions
    scratch 1200 of 73728                                    with stats=1, in bytes

Corners go round from the top left of the text, in 256ths of a pixel of the frame; the middle of its first pixel is 0,0.
Boxes side by side have the same line. turned: quarter turns clockwise from the frame's rows to the text's. A text has
`\\\\` for a backslash and `\\xNN` for the bytes of a control character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# As many digits as the firmware can print.
_N = "[0-9]{1,20}"
_INT = "-?[0-9]{1,10}"
_SCORE = r"([0-9]{1,39}\.[0-9]{6}|nan|-?inf)"
_DETECTOR = re.compile(rf"detector (\S+) (\S+) ({_N})x({_N}) arena ({_N})")
_PAGE = re.compile(rf"page ({_N})/({_N}) ({_N})x({_N}) (\S+)")
_HASH = re.compile(r"hash ([a-z]+) 0x([0-9a-f]{8})")
_BOXES = re.compile(rf"boxes ({_N})")
_CROP = re.compile(rf"crop ({_N}) ({_N})x({_N}) 0x([0-9a-f]{{8}})")
_BOX = re.compile(
    rf"(?:box|again) ({_N}) "
    + " ".join([f"({_INT}),({_INT})"] * 4)
    + rf" score {_SCORE} line ({_N}) turned ([0-3]) readings ({_N})(?: right {_SCORE})? text: (.*), score: {_SCORE}"
)
_WORK = re.compile(rf"work ((?:[a-z]+={_N}(?: |$))+)")
_SCRATCH = re.compile(rf"scratch ({_N}) of ({_N})")
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})|\\")

UNIT = 256  # of corners in a pixel
Corner = tuple[int, int]


@dataclass(frozen=True)
class Detector:
    """The second network of a program for pages. `arena` is in bytes."""

    model: str
    precision: str
    width: int
    height: int
    arena: int


@dataclass(frozen=True)
class Crop:
    """A window that the recognizer read: its size in pixels, and the CRC-32 of its bytes."""

    width: int
    height: int
    crc: int


@dataclass(frozen=True)
class BoxResult:
    """A line of text. corners: from the top left of the text around, in units of 1/UNIT pixel of the frame.

    found: the detector's score. line: the same for boxes side by side. turned: quarter turns clockwise.
    readings: runs of the recognizer. score: the recognizer's. crops: their hashes, if those were requested.
    right: the calibrated probability that the text is right; None where it is not known, or was not requested.
    """

    corners: tuple[Corner, Corner, Corner, Corner]
    found: float
    line: int
    turned: int
    readings: int
    text: str
    score: float
    crops: tuple[Crop, ...] = ()
    right: float | None = None


@dataclass
class PageResult:
    """The target's reading of a page. boxes: in reading order, but for a page that is reversed.

    hashes, work: CRC-32 of what steps made, instructions by stage; empty if they were not requested.
    notes: what was left out.
    """

    width: int
    height: int
    format: str
    boxes: list[BoxResult] = field(default_factory=list)
    hashes: dict[str, int] = field(default_factory=dict)
    work: dict[str, int] = field(default_factory=dict)
    scratch_bytes: int | None = None
    notes: list[str] = field(default_factory=list)
    reversed: bool = False

    @property
    def in_order(self) -> list[BoxResult]:
        """The boxes in reading order."""
        return self.boxes[::-1] if self.reversed else self.boxes


class PageLines:
    """Takes the lines of pages one after the other."""

    def __init__(self) -> None:
        self.detector: Detector | None = None
        self.pages: list[PageResult] = []
        self._announced: int | None = None  # boxes of the current page
        self._crops: list[Crop] = []
        self._of_crops = 0  # the box of these

    def take(self, line: str) -> str | None:
        """Keep a line. Returns an empty text, a complaint, or None for a line that is not of this kind."""
        if found := _DETECTOR.fullmatch(line):
            again = self.detector is not None or bool(self.pages)
            self.detector = Detector(found[1], found[2], int(found[3]), int(found[4]), int(found[5]))
            return "there is one detector" if again else ""
        if found := _PAGE.fullmatch(line):
            complaint = self.unfinished() or ("" if int(found[1]) == len(self.pages) + 1 else "it is out of order")
            self.pages.append(PageResult(int(found[3]), int(found[4]), found[5]))
            self._announced, self._crops, self._of_crops = None, [], 0
            return complaint
        if not self.pages:
            return None
        return self._of_page(self.pages[-1], line)

    def _of_page(self, page: PageResult, line: str) -> str | None:
        if found := _HASH.fullmatch(line):
            page.hashes[found[1]] = int(found[2], 16)
        elif found := _BOXES.fullmatch(line):
            again, self._announced = self._announced is not None, int(found[1])
            return "boxes were counted before" if again else ""
        elif found := _CROP.fullmatch(line):
            number = int(found[1])
            known = page.reversed and 1 <= number <= len(page.boxes)
            if number != self._of_crops:  # those of a box that was read again in vain are nobody's
                self._of_crops, self._crops = number, []
            self._crops.append(Crop(int(found[2]), int(found[3]), int(found[4], 16)))
            return "" if known or number == len(page.boxes) + 1 else "it is out of order"
        elif found := _BOX.fullmatch(line):
            return self._box(page, found)
        elif found := _WORK.fullmatch(line):
            counts = (word.partition("=") for word in found[1].split())
            page.work = {name: int(count) for name, _, count in counts}
        elif line.startswith("note: "):
            page.notes.append(line.removeprefix("note: "))
        elif line == "reversed":
            page.reversed = True
        elif found := _SCRATCH.fullmatch(line):
            page.scratch_bytes = int(found[1])
        else:
            return None
        return ""

    def _box(self, page: PageResult, found: re.Match[str]) -> str:
        """Keep a box, or let one that was read again take its place."""
        numbers = [int(found[group]) for group in range(2, 10)]
        corners = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        text = unescaped(found[15])
        number, again = int(found[1]), found[0].startswith("again")
        if again and not (page.reversed and 1 <= number <= len(page.boxes)):
            return "it takes no box's place"
        if not again and (number != len(page.boxes) + 1 or len(page.boxes) >= (self._announced or 0)):
            return "it is out of order"
        if text is None:
            return "its text has an unknown escape"
        box = BoxResult(
            (corners[0], corners[1], corners[2], corners[3]),
            float(found[10]),
            int(found[11]),
            int(found[12]),
            int(found[13]),
            text,
            float(found[16]),
            tuple(self._crops),
            None if found[14] is None else float(found[14]),
        )
        page.boxes[number - 1 : number] = [box]
        self._crops = []
        return ""

    def unfinished(self) -> str:
        """What is missing of the current page; empty if nothing is."""
        if not self.pages:
            return ""
        number, page = len(self.pages), self.pages[-1]
        if self._announced is None:
            return f"page {number} was announced and no boxes came"
        if len(page.boxes) != self._announced:
            return f"page {number} has {self._announced} boxes and {len(page.boxes)} came"
        return ""


def unescaped(text: str) -> str | None:
    """The text of a box's line; None for an escape that the firmware does not print."""
    wrong = False

    def one(found: re.Match[str]) -> str:
        nonlocal wrong
        if found[1] is None:
            wrong = True
            return ""
        return "\\" if found[1] == "\\" else chr(int(found[1][1:], 16))

    plain = _ESCAPE.sub(one, text)
    return None if wrong else plain
