"""What `ocrm55 compile` prints of places."""

from __future__ import annotations

from ocrm55.metadata import PlaceRow
from ocrm55.report import compiled


def test_a_line_says_what_lies_where_and_what_missed() -> None:
    placement = {
        "arena": PlaceRow("DTCM", 434_176),
        "weights": PlaceRow("ISRAM", 2_016_976),
        "hot_weights": PlaceRow("DTCM", 49_152),
        "far_weights": PlaceRow("SRAM", 122_880),
    }
    assert compiled.places(placement) == [
        "DTCM             434,176 bytes of arena",
        "ISRAM          2,016,976 bytes of weights",
        "DTCM              49,152 bytes of weights that are read most often",
        "SRAM             122,880 bytes of weights read least often: ISRAM has no room",
    ]
    assert len(compiled.places({"arena": PlaceRow("DTCM", 1), "weights": PlaceRow("DDR", 1)})) == 2
