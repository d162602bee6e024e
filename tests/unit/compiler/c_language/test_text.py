"""What the generated C says: constants that are exact, comments that stay closed, strings of the same bytes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrm55.compiler.c_language.literals import c_type, float_literal
from ocrm55.compiler.c_language.text import c_string, comment, lines, wrapped
from ocrm55.errors import UnsupportedError


@given(st.floats(width=32))
def test_float_literals_are_exact(value):
    text = float_literal(value)
    if np.isnan(value):
        assert text == "NAN"
    elif np.isinf(value):
        assert text in ("INFINITY", "(-INFINITY)")
    else:
        assert np.float32(float(text.strip("()f"))) == np.float32(value)
        assert re.fullmatch(r"\(?-?\d[\d.e+-]*f\)?", text)


@given(st.text(max_size=40))
def test_comments_stay_closed(text):
    assert "*/" not in comment(text) and "\n" not in comment(text)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12))
def test_strings_hold_the_same_bytes(text):
    literal = c_string(text)[1:-1]
    found = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), literal.encode())
    assert re.sub(rb"\\([\"\\?])", rb"\1", found) == text.encode()


def test_a_type_that_c_has_not_is_refused_with_the_file_to_edit():
    assert c_type("float32x4") == "f32x4"
    with pytest.raises(UnsupportedError, match="float16") as refused:
        c_type("float16")
    assert "c_language/literals.py" in refused.value.tries[0]


def test_lines_end_in_commas_and_long_calls_break_after_them():
    assert lines(["1", "2", "3"], 2) == ["1, 2,", "3,"]
    call = f"f({', '.join(['argument'] * 20)});"
    broken = wrapped(call, 60).split("\n")
    assert all(len(line) <= 64 for line in broken)
    assert " ".join(line.strip() for line in broken) == call
