"""Text of a model in C: as a string literal, in a comment, in lines."""

from __future__ import annotations

from collections.abc import Sequence


def c_string(text: str) -> str:
    """A C string literal of the text's UTF-8 bytes."""
    escaped = []
    for byte in text.encode():
        character = chr(byte)
        if character in '"\\?':
            escaped.append("\\" + character)
        elif 32 <= byte < 127:
            escaped.append(character)
        else:
            escaped.append(f"\\{byte:03o}")
    return '"' + "".join(escaped) + '"'


def comment(text: str) -> str:
    """Text that is safe in a C comment; the names come from the model, which may call its layers anything."""
    printable = "".join(c if c.isprintable() and ord(c) < 127 else "?" for c in text)
    return printable.replace("*/", "*|").replace("/*", "|*")


def lines(values: Sequence[str], columns: int) -> list[str]:
    """Values as lines of so many, each with its comma."""
    return [", ".join(values[start : start + columns]) + "," for start in range(0, len(values), columns)]


def wrapped(call: str, width: int = 110) -> str:
    """A long call, broken after its commas into lines of at most `width` characters, if its words are short enough."""
    lines, line = [], ""
    for word in call.split(" "):
        if line and len(line) + len(word) + 1 > width:
            lines.append(line)
            line = "    " + word
        else:
            line = f"{line} {word}" if line else word
    return "\n    ".join([*lines, line])
