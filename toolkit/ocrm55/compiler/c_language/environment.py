"""Make C from a jinja2 template: an unknown name is an error, nothing is escaped, the last newline stays."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ocrm55 import __version__


@cache
def of(folder: Path) -> jinja2.Environment:
    """The environment of the templates in `folder`; the caller may add filters to it."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(folder: Path, template: str, **values: Any) -> str:
    """A generated file of a template in `folder`: the template's name without `.j2` is the file's."""
    return of(folder).get_template(template).render(version=__version__, **values)
