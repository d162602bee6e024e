"""Random networks for the NPU, as fixtures."""

from collections.abc import Callable

import numpy as np
import pytest

from ocrm55.compiler.operators.program import Program
from tests.unit.compiler.targets.ethos_u.drawn_networks import Sketch, draw


@pytest.fixture(scope="session")
def drawn() -> Callable[[int], Program]:
    return draw


@pytest.fixture
def sketch() -> Sketch:
    return Sketch(np.random.default_rng(5))
