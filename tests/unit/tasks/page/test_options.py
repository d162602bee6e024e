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


def test_the_defaults_are_those_of_the_c_code() -> None:
    text = (c_page.FIRMWARE / "tasks/page/page.c").read_text()
    values = dict(re.findall(r"\.(\w+) = (\{.*?\}|\d+),", text))
    wanted = options.DEFAULTS
    assert {name: int(values[name]) for name in values if name != "padding"} == {
        name: getattr(wanted, name) for name in values if name != "padding"
    }
    assert values["padding"] == "{" + ", ".join(map(str, wanted.padding)) + "}"
    header = (c_page.FIRMWARE / "tasks/page/ocrm55_page.h").read_text()
    for name, value in (("FRAME_SIDE", options.FRAME_SIDE), ("MAP_SIDE", options.MAP_SIDE), ("UNIT", options.UNIT)):
        assert f"#define OCRM55_PAGE_{name} {value}\n" in header
