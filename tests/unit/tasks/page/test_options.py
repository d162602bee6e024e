"""Options of a page, from what a model says and as the header has them."""

from __future__ import annotations

import re

from ocrm55.tasks.page import options
from tests.unit.tasks.page import c_page


def test_a_models_own_settings() -> None:
    v3 = {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5, "max_candidates": 1000}
    assert options.of_model(v3) == options.DEFAULTS == options.of_model({})
    v6 = options.of_model({"thresh": 0.2, "box_thresh": 0.4, "unclip_ratio": 1.4})
    assert (v6.threshold, v6.least_score, v6.unclip) == (51, 26214, 358)


def test_a_share_of_one_fits_the_c_code() -> None:
    """A uint8_t of 256 would be 0: all of the page would be text."""
    most = options.of_model({"thresh": 1.0, "box_thresh": 1})
    assert (most.threshold, most.least_score) == (255, 65535)
    main = (c_page.FIRMWARE / "page/main.c").read_text()
    assert "(uint8_t)SMALLER(DETECTOR_PIXEL * 256.0, 255.0)" in main
    assert "(uint16_t)SMALLER(DETECTOR_BOX * 65536.0, 65535.0)" in main


def test_halves_are_rounded_up_as_in_the_c_code() -> None:
    assert [options.of_model({"unclip_ratio": each / 256}).unclip for each in (384.5, 385.5, 385.4)] == [385, 386, 385]
    assert "(uint16_t)(DETECTOR_UNCLIP * 256.0 + 0.5)" in (c_page.FIRMWARE / "page/main.c").read_text()


def test_the_defaults_are_those_of_the_c_code() -> None:
    text = (c_page.FIRMWARE / "tasks/page/page.c").read_text()
    values = dict(re.findall(r"\.(\w+) = (\{.*?\}|\d+),", text))
    wanted = options.DEFAULTS
    assert {name: int(values[name]) for name in values if name != "padding"} == {
        name: getattr(wanted, name) for name in values if name != "padding"
    }
    assert values["padding"] == "{" + ", ".join(map(str, wanted.padding)) + "}"
    header = "".join((c_page.FIRMWARE / f"tasks/page/ocrm55_{name}.h").read_text() for name in ("page", "frame"))
    for name, value in (("FRAME_SIDE", options.FRAME_SIDE), ("MAP_SIDE", options.MAP_SIDE), ("UNIT", options.UNIT)):
        assert f"#define OCRM55_PAGE_{name} {value}\n" in header
