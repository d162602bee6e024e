"""The kernels' Helium path, built by each compiler for QEMU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.target.programs import require


@pytest.fixture(scope="session", params=["gcc", "clang"])
def target_runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ocrm55.bench import runner

    require("arm-none-eabi-gcc", "qemu-system-arm", *(["clang-19"] if request.param == "clang" else []))
    return runner.build_target(tmp_path_factory.mktemp("runner"), request.param)
