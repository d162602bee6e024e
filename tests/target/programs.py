"""Which programs a test cannot do without."""

import shutil

import pytest


def require(*programs: str) -> None:
    """Skip the test, saying why, where a program is missing."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
