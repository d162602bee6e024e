"""hOCR and ALTO, read again by a parser that knows the formats and nothing of how they were written."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ocrm55.page import markup
from ocrm55.page.reading import Line, Page

XHTML, ALTO = "{http://www.w3.org/1999/xhtml}", "{http://www.loc.gov/standards/alto/ns-v4#}"
HARD = 'Tom & "Jerry" <b>\x0c ]]> é漢'


def line(text: str, row: int, left: float, top: float, turned: int = 0, score: float = 0.876) -> Line:
    corners = ((left, top), (left + 100.4, top + 3), (left + 99, top + 23.2), (left - 1, top + 20))
    return Line(corners, text, score, 0.9, row, turned)


PAGE = Page(
    Path('a "b"; c.png'),
    300,
    200,
    [line("Hello big world", 0, 10, 10), line(HARD, 0, 150, 10), line("", 1, 0, 50), line("x", 2, -20, 190, 1, 1.0)],
)


def titled(element: ET.Element) -> dict[str, str]:
    """Properties of hOCR: name -> the rest."""
    parts = [part.strip() for part in element.attrib["title"].split(";")]
    return {part.split(" ", 1)[0]: part.split(" ", 1)[1] for part in parts}


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.attrib.get("class") == name]


def test_hocr_holds_every_line_where_it_stands() -> None:
    root = ET.fromstring(markup.hocr([PAGE, PAGE]))
    assert root.tag == f"{XHTML}html"
    used = {element.attrib["class"] for element in root.iter() if "class" in element.attrib}
    said = next(m.attrib["content"] for m in root.iter(f"{XHTML}meta") if m.attrib.get("name") == "ocr-capabilities")
    assert used <= set(said.split())
    assert len({element.attrib["id"] for element in root.iter() if "id" in element.attrib}) == 1 + 2 * (1 + 2 + 6) - 1
    pages = of_class(root, "ocr_page")
    assert [titled(page)["ppageno"] for page in pages] == ["0", "1"]
    assert titled(pages[0])["bbox"] == "0 0 300 200"
    assert titled(pages[0])["image"] == "\"a 'b', c.png\""
    lines = of_class(pages[0], "ocr_line")
    assert ["".join(each.itertext()).strip() for each in lines] == [
        "Hello big world",
        HARD.replace("\x0c", "\ufffd"),
        "x",
    ]
    assert titled(lines[0])["bbox"] == "9 10 110 33"
    assert titled(lines[0])["poly"] == "10 10 110 13 109 33 9 30"
    assert titled(lines[2])["textangle"] == "270"
    assert [titled(word)["x_wconf"] for word in of_class(pages[0], "ocrx_word")] == ["88", "88", "100"]


def test_hocr_of_a_page_without_text_ends_before_the_next_page() -> None:
    """Parsers of HTML, which hOCR's readers use, take `<div/>` for a beginning: the next page would lie in this one."""
    text = markup.hocr([Page(Path("empty.png"), 30, 20, []), PAGE])
    assert not re.search(r"<(div|span)[^>]*/>", text)
    pages = of_class(ET.fromstring(text), "ocr_page")
    assert [len(of_class(page, "ocr_line")) for page in pages] == [0, 3]


def test_hocr_bounds_lie_in_each_other() -> None:
    root = ET.fromstring(markup.hocr([PAGE]))
    parents = {child: parent for parent in root.iter() for child in parent}
    for element in root.iter():
        outer = parents.get(element)
        if "title" in element.attrib and outer is not None and "title" in outer.attrib:
            inner, around = ([int(v) for v in titled(each)["bbox"].split()] for each in (element, outer))
            assert around[0] <= inner[0] <= inner[2] <= around[2]
            assert around[1] <= inner[1] <= inner[3] <= around[3]


def test_alto_holds_every_word_within_its_line() -> None:
    root = ET.fromstring(markup.alto(PAGE))
    assert root.tag == f"{ALTO}alto"
    lines = list(root.iter(f"{ALTO}TextLine"))
    words = [[word.attrib["CONTENT"] for word in each.iter(f"{ALTO}String")] for each in lines]
    assert words == [["Hello", "big", "world"], HARD.replace("\x0c", "\ufffd").split(), ["x"]]
    for each in lines:
        box = place(each)
        for word in each.iter(f"{ALTO}String"):
            inner = place(word)
            assert box[0] <= inner[0] <= inner[2] <= box[2]
            assert box[1] <= inner[1] <= inner[3] <= box[3]
            assert 0 <= float(word.attrib["WC"]) <= 1
        assert re.fullmatch(r"\d+,\d+( \d+,\d+){3}", each.find(f"{ALTO}Shape/{ALTO}Polygon").attrib["POINTS"])


def place(element: ET.Element) -> tuple[int, int, int, int]:
    left, top, width, height = (int(element.attrib[name]) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    return left, top, left + width, top + height


def test_alto_has_elements_and_attributes_in_the_schemas_order() -> None:
    """As alto-4-2.xsd has them; the schema itself is under another licence."""
    content = {
        "alto": "Description Layout",
        "Description": "MeasurementUnit sourceImageInformation Processing",
        "Processing": "processingSoftware",
        "processingSoftware": "softwareName softwareVersion",
        "Layout": "Page",
        "Page": "PrintSpace",
        "PrintSpace": "TextBlock TextBlock",
    }
    needed = {
        "Page": {"ID", "PHYSICAL_IMG_NR"},
        "PrintSpace": {"HPOS", "VPOS", "WIDTH", "HEIGHT"},
        "TextBlock": {"ID", "HPOS", "VPOS", "WIDTH", "HEIGHT"},
        "String": {"CONTENT"},
        "Processing": {"ID"},
    }
    for element in ET.fromstring(markup.alto(PAGE)).iter():
        name = element.tag.removeprefix(ALTO)
        children = " ".join(child.tag.removeprefix(ALTO) for child in element)
        assert children == content.get(name, children)
        assert needed.get(name, set()) <= set(element.attrib)
        if name == "TextLine":
            assert re.fullmatch("Shape String( SP String)*", children)


@pytest.mark.parametrize("score", [float("nan"), -1.0, 2.0])
def test_a_score_is_always_a_share(score: float) -> None:
    page = Page(Path("p"), 300, 200, [line("x", 0, 10, 10, score=score)])
    assert 0 <= float(ET.fromstring(markup.alto(page)).find(f".//{ALTO}String").attrib["WC"]) <= 1


def test_an_empty_page_is_still_a_page() -> None:
    empty = Page(Path("p.png"), 30, 20, [])
    assert len(of_class(ET.fromstring(markup.hocr([empty])), "ocr_page")) == 1
    assert ET.fromstring(markup.alto(empty)).find(f".//{ALTO}PrintSpace") is not None
