"""The kernels' portable path, built for this computer with the sanitizers on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.once import Once


@pytest.fixture(scope="session")
def host_runner(once: Once) -> Path:
    from ocrm55.bench import runner

    sanitizers = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return once("host-runner", lambda folder: runner.build_host(folder, flags=sanitizers))
