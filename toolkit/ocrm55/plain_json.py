"""JSON that every program reads and every terminal shows.

Scores of a stranger's float network may be no numbers, which JSON does not have. Names may hold characters that no line
can show.
"""

from __future__ import annotations

import json
import math

from ocrm55 import plain_text


def text(value: object) -> str:
    """JSON in the letters of all languages; what a line cannot show, as in a file's name, is in JSON's own escapes.

    A score that is no number is null.
    """
    made = json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    return "".join(c if c == "\n" or plain_text.is_shown(c) else json.dumps(c)[1:-1] for c in made)


def line(value: object) -> str:
    """The same in one line of ASCII."""
    return json.dumps(finite(value), allow_nan=False)


def finite(value: object) -> object:
    """`value` with None for each number that JSON does not have: NaN, and those without an end."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
