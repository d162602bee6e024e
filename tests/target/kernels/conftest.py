"""The kernels' Helium path, built by each compiler for QEMU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.once import Once
from tests.target.programs import require


@pytest.fixture(scope="session", params=["gcc", "clang"])
def target_runner(request: pytest.FixtureRequest, once: Once) -> Path:
    from ocrm55.bench import runner

    require("arm-none-eabi-gcc", "qemu-system-arm", *(["clang-19"] if request.param == "clang" else []))
    return once(f"{request.param}-runner", lambda folder: runner.build_target(folder, request.param))
