"""What a program for pages says, and what becomes of it when a part is missing, doubled or damaged."""

import pytest

from ocrm55.errors import TargetError
from ocrm55.simulators import protocol
from ocrm55.simulators.page_protocol import Crop, Detector

IDENTITY = "ocrm55 0.1.0 en_ppocrv3_rec int8 1x3x48x320 arena 493584\n"
DETECTOR = "detector en_ppocrv3_det int8 320x352 arena 1024576\n"
BOX = (
    "box {0} 2560,768 9216,768 9216,1536 -2560,1536 score 0.912345 line {1} turned 0 readings 2 text: {2}, score: 0.5\n"
)
BOX = BOX.replace("0.5\n", "0.986746\n")
GOOD = (
    IDENTITY
    + DETECTOR
    + "page 1/2 480x640 gray8\nhash rows 0x00000001\nhash map 0x1c291ca3\nboxes 2\ncrop 1 320x48 0x9ae0daaf\n"
    + "crop 1 96x48 0x00000002\n"
    + BOX.format(1, 0, "Hello, score: 9")
    + BOX.format(2, 0, r"a\\b\x0ac")
    + "reversed\nwork load=1 detect=20 recognise=3\nscratch 1200 of 73728\n"
    + "page 2/2 1x1 bgr888\nnote: crowded\nboxes 0\nstack 420 of 32768\nexit status 0\n"
)


def test_good_run() -> None:
    said = protocol.parse(GOOD)
    assert said.detector == Detector("en_ppocrv3_det", "int8", 320, 352, 1024576)
    first, second = said.pages
    assert (first.width, first.height, first.format) == (480, 640, "gray8")
    assert first.hashes == {"rows": 1, "map": 0x1C291CA3}
    assert [box.text for box in first.boxes] == ["Hello, score: 9", "a\\b\nc"]
    assert [box.text for box in first.in_order] == ["a\\b\nc", "Hello, score: 9"]
    one = first.boxes[0]
    assert one.corners == ((2560, 768), (9216, 768), (9216, 1536), (-2560, 1536))
    assert (one.found, one.score, one.line, one.turned, one.readings) == (0.912345, 0.986746, 0, 0, 2)
    assert one.crops == (Crop(320, 48, 0x9AE0DAAF), Crop(96, 48, 2))
    assert first.boxes[1].crops == ()
    assert first.work == {"load": 1, "detect": 20, "recognise": 3}
    assert (first.scratch_bytes, first.reversed) == (1200, True)
    assert (second.boxes, second.notes, second.reversed) == ([], ["crowded"], False)
    assert said.results == []
    assert said.uart == GOOD


def test_a_box_may_say_how_likely_its_text_is_right() -> None:
    said = protocol.parse(GOOD.replace("readings 2 text: Hello", "readings 2 right 0.998021 text: Hello"))
    assert [box.right for box in said.pages[0].boxes] == [0.998021, None]
    assert said.pages[0].boxes[0].text == "Hello, score: 9"


def test_a_box_that_was_read_again_takes_its_place() -> None:
    again = "crop 1 96x48 0x00000007\n" + BOX.format(1, 0, "Hallo").replace("box", "again")
    said = protocol.parse(GOOD.replace("reversed\n", f"reversed\ncrop 2 1x48 0x00000009\n{again}"))
    assert [box.text for box in said.pages[0].boxes] == ["Hallo", "a\\b\nc"]
    assert said.pages[0].boxes[0].crops == (Crop(96, 48, 7),)
    for wrong in (again.replace("again 1", "again 3"), again.replace("again 1", "again 0")):
        with pytest.raises(TargetError, match="takes no box's place"):
            protocol.parse(GOOD.replace("reversed\n", f"reversed\n{wrong}"))
    with pytest.raises(TargetError, match="cannot be understood"):
        protocol.parse(GOOD.replace("reversed\n", again))


def test_every_truncation_is_lost_output() -> None:
    for length in range(len(GOOD) - len("\n")):
        with pytest.raises(TargetError, match=r"printed nothing|output was lost"):
            protocol.parse(GOOD[:length])


def test_every_lost_line_is_noticed_or_no_text() -> None:
    lines = GOOD.splitlines(keepends=True)
    texts = [box.text for page in protocol.parse(GOOD).pages for box in page.in_order]
    for number, line in enumerate(lines):
        try:
            said = protocol.parse("".join(lines[:number] + lines[number + 1 :]))
        except TargetError:
            continue
        kinds = ("detector", "hash", "crop", "work", "scratch", "stack", "note", "reversed")
        assert line.startswith(kinds)
        assert sorted(box.text for page in said.pages for box in page.boxes) == sorted(texts)


@pytest.mark.parametrize(
    "line",
    [
        BOX.format(3, 0, "x"),  # one more than was said
        BOX.format(1, 0, "x"),
        "boxes 2",
        DETECTOR,
        "page 1/2 480x640 gray8",
        "crop 1 1x1 0x00000000",
        "hash map 0x123",
        "box 3 1,1 1,1 1,1 score 0.5 line 0 turned 0 readings 1 text: , score: 0.5",
        "work nothing",
        "whatever",
    ],
)
def test_what_is_doubled_or_strange_is_refused(line: str) -> None:
    with pytest.raises(TargetError, match=r"cannot be understood|output was lost"):
        protocol.parse(GOOD.replace("reversed\n", line.rstrip("\n") + "\n"))


@pytest.mark.parametrize("text", [r"\n", r"\x0", r"\xZZ", "\\", "a\\"])
def test_an_unknown_escape_is_refused(text: str) -> None:
    with pytest.raises(TargetError, match="unknown escape"):
        protocol.parse(GOOD.replace(r"a\\b\x0ac", text))


@pytest.mark.parametrize("text", ["", " two  spaces ", "é漢", "text: x, score: 1.000000", "error: no", r"\\\\"])
def test_any_text(text: str) -> None:
    said = protocol.parse(GOOD.replace("Hello, score: 9", text))
    assert said.pages[0].boxes[0].text == text.replace("\\\\", "\\")


def test_a_line_of_a_page_before_any_page_is_refused() -> None:
    with pytest.raises(TargetError, match="cannot be understood"):
        protocol.parse(IDENTITY + "boxes 0\nexit status 0\n")
