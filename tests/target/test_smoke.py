"""The smoke test of the workflow: QEMU and the FVP's stand-in read the same."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SMOKE = Path(__file__).resolve().parents[2] / "fvp" / "smoke.py"

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def test_smoke_test_passes_on_qemu_and_the_stand_in(build_dir: Path, fvp_stand_in: Path) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The workflow's own builds are run by test_workflow.py. The NPU's streams are Vela's; the build with a fall-back,
    # which is not among them, is run once more without an NPU.
    builds, runs = (["npu-fallback"], 3) if find_spec("ethosu") else (["int8"], 2)
    command = [sys.executable, str(SMOKE), "--build-dir", str(build_dir), "--builds", ",".join(builds)]
    done = subprocess.run(
        command,
        env=os.environ | {"PATH": programs, "FVP_PATH": str(fvp_stand_in)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4 * runs  # pictures, on two simulators
    assert all(line.endswith(" ok") for line in lines)
