"""Check digits: what each kind computes of a text, character by character, in small integers.

firmware/tasks/recognizer/check_digits.c computes the same. A state is one integer; `REJECTS` is that of a text that no
more characters mend. What is a character's value stands in a table, a byte a class.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np

KINDS = ("luhn", "ean", "iban", "vin", "iso6346", "mrz")  # numbered from 1 in restricted.h
REJECTS = 0xFFFFFFFF
NOT_IN_IT, SEPARATOR = 255, 254  # values of characters that the kind does not have, or passes over
LETTER, LETTER_X = 64, 128  # added to a letter's value in a VIN; X is 10 in place of its check digit
FILLER = 36  # the `<` of a travel document, which counts 0

_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_PLACE = 8  # of the check digit
_EAN_LENGTHS = (8, 12, 13, 14)
_MRZ_WEIGHTS = (7, 3, 1)
_TRANSLITERATED = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))


def values(kind: str, charset: Sequence[str]) -> np.ndarray:
    """uint8 [classes]: the value of each character."""
    return np.array([_value(kind, character) for character in charset], np.uint8)


def _value(kind: str, character: str) -> int:
    if character and character in string.digits:
        return int(character)
    if character and character in string.ascii_uppercase and kind in ("iban", "vin", "iso6346", "mrz"):
        place = string.ascii_uppercase.index(character)
        if kind == "vin":
            value = _TRANSLITERATED.get(character)
            return NOT_IN_IT if value is None else value + (LETTER_X if character == "X" else LETTER)
        if kind == "iso6346":
            return 10 + place + (place + 9) // 10  # 11, 22 and 33 are left out
        return 10 + place
    if kind == "mrz":
        return FILLER if character == "<" else NOT_IN_IT
    return SEPARATOR if character and character in " -" and kind != "vin" else NOT_IN_IT


def follow(kind: str, state: int, value: int) -> int:
    """The state after a character. state: 0 before the first."""
    if value == SEPARATOR:
        return state
    return REJECTS if value == NOT_IN_IT else _FOLLOW[kind](state, value)


def _luhn(state: int, value: int) -> int:
    # plain: the sum if the last digit counts once; doubled: if it counts twice.
    count, plain, doubled = state // 100, state // 10 % 10, state % 10
    twice = value * 2 - (9 if value > 4 else 0)
    return min(count + 1, 2) * 100 + (doubled + value) % 10 * 10 + (plain + twice) % 10


def _ean(state: int, value: int) -> int:
    count, plain, tripled = state // 100, state // 10 % 10, state % 10
    if count == _EAN_LENGTHS[-1]:
        return REJECTS
    return (count + 1) * 100 + (tripled + value) % 10 * 10 + (plain + 3 * value) % 10


def _iban(state: int, value: int) -> int:
    # head: of country and check digits, which count last; body: of what comes behind them.
    count, head, body = state // 9409, state // 97 % 97, state % 97
    if count == 34 or (count < 4 and (count < 2) != (value > 9)):
        return REJECTS
    base = 100 if value > 9 else 10
    if count < 4:
        head = (head * base + value) % 97
    else:
        body = (body * base + value) % 97
    return ((count + 1) * 97 + head) * 97 + body


def _vin(state: int, value: int) -> int:
    count, total = state // 11, state % 11
    if count == len(_VIN_WEIGHTS):
        return REJECTS
    is_x, is_letter = value >= LETTER_X, value >= LETTER
    if count == _VIN_PLACE:
        if is_letter and not is_x:
            return REJECTS
        total += 11 - (10 if is_x else value)
    else:
        total += _VIN_WEIGHTS[count] * (value - (LETTER_X if is_x else LETTER if is_letter else 0))
    return (count + 1) * 11 + total % 11


def _iso6346(state: int, value: int) -> int:
    count, total = state // 11, state % 11
    if count == 11 or (count < 4) != (value > 9):
        return REJECTS
    if count == 10:
        return 11 * 11 + (1 if total % 10 == value else 0)
    return (count + 1) * 11 + (total + (value << count)) % 11


def _mrz(state: int, value: int) -> int:
    # total: of all before the last character. count: 0, 1, then 2, 3, 4 and 2 again, for the weights.
    count, total, last = state // 370, state // 37 % 10, state % 37
    if count:
        total += _MRZ_WEIGHTS[(count - 1) % 3] * (0 if last == FILLER else last)
    return ((count + 1 if count < 4 else 2) * 10 + total % 10) * 37 + value


_FOLLOW = {"luhn": _luhn, "ean": _ean, "iban": _iban, "vin": _vin, "iso6346": _iso6346, "mrz": _mrz}


_ACCEPTS: dict[str, Callable[[int], bool]] = {
    "luhn": lambda state: state // 100 == 2 and state // 10 % 10 == 0,
    "ean": lambda state: state // 100 in _EAN_LENGTHS and state // 10 % 10 == 0,
    # 27 is 10 to the sixth, mod 97
    "iban": lambda state: state // 9409 >= 15 and (state % 97 * 27 + state // 97 % 97) % 97 == 1,
    "vin": lambda state: state == 17 * 11,
    "iso6346": lambda state: state == 11 * 11 + 1,
    "mrz": lambda state: state // 370 >= 2 and state % 37 < 10 and state // 37 % 10 == state % 37,
}


def accepts(kind: str, state: int) -> bool:
    """Whether a text may end in this state."""
    return state != REJECTS and _ACCEPTS[kind](state)


def right(kind: str, text: str) -> bool:
    """Whether a whole text has the right check digit."""
    state = 0
    for character in text:
        state = follow(kind, state, _value(kind, character)) if state != REJECTS else state
    return accepts(kind, state)
