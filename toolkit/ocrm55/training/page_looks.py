"""What pages look like: receipts, labels, books, signs in the street. Each function writes one on a sheet."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from ocrm55.training import texts
from ocrm55.training.fonts import Font
from ocrm55.training.page_canvas import FINE, Box, Colour, Page, Sheet, blank, photographed, rough, turned
from ocrm55.training.render import load_font, two_colours

RECEIPT_HEADS = ("INVOICE", "RECEIPT", "TAX INVOICE", "CASH BILL", "ORDER", "THANK YOU", "PLEASE COME AGAIN")
RECEIPT_SUMS = ("TOTAL", "SUBTOTAL", "TAX 6%", "CASH", "CHANGE", "ROUNDING", "VISA", "DISCOUNT", "GST", "AMOUNT DUE")
LABEL_FIELDS = (
    "SERIAL NO",
    "MODEL",
    "PART NO",
    "LOT",
    "DATE",
    "QTY",
    "WEIGHT",
    "INPUT",
    "MADE IN",
    "REV",
    "BEST BEFORE",
)


@dataclass(frozen=True)
class Hand:
    """What a look draws with: chance, fonts, and the height of its small letters in the page's pixels."""

    rng: random.Random
    fonts: Sequence[Font]
    small: float

    def font(self, *wanted: str) -> str:
        """The file of a font whose path has one of the words, if there is one; without words, of any."""
        plain = [font.path for font in self.fonts if not font.caps and not font.decorative]
        found = [path for path in plain if any(word in path.lower() for word in wanted)]
        return self.rng.choice(found or plain or [font.path for font in self.fonts])


def price(rng: random.Random) -> str:
    """A price, with or without a currency."""
    return (
        f"{rng.choice(('', '', 'RM', '$', 'EUR '))}{rng.randint(0, 10 ** rng.randint(1, 4))}.{rng.randint(0, 99):02d}"
    )


def table_top(rng: random.Random, width: int, height: int) -> Sheet:
    """What lies under a sheet of paper: wood, cloth, a desk."""
    shade = rng.randint(20, 235)
    under = blank(width, height, tuple(min(255, max(0, shade + rng.randint(-35, 35))) for _ in range(3)))
    rough(rng, under, rng.uniform(2, 22))
    return under


def laid(rng: random.Random, under: Sheet, paper: Sheet, degrees: float, lean: float) -> None:
    """Lay a paper in the middle of what lies under it, turned and aslant."""
    room = [(b - a) / 2 for a, b in zip(paper.image.size, under.image.size, strict=True)]
    shift = np.array([[1, 0, room[0]], [0, 1, room[1]], [0, 0, 1]], np.float32)
    under.put(paper, (shift @ turned(rng, paper.image.size, degrees, lean)).astype(np.float32))


def receipt(hand: Hand, width: int, height: int) -> Sheet:
    """A till receipt on a table: head, address, columns of goods and prices, sums, thanks."""
    rng = hand.rng
    under = table_top(rng, width, height)
    wide = width * rng.uniform(0.6, 0.98)
    paper = blank(wide, height * rng.uniform(0.9, 1.1), (rng.randint(215, 255),) * 3)
    rough(rng, paper, rng.uniform(0, 4))
    ink: Colour = (rng.randint(10, 110),) * 3
    path, size = hand.font("mono", "sans", "narrow"), hand.small * rng.uniform(1.2, 1.5)
    step, margin = size * rng.uniform(1.05, 1.5), wide * rng.uniform(0.03, 0.1)
    y = rng.uniform(0.5, 3) * size
    big = size * rng.uniform(1.2, 2.2)
    paper.write(texts.words(rng, 16).upper(), (wide / 2, y), path, big, ink, "m")
    y += big * 1.4
    for _ in range(rng.randint(2, 5)):
        text = texts.words(rng, 26).upper() if rng.random() < 0.6 else texts.number(rng)
        paper.write(text, (wide / 2, y), path, size, ink, "m")
        y += step
    paper.write(rng.choice(RECEIPT_HEADS), (wide / 2, y + step / 2), path, size * 1.2, ink, "m")
    y += 2.2 * step
    column = wide * rng.uniform(0.5, 0.7)
    while y < paper.size[1] - 9 * step:
        longest = int((column - margin) / (0.62 * size))
        paper.write(texts.words(rng, max(4, longest)).upper(), (margin, y), path, size, ink)
        if rng.random() < 0.4:
            y += step
            paper.write(f"{rng.randint(1, 20)} x {price(rng)}", (margin * 1.6, y), path, size, ink)
        paper.write(price(rng), (wide - margin, y), path, size, ink, "r")
        y += step * rng.choice((1, 1, 1, 1.5))
    paper.rectangle((margin, y, wide - margin, y + 0.5), ink)
    for _ in range(rng.randint(2, 5)):
        y += step
        paper.write(rng.choice(RECEIPT_SUMS), (margin, y), path, size, ink)
        paper.write(price(rng), (wide - margin, y), path, size, ink, "r")
    paper.write(rng.choice(RECEIPT_HEADS), (wide / 2, y + 2 * step), path, size, ink, "m")
    laid(rng, under, paper, 1.5, 0.012)
    return under


def label(hand: Hand, width: int, height: int) -> Sheet:
    """A type plate or a parcel's label: fields in frames, large numbers, bars, white on black."""
    rng = hand.rng
    under = table_top(rng, width, height)
    wide, high = width * rng.uniform(0.75, 0.98), height * rng.uniform(0.7, 0.98)
    back, ink = two_colours(rng, wild=rng.random() < 0.5)
    plate = blank(wide, high, back)
    rough(rng, plate, rng.uniform(0, 8))
    path = hand.font("sans", "mono")
    y, margin = 0.03 * high, 0.03 * wide
    while y < high - 3 * hand.small:
        size = hand.small * rng.choice((1.2, 1.3, 1.5, 2.0, 2.6, 3.6))
        kind = rng.random()
        tall = size * 1.7
        if kind < 0.15:
            tall = _bars(rng, plate, (margin, y, wide * rng.uniform(0.4, 0.9), y + 4 * hand.small))
        elif kind < 0.3:
            plate.rectangle((margin, y, wide - margin, y + tall), ink)
            plate.write(texts.sign(rng, 12).upper(), (wide / 2, y + 0.3 * size), path, size, back, "m")
        else:
            across = rng.choice((1, 1, 2, 3)) if size < 2.5 * hand.small else 1
            for place in range(across):
                left = margin + place * (wide - 2 * margin) / across
                if rng.random() < 0.6:
                    plate.rectangle((left, y, left + (wide - 2 * margin) / across, y + tall), None, ink)
                name = f"{rng.choice(LABEL_FIELDS)}: " if rng.random() < 0.6 else ""
                longest = max(3, int((wide - 2 * margin) / across / (0.68 * size)) - len(name))
                text = texts.code(rng, min(longest, rng.randint(3, 12))) if rng.random() < 0.5 else texts.number(rng)
                plate.write(name + text[:longest], (left + 0.4 * size, y + 0.35 * size), path, size, ink)
        y += tall + rng.uniform(0, 1) * hand.small
    laid(rng, under, plate, 4.0, 0.03)
    return under


def _bars(rng: random.Random, sheet: Sheet, box: Box) -> float:
    """A bar code that says nothing; returns its height."""
    left, top, right, bottom = box
    sheet.rectangle((left - 2, top, right + 2, bottom), (255, 255, 255))
    while left < right:
        wide = rng.choice((0.5, 1, 1, 2))
        sheet.rectangle((left, top, left + wide, bottom), (0, 0, 0))
        left += wide + rng.choice((1, 1, 1.5, 2.5))
    return bottom - top


def book(hand: Hand, width: int, height: int) -> Sheet:
    """A page of a book or a letter: paragraphs in one or two columns, a heading, a page number."""
    rng = hand.rng
    paper = blank(width, height, (rng.randint(225, 255), rng.randint(222, 250), rng.randint(200, 250)))
    rough(rng, paper, rng.uniform(0, 5))
    ink: Colour = (rng.randint(0, 80),) * 3
    path, size = hand.font("serif", "roman", "sans"), hand.small * rng.uniform(1.15, 1.4)
    step, margin = size * rng.uniform(1.15, 1.6), width * rng.uniform(0.04, 0.1)
    y = height * rng.uniform(0.03, 0.1)
    if rng.random() < 0.7:
        big = size * rng.uniform(1.5, 2.4)
        paper.write(texts.words(rng, 20), (width / 2, y), hand.font("bold"), big, ink, "m")
        y += 2 * big
    columns = rng.choice((1, 1, 2))
    wide = (width - 2 * margin - (columns - 1) * 1.5 * size) / columns
    for column in range(columns):
        left, at = margin + column * (wide + 1.5 * size), y
        while at < height - 3 * step:
            for words in _paragraph(rng, path, size, wide, rng.randint(2, 9)):
                if at < height - 3 * step:
                    paper.write(words, (left, at), path, size, ink)
                at += step
            at += step * rng.choice((0, 0.6))
    paper.write(str(rng.randint(1, 900)), (width / 2, height - 2 * step), path, size, ink, "m")
    under = table_top(rng, width, height)
    laid(rng, under, paper, 1.2, 0.015)
    return under


def _paragraph(rng: random.Random, path: str, size: float, wide: float, lines: int) -> list[str]:
    """Lines of words that are at most `wide` pixels of the page; the last one is shorter."""
    font = load_font(path, max(4, round(size * FINE)))
    found = []
    for number in range(lines):
        limit = wide * FINE * (rng.uniform(0.2, 0.9) if number == lines - 1 else 1)
        text = texts.words(rng, 12)
        while True:
            longer = f"{text} {texts.number(rng) if rng.random() < 0.05 else texts.words(rng, 9)}"
            if font.getlength(longer) > limit:
                break
            text = longer
        found.append(text)
    return found


def street(hand: Hand, width: int, height: int) -> Sheet:
    """Signs and shop fronts before walls, windows and sky, each seen from its own side."""
    rng = hand.rng
    scene = _wall(rng, width, height)
    taken: list[Box] = []
    for _ in range(rng.randint(12, 30)):
        size = hand.small * rng.choice((1.2, 1.4, 1.8, 2.5, 3.5, 5.0))
        board = _board(hand, size, 0.9 * width)
        wide, high = board.size
        x, y = rng.uniform(-0.05 * width, width - 0.8 * wide), rng.uniform(-0.03 * height, height - 0.8 * high)
        box = (x - 4, y - 4, x + wide + 4, y + high + 4)
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            continue
        taken.append(box)
        shift = np.array([[1, 0, x * FINE], [0, 1, y * FINE], [0, 0, 1]], np.float32)
        scene.put(board, (shift @ turned(rng, board.image.size, 5.0, 0.04)).astype(np.float32))
    return scene


def _board(hand: Hand, size: float, widest: float) -> Sheet:
    """One sign with one to three lines."""
    rng, path = hand.rng, hand.font()
    back, ink = two_colours(rng, wild=True)
    rows = [texts.sign(rng, max(3, min(18, int(widest / (0.75 * size))))) for _ in range(rng.choice((1, 1, 2, 3)))]
    wide = max(load_font(path, max(4, round(size * FINE))).getlength(row) for row in rows) / FINE + 1.4 * size
    board = blank(wide, (len(rows) + 0.6) * 1.35 * size, back)
    if rng.random() < 0.6:
        rough(rng, board, rng.uniform(2, 12))
    for number, row in enumerate(rows):
        board.write(row, (wide / 2, (0.35 + 1.35 * number) * size), path, size, ink, "m")
    return board


def _wall(rng: random.Random, width: int, height: int) -> Sheet:
    """Rough surfaces with edges, windows and bars: what a detector must not take for letters."""
    scene = table_top(rng, width, height)
    pen = scene.pen
    for _ in range(rng.randint(6, 25)):
        x, y = rng.uniform(-0.2, 1) * width * FINE, rng.uniform(-0.2, 1) * height * FINE
        wide, high = rng.uniform(0.02, 0.6) * width * FINE, rng.uniform(0.02, 0.5) * height * FINE
        colour = tuple(rng.randint(10, 245) for _ in range(3))
        if rng.random() < 0.6:
            pen.rectangle((x, y, x + wide, y + high), fill=colour)
        elif rng.random() < 0.5:
            for bar in range(rng.randint(3, 14)):
                pen.line(
                    (x + 9 * FINE * bar, y, x + 9 * FINE * bar, y + high), fill=colour, width=rng.randint(1, 3) * FINE
                )
        else:
            pen.ellipse((x, y, x + wide, y + wide), fill=colour, outline=(0, 0, 0))
    scene.image = Image.fromarray(cv2.GaussianBlur(np.asarray(scene.image), (0, 0), rng.uniform(0.8, 3) * FINE / 2))
    rough(rng, scene, rng.uniform(4, 20))
    return scene


LOOKS: dict[str, Callable[[Hand, int, int], Sheet]] = {
    "receipt": receipt,
    "label": label,
    "book": book,
    "street": street,
}


def draw_page(rng: random.Random, fonts: Sequence[Font], look: str, width: int, height: int) -> Page:
    """One page of a look of LOOKS, `width` x `height` pixels; the same for the same state of `rng` and the same fonts.

    Its small letters are 6 to 16 pixels high, its large ones up to five times as much.
    """
    hand = Hand(rng, fonts, rng.choice((6, 7, 8, 9, 10, 12, 14, 16)))
    return photographed(rng, LOOKS[look](hand, width, height), rng.choice((0.2, 0.7, 1.0)))
