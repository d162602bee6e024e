"""Pages as hOCR 1.2 and as ALTO 4.2, for programs that search, correct or print what was read."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from ocrm55 import __version__, files, plain_text
from ocrm55.page.reading import Line, Page

_XHTML = "http://www.w3.org/1999/xhtml"
_ALTO = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-2.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CAPABILITIES = "ocr_page ocr_carea ocr_line ocrx_word ocrp_poly ocrp_wconf"


def write_hocr(pages: Sequence[Page], destination: Path) -> None:
    """Write hOCR, whole or not at all. Raises OutputError."""
    files.write_text(destination, hocr(pages))


def write_alto(page: Page, destination: Path) -> None:
    """Write ALTO, whole or not at all; a file has one page. Raises OutputError."""
    files.write_text(destination, alto(page))


def hocr(pages: Sequence[Page]) -> str:
    """hOCR, XHTML: ocr_page, an ocr_carea for each row, an ocr_line for each box, whose text is one ocrx_word.

    Bounds and polygons are in pixels of the pictures. The networks find lines, so no word has bounds of its own.
    """
    root = ET.Element("html", {"xmlns": _XHTML, "lang": "en", "xml:lang": "en"})
    head = ET.SubElement(root, "head")
    ET.SubElement(head, "title").text = _clean(", ".join(page.path.name for page in pages))
    ET.SubElement(head, "meta", {"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"})
    ET.SubElement(head, "meta", {"name": "ocr-system", "content": f"ocrm55 {__version__}"})
    ET.SubElement(head, "meta", {"name": "ocr-capabilities", "content": _CAPABILITIES})
    body = ET.SubElement(root, "body")
    for number, page in enumerate(pages, 1):
        _hocr_page(body, page, number)
    ET.indent(root)
    for place in body:
        place.text = place.text or "\n"  # a page without text: parsers of HTML take `<div/>` for a beginning
    text = ET.tostring(root, encoding="unicode", short_empty_elements=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n{text}\n'


def _hocr_page(body: ET.Element, page: Page, number: int) -> None:
    picture = _clean(str(page.path)).replace('"', "'").replace(";", ",")  # both end a property of hOCR
    about = f'image "{picture}"; bbox 0 0 {page.width} {page.height}; ppageno {number - 1}'
    place = ET.SubElement(body, "div", {"class": "ocr_page", "id": f"page_{number}", "title": about})
    count = 0
    for row_number, row in enumerate(page.rows, 1):
        area = ET.SubElement(
            place,
            "div",
            {"class": "ocr_carea", "id": f"row_{number}_{row_number}", "title": f"bbox {_bbox(row, page)}"},
        )
        for line in row:
            count += 1
            corners = " ".join(str(value) for corner in line.corners for value in _whole(corner, page))
            angle = f"; textangle {-90 * line.turned % 360}" if line.turned else ""
            about = f"bbox {_bbox([line], page)}; poly {corners}{angle}"
            here = ET.SubElement(area, "span", {"class": "ocr_line", "id": f"line_{number}_{count}", "title": about})
            confidence = f"bbox {_bbox([line], page)}; x_wconf {round(100 * _share(line.sureness))}"
            word = {"class": "ocrx_word", "id": f"word_{number}_{count}", "title": confidence}
            ET.SubElement(here, "span", word).text = _clean(line.text)


def alto(page: Page) -> str:
    """ALTO 4.2: a TextBlock for each row of boxes, a TextLine for each box, a String for each of its words.

    A word's bounds are its line's share by characters: the networks find lines. WC is how sure the line is.
    """
    root = ET.Element(
        "alto", {"xmlns": _ALTO, "xmlns:xsi": _XSI, "xsi:schemaLocation": f"{_ALTO} {_SCHEMA}", "SCHEMAVERSION": "4.2"}
    )
    description = ET.SubElement(root, "Description")
    ET.SubElement(description, "MeasurementUnit").text = "pixel"
    source = ET.SubElement(description, "sourceImageInformation")
    ET.SubElement(source, "fileName").text = _clean(str(page.path))
    done = ET.SubElement(description, "Processing", {"ID": "ocr"})
    software = ET.SubElement(done, "processingSoftware")
    ET.SubElement(software, "softwareName").text = "ocrm55"
    ET.SubElement(software, "softwareVersion").text = __version__
    size = {"WIDTH": str(page.width), "HEIGHT": str(page.height)}
    place = ET.SubElement(ET.SubElement(root, "Layout"), "Page", {"ID": "page_1", "PHYSICAL_IMG_NR": "1", **size})
    space = ET.SubElement(place, "PrintSpace", {"HPOS": "0", "VPOS": "0", **size})
    count = 0
    for number, row in enumerate(page.rows, 1):
        block = ET.SubElement(space, "TextBlock", {"ID": f"block_{number}", **_place(row, page)})
        for line in row:
            count += 1
            _alto_line(block, line, page, count)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _alto_line(block: ET.Element, line: Line, page: Page, number: int) -> None:
    here = ET.SubElement(block, "TextLine", {"ID": f"line_{number}", **_place([line], page)})
    shape = ET.SubElement(here, "Shape")
    points = " ".join(",".join(map(str, _whole(corner, page))) for corner in line.corners)
    ET.SubElement(shape, "Polygon", {"POINTS": points})
    words = _clean(line.text).split() or [_clean(line.text)]
    length, start = sum(map(len, words)) + len(words) - 1, 0
    for index, word in enumerate(words, 1):
        share = _part(line, start / max(length, 1), (start + len(word)) / max(length, 1))
        if index > 1:
            ET.SubElement(here, "SP")
        about = {"ID": f"string_{number}_{index}", "CONTENT": word, "WC": f"{_share(line.sureness):.4f}"}
        ET.SubElement(here, "String", about | _place([share], page))
        start += len(word) + 1


def _part(line: Line, first: float, last: float) -> Line:
    """The part of a line between two shares of its length."""
    left_top, right_top, right_bottom, left_bottom = line.corners

    def between(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[float, float]:
        return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share

    corners = (
        between(left_top, right_top, first),
        between(left_top, right_top, last),
        between(left_bottom, right_bottom, last),
        between(left_bottom, right_bottom, first),
    )
    return Line(corners, line.text, line.score, line.found, line.row, line.turned, right=line.right)


def _whole(corner: tuple[float, float], page: Page) -> tuple[int, int]:
    """A corner in whole pixels, within the picture: readers of both formats take no others."""
    return min(max(round(corner[0]), 0), page.width), min(max(round(corner[1]), 0), page.height)


def _bounds(lines: Sequence[Line], page: Page) -> tuple[int, int, int, int]:
    corners = [_whole(corner, page) for line in lines for corner in line.corners]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _bbox(lines: Sequence[Line], page: Page) -> str:
    return " ".join(map(str, _bounds(lines, page)))


def _place(lines: Sequence[Line], page: Page) -> dict[str, str]:
    left, top, right, bottom = _bounds(lines, page)
    return {"HPOS": str(left), "VPOS": str(top), "WIDTH": str(right - left), "HEIGHT": str(bottom - top)}


def _share(score: float) -> float:
    """A score as both formats want it, 0 .. 1."""
    return min(max(score, 0.0), 1.0) if math.isfinite(score) else 0.0


def _clean(text: str) -> str:
    """The text without what XML cannot hold: control characters and lone surrogates become U+FFFD."""
    return "".join(c if plain_text.is_shown(c) or c in " \u00ad" else "\ufffd" for c in text)
