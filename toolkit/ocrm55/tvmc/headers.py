"""inputs.h, outputs.h and labels.h as convert_image.py and convert_labels.py of TVM's demos wrote them.

    const size_t input_len = ...;   float input[] = {...};
    const size_t output_len = ...;  float output[] = {...};
    char *labels[] = {...};

A demo's main includes each of them once. The arrays are not const. The linker script places them by their section.
"""

from __future__ import annotations

import itertools
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import __version__, files, plain_text
from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.c_language.text import c_string, comment
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image

SECTION = ".data.tvm"
MOST_PIXELS = 2048  # of height and width
MOST_NUMBERS = 1 << 24  # of an output
MOST_MEMBERS = 10_000
MOST_METADATA = 16 << 20  # bytes
MOST_LABELS = 1 << 20  # bytes of a file of labels


@dataclass(frozen=True)
class Interface:
    """The sizes of the arrays: the input is an image of channels x height x width, and there are `outputs` numbers."""

    height: int = image.HEIGHT
    width: int = image.WIDTH
    outputs: int = 40 * 97

    def checked(self) -> Interface:
        """Itself. Raises InputError for sizes that no recognizer has."""
        if not (1 <= self.height <= MOST_PIXELS and 1 <= self.width <= MOST_PIXELS):
            raise InputError(f"no recognizer takes {self.height} x {self.width} pixels; {MOST_PIXELS} is the most.")
        if not 1 <= self.outputs <= MOST_NUMBERS:
            raise InputError(f"no recognizer gives {self.outputs} numbers; {MOST_NUMBERS:,} is the most.")
        return self


def read_library(path: Path) -> Interface:
    """The interface of the model in an archive that `tvmc compile` wrote.

    Raises InputError for another file, UnsupportedError for a model whose input is no float32 image.
    """
    broken = InputError(f"{path} is no archive that `tvmc compile` of ocrm55 wrote.")
    try:
        if not path.is_file():
            missing = InputError(f"there is no archive {path}.", ["tvmc compile writes one"])
            raise broken if path.exists() else missing
        modules = json.loads(_metadata(path))["modules"]
        main = next(iter(modules.values()))["memory"]["functions"]["main"][0]
        (taken,), (given,) = main["inputs"].values(), main["outputs"].values()
        shape, result, kinds = taken["shape"], given["shape"], (taken["dtype"], given["dtype"])
        if not all(type(size) is int and 1 <= size <= MOST_NUMBERS for size in (*shape, *result)):
            raise broken
    except (OSError, tarfile.TarError, ValueError, LookupError, TypeError, AttributeError, StopIteration) as trouble:
        raise broken from trouble
    except RecursionError as trouble:
        raise broken from trouble
    if kinds != ("float32", "float32") or len(shape) != 4 or shape[:2] != [1, 3]:
        raise UnsupportedError(
            f"the model in {path} takes {kinds[0]!s:.40} {shape!s:.80}, no image of 1 x 3 x height x width in float32.",
            ["write inputs.h by a script of your own"],
        )
    return Interface(shape[2], shape[3], prod(result)).checked()


def _metadata(path: Path) -> bytes:
    """metadata.json of an archive. Not compressed: a small file could otherwise grow without end."""
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        for member in itertools.islice(archive, MOST_MEMBERS):
            if member.name == "./metadata.json":
                opened = archive.extractfile(member) if member.isreg() and member.size <= MOST_METADATA else None
                if opened is not None:
                    return opened.read()
                break
    raise ValueError("no metadata.json")


def write(out: Path, picture: Path | None, labels: Sequence[str], interface: Interface, section: str) -> list[Path]:
    """Write labels.h, and for an image inputs.h and outputs.h; return their paths."""
    if not section or not all(character.isalnum() or character in "._" for character in section):
        raise InputError(f"`{section}` is no name of a section.", [f"--section {SECTION}"])
    texts = {"labels.h": labels_header(labels, section)}
    if picture is not None:
        pixels = image.resize(read_image(picture), interface.height, interface.width)
        values = image.normalise(pixels, interface.width)
        texts["inputs.h"] = array_header("input", values, section, picture.name)
        texts["outputs.h"] = array_header("output", np.zeros(interface.outputs, np.float32), section, "the result")
    with files.atomic_files(out) as staging:
        for name, text in texts.items():
            files.write_text(staging / name, text)
    return [out / name for name in texts]


def array_header(name: str, values: np.ndarray, section: str, what: str) -> str:
    """`NAME_len` and the array `NAME`."""
    shape = "x".join(str(extent) for extent in values.shape)
    numbers = [float_literal(float(value)) for value in values.reshape(-1)]
    rows = [f"    {', '.join(numbers[start : start + 10])}," for start in range(0, len(numbers), 10)]
    return "\n".join(
        [
            _head(f"{comment(what)}: float32 {shape}"),
            f"const size_t {name}_len = {values.size};",
            f"float {name}[] {_placed(section)} = {{",
            *rows,
            "};",
            "",
        ]
    )


def labels_header(labels: Sequence[str], section: str) -> str:
    """The array `labels`: the text of each class."""
    rows = [f"    {c_string(label)}, /* {index} */" for index, label in enumerate(labels)]
    return "\n".join([_head("the text of each class"), f"char *labels[] {_placed(section)} = {{", *rows, "};", ""])


def read_labels(path: Path) -> list[str]:
    """One label a line, as convert_labels.py read them; blanks at a line's end do not count."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_LABELS:
            raise InputError(f"{path} is no text file with a label a line.", ["name the dictionary of the model"])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"{path} is no text file with a label a line.") from trouble
    labels = [line.rstrip() for line in text.removesuffix("\n").split("\n")] if text else []
    for number, label in enumerate(labels, 1):
        if wrong := plain_text.first_unshown(label):
            raise InputError(f"line {number} of {path} is no label: it has {wrong}.")
    return labels


def _head(what: str) -> str:
    return f"/* {what}. Generated by ocrm55 {__version__}. */\n#include <stddef.h>\n"


def _placed(section: str) -> str:
    return f'__attribute__((section("{section}"), aligned(16)))'


def options(library: Path | None, **sizes: Any) -> Interface:
    """The interface of an archive, or the recognizer's with other sizes."""
    if library is not None:
        return read_library(library)
    return Interface(**{name: size for name, size in sizes.items() if size is not None}).checked()
