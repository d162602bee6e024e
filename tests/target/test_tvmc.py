"""A program of TVM's time, with a Makefile and a board of its own, built from the archive alone and run on QEMU."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from ocrm55.recognizer import ctc
from ocrm55.recognizer.charset import load_charset
from ocrm55.tvmc import headers, program

MAKEFILE = Path(__file__).parent / "tvmc_program" / "Makefile"
QEMU = (
    "qemu-system-arm -M mps3-an547 -display none -monitor none -serial stdio -icount shift=5 "
    "-semihosting-config enable=on,target=native -kernel"
).split()
# What the same command line of TVM 0.14 took with -O2 is 4478 M; what is asked for here leaves room for GCC's moods.
MOST_INSTRUCTIONS = 400_000_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm"),
    pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="needs arm-none-eabi-gcc"),
    pytest.mark.skipif(not shutil.which("make"), reason="needs make"),
]


@pytest.mark.parametrize("workspace", ["inside", "asked"])
def test_recognizer(
    workspace: str,
    model_dir: Path,
    samples: dict[Path, str],
    sample_probabilities: dict[Path, np.ndarray],
    tmp_path: Path,
) -> None:
    picture = next(path for path in samples if path.name == "word_mixed.png")
    arguments = ["--pass-config", "tir.usmp.enable=1"] if workspace == "inside" else []
    program.run(
        [
            *["compile", "--target=cmsis-nn,c", "--target-c-mcpu=cortex-m55", "--runtime=crt", "--executor=aot"],
            *["--executor-aot-interface-api=c", "--executor-aot-unpacked-api=1", "--output-format=mlf", *arguments],
            *["--model-format=paddle", "--module-name=rec", "--input-shapes", "x:[1,3,48,320]"],
            *[f"--output={tmp_path / 'rec.tar'}", str(model_dir / "inference.json")],
        ]
    )
    with tarfile.open(tmp_path / "rec.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    interface = headers.read_library(tmp_path / "rec.tar")
    headers.write(tmp_path / "include", picture, load_charset(), interface, headers.SECTION)
    make = ["make", "-s", "-f", str(MAKEFILE), f"BUILD={tmp_path}", f"HEADERS={tmp_path / 'include'}"]
    make += ["DEFINES=-DWORKSPACE_FROM_PROGRAM"] if workspace == "asked" else []
    built = subprocess.run(make, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    done = subprocess.run([*QEMU, tmp_path / "program.elf"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    found = re.fullmatch(r"instructions (\d+)\ntext: (.*), score: ([0-9.]+)\n", done.stdout.replace("\r", ""))
    assert found is not None, done.stdout
    truth = ctc.decode(sample_probabilities[picture], load_charset())
    assert found[2] == truth.text == samples[picture]
    assert float(found[3]) == pytest.approx(truth.score, abs=1e-5)
    assert int(found[1]) < MOST_INSTRUCTIONS
