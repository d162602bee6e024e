"""The package as a library of Arduino and of PlatformIO: what they ask for beside the C, and an example for each.

Only for a package that reads by itself: one for an NPU asks for functions of the board, one that calls CMSIS-NN for
another library, one with an image of weights for a place in flash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ocrm55 import __version__
from ocrm55.package import sources

_ORIGIN = "https://github.com/PaddlePaddle/PaddleOCR"  # for who asks where the networks are from
_SKETCH = "examples/Read"  # Arduino wants a folder, and a sketch of the same name in it
_PICTURE = "picture.h"


def files(values: Mapping[str, Any], texts: Mapping[str, str], picture: str) -> dict[str, str]:
    """The files by their path in the package.

    values: what templates are rendered with. texts: the package's other files. picture: the text of the example's.
    """
    return {
        "library.properties": sources.render("library.properties.j2", **values, page_on_the_web=_page(values)),
        "library.json": _library_json(values),
        "examples/platformio/platformio.ini": sources.render("platformio.ini.j2", **values),
        f"{_SKETCH}/Read.ino": sources.render("Read.ino.j2", **values),
        f"{_SKETCH}/{_PICTURE}": picture,
        **_headers_in_src(texts),
    }


def _headers_in_src(texts: Mapping[str, str]) -> dict[str, str]:
    """Arduino looks for headers in src alone: there, each public one includes that of include/."""
    public = [path.removeprefix("include/") for path in sorted(texts) if path.startswith("include/")]
    return {f"src/{name}": f'/* For builds that know src alone. */\n#include "../include/{name}"\n' for name in public}


def _page(values: Mapping[str, Any]) -> str:
    return values["url"] or _ORIGIN


def _library_json(values: Mapping[str, Any]) -> str:
    model = values["model"]
    manifest = {
        "name": model.prefix,
        "version": values["release"],
        "description": f"Reads a line of text in a picture: the recognizer {model.name}, {model.precision}. "
        f"Made by ocrm55 {__version__}.",
        "keywords": ["ocr", "text recognition", "helium"],
        "homepage": _page(values),
        "license": "Apache-2.0",
        "authors": [{"name": values["vendor"], "maintainer": True}],
        "headers": ["ocrm55.h"],
        "frameworks": "*",
        "platforms": "*",
        "examples": [
            {"name": "Read", "base": "examples", "files": ["main.c", _PICTURE]},
            {"name": "Arduino", "base": _SKETCH, "files": ["Read.ino", _PICTURE]},
        ],
        "build": {"srcDir": "src", "includeDir": "include", "flags": ["-O3", "-lm"]},
    }
    return json.dumps(manifest, indent=2) + "\n"
