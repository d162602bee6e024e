"""A program of TVM's time, with a Makefile and a board of its own, built from the archive alone and run on QEMU."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.files import extract
from ocrm55.tasks.recognizer import ctc
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tvmc import headers, program

MAKEFILE = Path(__file__).parent / "tvmc_program" / "Makefile"
QEMU = (
    "qemu-system-arm -M mps3-an547 -display none -monitor none -serial stdio -icount shift=5 "
    "-semihosting-config enable=on,target=native -kernel"
).split()
ARGUMENTS = (
    "--target=cmsis-nn,c --target-c-mcpu=cortex-m55 --target-cmsis-nn-mcpu=cortex-m55 --runtime=crt --executor=aot "
    "--executor-aot-interface-api=c --executor-aot-unpacked-api=1 --output-format=mlf --module-name=rec"
).split()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm"),
    pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="needs arm-none-eabi-gcc"),
    pytest.mark.skipif(not shutil.which("make"), reason="needs make"),
]


def check_with_clang(folder: Path) -> None:
    """The same C for the same core by the other compiler, every warning an error; the Makefile does so with GCC."""
    if not shutil.which("clang-19"):
        return
    said = subprocess.run(
        ["arm-none-eabi-gcc", "-E", "-v", "-xc", os.devnull], capture_output=True, text=True, check=True
    )
    libc = re.findall(r"^ (/\S*(?:newlib|arm-none-eabi/include)\S*)$", said.stderr, re.M)
    target = "--target=thumbv8.1m.main-none-eabihf -mcpu=cortex-m55 -std=c99 -O2 -Wall -Wextra -Werror".split()
    includes = [
        f"-I{folder}/runtime/include",
        f"-I{folder}/codegen/host/include",
        *(f"-isystem{each}" for each in libc),
    ]
    for source in [*folder.glob("codegen/host/src/*.c"), *folder.glob("runtime/src/**/*.c")]:
        if "contrib" in source.parts:  # calls Arm's driver, which is not in the archive
            continue
        words = ["clang-19", *target, *includes, "-c", str(source), "-o", os.devnull]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]


def read(folder: Path, picture: Path, *arguments: str, defines: str = "") -> tuple[int, ctc.Recognition]:
    """Compile, unpack, `make`, run: the instructions of the run function, and what the program says."""
    program.run(["compile", *ARGUMENTS, *arguments, f"--output={folder / 'rec.tar'}"])
    with tarfile.open(folder / "rec.tar") as archive:
        extract(archive, folder)
    interface = headers.read_library(folder / "rec.tar")
    headers.write(folder / "include", picture, load_charset(), interface, headers.SECTION)
    make = ["make", "-s", "-f", str(MAKEFILE), f"BUILD={folder}", f"HEADERS={folder / 'include'}", f"DEFINES={defines}"]
    built = subprocess.run(make, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    if "cmsis_nn" not in (folder / "metadata.json").read_text():
        check_with_clang(folder)
    done = subprocess.run([*QEMU, folder / "program.elf"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.fullmatch(r"instructions (\d+)\ntext: (.*), score: ([0-9.]+)\n", done.stdout.replace("\r", ""))
    assert found is not None, done.stdout
    return int(found[1]), ctc.Recognition(found[2], float(found[3]))


def test_paddle_model_in_float32(
    model_dir: Path, samples: dict[Path, str], sample_probabilities: dict[Path, np.ndarray], tmp_path: Path
) -> None:
    """The command line of the demos, word by word but for the model and its height."""
    picture = next(path for path in samples if path.name == "word_mixed.png")
    configs = "tir.usmp.enable=1 tir.usmp.algorithm=hill_climb tir.disable_storage_rewrite=1 tir.disable_vectorize=1"
    arguments = [word for config in configs.split() for word in ("--pass-config", config)]
    arguments += [str(model_dir / "inference.json"), "--model-format=paddle", "--input-shapes", "x:[1,3,48,320]"]
    instructions, said = read(tmp_path, picture, *arguments)
    truth = ctc.decode(sample_probabilities[picture], load_charset())
    assert said.text == truth.text == samples[picture]
    assert said.score == pytest.approx(truth.score, abs=1e-5)
    # TVM 0.14's C took 4478 M with the same options; 306 M were counted here with GCC 12.2.
    assert instructions < 400_000_000


def test_onnx_model_in_int8_with_the_program_s_memory(
    build_dir: Path, samples: dict[Path, str], tmp_path: Path
) -> None:
    picture = next(path for path in samples if path.name == "word_camel.png")
    model = stages.compiled(stages.Options(build_dir=build_dir)).artifact / "model.onnx"
    instructions, said = read(tmp_path, picture, str(model), defines="-DWORKSPACE_FROM_PROGRAM")
    assert said.text == samples[picture]
    assert said.score > 0.8
    assert instructions < 130_000_000  # 93 M were counted


@pytest.mark.parametrize("kernels", ["cmsis-nn", "cmsis-nn,m55"])
def test_onnx_model_in_int8_through_cmsis_nn(
    kernels: str, build_dir: Path, samples: dict[Path, str], tmp_path: Path
) -> None:
    """The archive names the library, and its Makefile for it builds and links a source tree."""
    root = os.environ.get("CMSIS_NN_ROOT")
    if not root or not (Path(root) / "Source").is_dir():
        pytest.skip("CMSIS_NN_ROOT names no source tree of CMSIS-NN")
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(kernels=tuple(kernels.split(","))))
    artifact = stages.compiled(options).artifact
    picture = next(path for path in samples if path.name == "word_camel.png")
    arguments = (str(artifact / "model.onnx"), f"--kernels={kernels}", "--pass-config", "tir.usmp.enable=1")
    _, said = read(tmp_path, picture, *arguments)
    assert said.text == samples[picture]
    module = json.loads((tmp_path / "metadata.json").read_text())["modules"]["rec"]
    assert "cmsis_nn" in [each["short_name"] for each in module["external_dependencies"]]
    taken = [operator["target"] for operator in module["ocrm55"]["operators"]]
    known = json.loads((artifact / "metadata.json").read_text())["operators"]
    assert taken == [operator["target"] for operator in known]  # as for this project's own firmware
    assert "cmsis-nn" in taken
