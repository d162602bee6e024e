"""JSON for other programs: readable whatever a score or a name is."""

from __future__ import annotations

import json
from pathlib import Path

from ocrm55 import commands, plain_json, plain_text


def refuse(constant: str) -> None:
    """What a reader makes of `NaN`, which is no JSON."""
    raise AssertionError(constant)


def test_json_can_be_read_whatever_a_file_is_called() -> None:
    values = [{"image": 'a\x85\x1b\u2028\udc85\U000e0001"\\é漢.png'}]
    text = plain_json.text(values)
    assert json.loads(text) == values
    assert "é漢.png" in text
    assert plain_text.shown(text, keep="\n") == text


def test_json_has_null_for_a_score_that_is_no_number() -> None:
    """A float network of a stranger's weights may give such a one; `NaN` is no JSON."""
    values = [{"lines": [{"score": float("nan"), "corners": [(1.5, float("-inf"))]}], "score": 0.5, "count": 3}]
    read: list[dict[str, object]] = [{"lines": [{"score": None, "corners": [[1.5, None]]}], "score": 0.5, "count": 3}]
    for made in (plain_json.text(values), plain_json.line(values)):
        assert json.loads(made, parse_constant=refuse) == read
    assert "\n" not in made


def test_commands_print_no_other_json() -> None:
    files = Path(commands.__file__).parent.glob("*.py")
    assert [file.name for file in files if "json.dump" in file.read_text(encoding="utf-8")] == []
