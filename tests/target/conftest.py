"""Firmware that was built once for the whole session, and the simulators that run it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocrm55 import confinement
from tests.once import Once
from tests.target.programs import require

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def build_dir(tmp_path_factory: pytest.TempPathFactory, calibrated_once: None) -> Path:
    """A build folder that all workers of the session share: who comes second finds the stages up to date."""
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    own = tmp_path_factory.getbasetemp()
    return (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / "build"


@pytest.fixture(scope="session")
def fake_elf(once: Once) -> Path:
    """Firmware of the hand-made model of fake_artifact.py."""
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    from ocrm55.firmware import build
    from tests.target import fake_artifact

    return once("fake", lambda folder: build(fake_artifact.write(folder / "artifact"), folder / "firmware").elf)


@pytest.fixture(scope="session")
def fvp_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as Arm's installer makes it, with the stand-in under the FVP's name."""
    require("qemu-system-arm")
    program = tmp_path_factory.mktemp("fvp") / "models" / "Linux64_GCC-9.3" / "FVP_Corstone_SSE-300_Ethos-U55"
    program.parent.mkdir(parents=True)
    script = f"""#!/bin/sh
PYTHONPATH="{REPOSITORY}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{sys.executable}" -m tests.target.fvp_stand_in "$@"
"""
    program.write_text(script)
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:  # the stand-in is a Python program, which reads more than an FVP
        patch.setenv(confinement.VARIABLE, os.pathsep.join([sys.prefix, sys.base_prefix, str(REPOSITORY)]))
        yield program
