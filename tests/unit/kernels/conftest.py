"""The kernels' portable path, built for this computer with the sanitizers on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def host_runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ocrm55.bench import runner

    sanitizers = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return runner.build_host(tmp_path_factory.mktemp("runner"), flags=sanitizers)
