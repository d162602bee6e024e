"""How jinja2 treats a template of C: an unknown name is an error, nothing is escaped, the last newline stays."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2


@cache
def of(folder: Path) -> jinja2.Environment:
    """The environment of the templates in `folder`; the caller may add filters to it."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
