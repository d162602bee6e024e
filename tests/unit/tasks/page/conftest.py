"""The C code of pages, once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.tasks.page import c_page


@pytest.fixture(scope="session", params=[*c_page.COMPILERS])
def page(request: pytest.FixtureRequest) -> Iterator[c_page.Page]:
    """The C code as a program, of gcc and of clang."""
    with c_page.program(request.param) as program:
        yield program
