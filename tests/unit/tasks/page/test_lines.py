"""The text of a box: C and the host alike, with a recognizer that anybody can compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.page.host import HostRecognizer
from ocrm55.tasks.page import lines
from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.options import UNIT, Options
from ocrm55.tasks.page.windows import windows
from ocrm55.tasks.recognizer.confidence import Calibration
from tests.unit.tasks.page import c_page, drawn

PLAIN = Options(squeeze=0)  # every column counts where a text is in the columns themselves
LABELS = ["", "a", "b", "ccc", "d", "e", "f", "g", " "]


# What makes a probability of a line's parts, with driver.c's calibration.
HOST = HostRecognizer({}, LABELS, "greedy", 8, windows(160, 20), 20, calibration=Calibration(-1.0, 0.25, 0.5))


class Columns:
    """driver.c's: a step's class comes from the first and the last pixel of its first column."""

    height = 8
    parts_fit = True

    def __init__(self, beyond: int = Options.beyond) -> None:
        self.windows = windows(160, 20, (64, 160), beyond)

    def recognize(self, pixels: np.ndarray) -> tuple[np.ndarray, list[int], float]:
        width = pixels.shape[1]
        steps = 8 if width + self.windows.beyond <= 64 else 20
        output = np.zeros((steps, 9), np.float32)
        for step in range(steps):
            above, below = (int(pixels[row, 8 * step, 0]) if 8 * step < width else 0 for row in (0, 7))
            output[step, 0] = np.float32(1 / 1024)
            output[step, (above + below) % 9] = np.float32(256 + above - below) / np.float32(512)
        return output, *self.decode(output)

    def decode(self, probabilities: np.ndarray) -> tuple[list[int], float]:
        text, total, last = [], np.float32(0), 0
        for frame in probabilities:
            best = int(frame.argmax())
            if best not in (0, last):
                text.append(best)
                total = total + frame[best]
            last = best
        return text, float(total / np.float32(len(text))) if text else 0.0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_read_alike(page: c_page.Page, data: st.DataObject) -> None:
    frame, box = data.draw(drawn.frames()), data.draw(drawn.rectangles())
    options = Options(
        sure=data.draw(st.sampled_from([0, 20000, 32768, 40000, 65535])),
        windows=data.draw(st.integers(1, 24)),
        beyond=data.draw(st.sampled_from([0, 8, 100, 255])),
        squeeze=data.draw(st.sampled_from([0, 223, 255])),
    )
    likely = data.draw(st.booleans())
    outcome, classes, score, readings, upside_down, text, right = page.read(frame, box, options, 2000, 9000, likely)
    line = lines.read(Columns(options.beyond), frame.picture, box, options, likely_upside_down=likely)
    assert (classes, readings, upside_down) == (line.classes, line.readings, line.upside_down)
    assert np.float32(score) == np.float32(line.score)
    assert right == HOST.right(line)
    assert text.decode() == "".join(LABELS[c] for c in classes)
    assert outcome == (c_page.LONG if line.cut else c_page.OK)


def wide_line(columns: int) -> tuple[np.ndarray, Box]:
    """A frame whose pixels the recognizer reads one to one: every eighth column says a class."""
    frame = np.zeros((8, columns), np.uint8)
    frame[0, ::8] = 252  # 0: blank
    frame[0, 4::16] = 0
    frame[0, 0:columns:16] = 253 + np.arange(len(frame[0, ::16])) % 2
    corners = (
        (-128, -128),
        (columns * UNIT - 128, -128),
        (columns * UNIT - 128, 8 * UNIT - 128),
        (-128, 8 * UNIT - 128),
    )
    return frame, Box(corners)


def test_a_long_line_is_joined_without_a_gap(page: c_page.Page) -> None:
    frame, box = wide_line(800)
    outcome, classes, score, readings, upside_down, _, right = page.read(c_page.frame_of(frame), box, PLAIN)
    assert (outcome, readings, upside_down) == (c_page.OK, 7, False)
    assert classes == [1 + i % 2 for i in range(50)]
    assert score > 0.9
    parts = lines.read(Columns(), frame, box, PLAIN).parts
    assert len(parts) == 7 and sum(map(len, parts)) == 100
    assert right == HOST.right(lines.Line(classes, score, 7, parts=parts)) > 0
    assert right < HOST.right(lines.Line(classes, score, 7, parts=parts[:1]))  # more can be wrong of a longer text


def test_more_windows_or_characters_than_room(page: c_page.Page) -> None:
    frame, box = wide_line(800)
    for options, class_room, text_bytes, wanted in (
        (Options(windows=2, squeeze=0), 200, 400, 16),
        (PLAIN, 9, 400, 9),
        (PLAIN, 200, 9, 8),
        (PLAIN, 200, 1, 0),
        (PLAIN, 0, 400, 0),
    ):
        outcome, classes, _, _, _, text, _ = page.read(c_page.frame_of(frame), box, options, class_room, text_bytes)
        assert outcome == c_page.LONG and len(text) == len(classes)
        assert classes == [1 + i % 2 for i in range(len(classes))] and abs(len(classes) - wanted) <= 1


@pytest.mark.parametrize("columns", [100, 400])
def test_a_line_on_its_head_is_noticed(page: c_page.Page, columns: int) -> None:
    frame, box = wide_line(columns)
    turned = np.ascontiguousarray(frame[::-1, ::-1])
    right, head = (page.read(c_page.frame_of(picture), box, PLAIN) for picture in (frame, turned))
    assert not right[4] and head[4]
    assert head[3] == 2 * right[3]
    assert head[2] > 0.9 and len(head[1]) >= len(right[1]) - 1
    assert not page.read(c_page.frame_of(turned), box, Options(sure=0, squeeze=0))[4]


def test_a_page_upside_down_is_read_so_after_some_lines(page: c_page.Page) -> None:
    """What leans is read on its head first: one reading a line; and a line that stands upright is noticed."""
    frame, box = wide_line(100)
    turned = np.ascontiguousarray(frame[::-1, ::-1])
    assert [lines.leans(up, count) for up, count in ((0, 0), (2, 2), (2, 3), (1, 3), (5, 10), (6, 10))] == [
        False, False, True, False, False, True,
    ]  # fmt: skip
    head = page.read(c_page.frame_of(turned), box, PLAIN, likely=True)
    assert head[3] == 1 and head[4]
    upright = page.read(c_page.frame_of(frame), box, PLAIN, likely=True)
    assert upright[3] == 2 and not upright[4] and upright[2] > 0.9


def test_the_other_way_up_has_to_be_much_surer() -> None:
    class Unsure(Columns):
        scores = (0.7, 0.79)

        def recognize(self, pixels: np.ndarray) -> tuple[np.ndarray, list[int], float]:
            output, classes, _ = super().recognize(pixels)
            self.scores, score = self.scores[1:], self.scores[0]
            return output, classes, score

    frame, box = wide_line(100)
    first = lines.read(Unsure(), frame, box, PLAIN)
    assert (first.score, first.readings, first.upside_down) == (0.7, 2, False)


@pytest.mark.parametrize(("steps", "asked"), [(3, 7 * (3 + 1)), (0, 7)], ids=["in steps", "in one go"])
def test_a_line_is_stopped_in_any_window_and_then_has_no_text(page: c_page.Page, steps: int, asked: int) -> None:
    frame, box = wide_line(800)
    given = c_page.frame_of(frame)
    whole = page.read(given, box, PLAIN)
    for stop_at in range(1, asked + 1):
        outcome, classes, score, _, upside_down, text, right = page.read(
            given, box, PLAIN, stop_at=stop_at, steps=steps
        )
        assert (outcome, classes, score, upside_down, text) == (c_page.STOPPED, [], 0.0, False, b"") and right < 0
    assert page.read(given, box, PLAIN, stop_at=asked + 1, steps=steps) == whole
