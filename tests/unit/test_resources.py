"""Hand-written kernels are found by their names."""

from __future__ import annotations

import pytest

from ocrm55 import resources
from ocrm55.compiler.operators.registry import INT8_FAMILIES
from ocrm55.errors import ToolchainError


def test_every_kernel_lies_in_the_folder_of_a_family() -> None:
    families = {family.__name__.rpartition(".")[2] for family in INT8_FAMILIES}
    assert {path.parent.name for path in resources.kernels().values()} == families
    assert not list(resources.kernel_folder().glob("*.c"))


def test_files_of_the_kernels_have_names_of_their_own() -> None:
    """A package holds them side by side."""
    sources = [path.name for path in resources.kernel_folder().glob("**/*.[ch]")]
    assert len(sources) == len(set(sources)) == len(resources.kernels()) + len(resources.kernel_headers())


@pytest.mark.parametrize("name", ["missing", "../kernels/moves/copy", "moves/copy", ""])
def test_an_unknown_kernel_is_named(name: str) -> None:
    with pytest.raises(ToolchainError, match=f"no kernel {name}"):
        resources.kernel(name)
