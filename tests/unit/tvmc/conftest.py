"""What the tests of TVM's front door share."""

from __future__ import annotations

import pytest

from tests.unit.tvmc.mlf import Unpacked, small_network, unpack


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    """The small network with its workspace inside the generated C."""
    return unpack(tmp_path_factory.mktemp("mlf"), small_network(), "--pass-config", "tir.usmp.enable=1")
