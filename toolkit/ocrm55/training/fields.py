"""Texts of a known form: vehicle numbers, meter readings and dates, with the restriction that describes each."""

from __future__ import annotations

import random

from ocrm55.restriction import Restriction
from ocrm55.tasks.recognizer.restriction import check_digits

_DAY, _MONTH, _YEAR = r"(0[1-9]|[12]\d|3[01])", r"(0[1-9]|1[0-2])", r"(19|20)\d\d"
_IN_VIN = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
FORMS: dict[str, Restriction] = {
    "vin": Restriction(pattern="[A-HJ-NPR-Z0-9]{17}", check_digits="vin"),
    "meter": Restriction(pattern=r"\d{6}\.\d"),
    "date": Restriction(pattern=rf"{_DAY}([./]{_MONTH}[./]|-{_MONTH}-){_YEAR}|{_YEAR}-{_MONTH}-{_DAY}"),
}


def text(rng: random.Random, form: str) -> str:
    """A text of a form of FORMS."""
    if form == "vin":
        return _vin(rng)
    if form == "meter":
        return f"{rng.randrange(10 ** rng.randint(4, 6)):06d}.{rng.randrange(10)}"
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1950, 2049)
    if rng.random() < 0.25:
        return f"{year}-{month:02d}-{day:02d}"
    sign = rng.choice("./-")
    return f"{day:02d}{sign}{month:02d}{sign}{year}"


def _vin(rng: random.Random) -> str:
    while True:
        start = "".join(rng.choice(_IN_VIN) for _ in range(8))
        end = "".join(rng.choice(_IN_VIN) for _ in range(4)) + f"{rng.randrange(10000):04d}"
        right = [c for c in "0123456789X" if check_digits.right("vin", start + c + end)]
        if right:
            return start + right[0] + end
