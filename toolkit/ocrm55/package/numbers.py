"""Numbers of a quantisation, moved out of generated C into the image of weights.

Zero points and gains follow a network's values, so training it further changes them. In the image, they change with the
weights, and the C stays the same.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_VALUE = r"(\(?-?\d[\d.]*(?:e[+-]?\d+)?f?\)?)"
# Only numbers that values are computed with: what decides where a kernel reads and writes stays in the C.
_FIELD = re.compile(rf"(\.(zero_\w+|gain(?:_[aby])?|low|high|offset|shift) = ){_VALUE}(?=[,}} ])")
_CALLS = (
    re.compile(rf"(ocrm55_(?:de)?quantize_s8\(x, ){_VALUE}(, ){_VALUE}(?=, y,)"),
    re.compile(rf"(ocrm55_dequantize_channels_s8\(x, steps, \d+, ){_VALUE}(?=, y,)"),
)
_BYTES = ("low", "high")  # fields of int8_t
_CALIBRATION = re.compile(
    rf"static const struct ocrm55_calibration calibration = {{\s*"
    rf"\.bias = {_VALUE},\s*\.lead = {_VALUE},\s*\.likelihood = {_VALUE},\s*}};"
)


@dataclass(frozen=True)
class Moved:
    """texts: the C by the names of its files. data: the numbers, 4 bytes each, int32 or float32, little endian.

    calibration: place of the first of the confidence's three numbers; None where the model has none.
    """

    texts: dict[str, str]
    data: bytes
    calibration: int | None


def moved(sources: Mapping[str, str], prefix: str) -> Moved:
    """Read the numbers of the operators, and those of the confidence, from the image. prefix: the network's in C."""
    numbers = _Numbers(prefix)
    texts = dict(sources)
    for name in sorted(texts):
        if name.startswith("operators_"):
            texts[name] = numbers.of_operators(texts[name])
    place = None
    if found := _CALIBRATION.search(texts.get("recognizer.c", "")):
        place = len(numbers.data) // 4
        for text in found.groups():
            numbers.add(text)
        text = texts["recognizer.c"].replace(found[0], f"extern struct ocrm55_calibration {prefix}_calibration;")
        texts["recognizer.c"] = text.replace(".calibration = &calibration", f".calibration = &{prefix}_calibration")
    return Moved(texts, bytes(numbers.data), place)


class _Numbers:
    def __init__(self, prefix: str) -> None:
        self.prefix, self.data = prefix, bytearray()

    def of_operators(self, text: str) -> str:
        """The C of operators, with loads for numbers."""
        before = len(self.data)
        text = _FIELD.sub(lambda found: found[1] + self.add(found[3], "(int8_t)" * (found[2] in _BYTES)), text)
        for call in _CALLS:
            text = call.sub(self._in_call, text)
        if len(self.data) > before:
            text = text.replace('#include "operators.h"', '#include "operators.h"\n#include "weights.h"', 1)
        return text

    def _in_call(self, found: re.Match[str]) -> str:
        return "".join(part if place % 2 == 0 else self.add(part) for place, part in enumerate(found.groups()))

    def add(self, text: str, cast: str = "") -> str:
        """Keep a number as C writes it; return the C that loads it."""
        plain, place = text.strip("()"), len(self.data) // 4
        self.data += struct.pack("<f", float(plain[:-1])) if plain.endswith("f") else struct.pack("<i", int(plain))
        return f"{cast}{self.prefix}_{'float' if plain.endswith('f') else 'int'}({place})"
