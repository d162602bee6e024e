"""CMSIS-NN: every call on QEMU against an independent reference of its rounding, its own answers about scratch memory,
the whole network, and what is said about copies of the library that will not do.

Needs the library: CMSIS_NN_ROOT names a source tree (v7.0.0 or main) or an installed prefix.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55 import firmware, libraries, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.operators.int8.convolution import Convolution, Pointwise
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization.int4 import Int4
from ocrm55.compiler.targets.cmsis_nn import int4 as cmsis_nn_int4
from ocrm55.compiler.targets.cmsis_nn.target import buffer_bytes
from ocrm55.errors import ToolchainError
from ocrm55.evaluation import verification
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request
from tests.target import cmsis_nn_cases as cases
from tests.target import fake_artifact
from tests.target.programs import require

INSTRUCTIONS = 300_000_000


@pytest.fixture(scope="session")
def library() -> Path:
    """The user's copy of CMSIS-NN."""
    named = os.environ.get("CMSIS_NN_ROOT")
    if not named:
        pytest.skip("CMSIS_NN_ROOT names no copy of CMSIS-NN")
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    return Path(named)


@pytest.fixture(scope="session")
def source(library: Path) -> Path:
    if not (library / "Source").is_dir():
        pytest.skip("CMSIS_NN_ROOT is no source tree")
    return library


@pytest.fixture(scope="session", params=["rounds once", "rounds twice"])
def answers(
    request: pytest.FixtureRequest, library: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[cases.Case, float, float, float]]:
    """Each case with its bytes that differ, the scratch bytes that the library asks for, and guard bytes lost."""
    once = request.param == "rounds once"
    if libraries.archive(library) is not None and libraries.rounds_once(library) != once:
        pytest.skip(f"CMSIS_NN_ROOT is an archive of which it is not true that it {request.param}")
    network = cases.network_like()
    folder = tmp_path_factory.mktemp("cmsis_nn")
    artifact = cases.write(folder / "artifact", network, rounds_once=once)
    defines = {"OCRM55_CMSIS_NN": str(library), "OCRM55_CMSIS_NN_SINGLE_ROUNDING": "ON" if once else "OFF"}
    built = firmware.build(artifact, folder / "firmware", defines=defines)
    for archive in (folder / "firmware").rglob("libcmsis-nn.a"):
        prefix = folder / "prefix" / "lib"
        prefix.mkdir(parents=True)
        shutil.copy(archive, prefix)
        assert libraries.rounds_once(prefix.parent) == once
    run = find_simulator("qemu", None).run(
        Request(elf=built.elf, images=[fake_artifact.image()], want_probabilities=True, row=97, timeout_s=300)
    )
    assert run.probabilities is not None
    said = run.probabilities.reshape(-1)[: 3 * len(network)].reshape(-1, 3)
    return [(case, *row) for case, row in zip(network, said.tolist(), strict=True)]


def test_every_call_gives_the_bits_of_the_reference(answers):
    wrong = {case.label: int(different) for case, different, _, _ in answers if different}
    assert not wrong


def test_scratch_memory_is_what_the_library_asks_for(answers):
    for case, _, asked, _ in answers:
        one_pixel = isinstance(case.spec, Pointwise) and case.spec.output_height * case.spec.output_width == 1
        few = isinstance(case.spec, Convolution) and cmsis_nn_int4.in_int4(case.spec, case.weights[0])
        size = cmsis_nn_int4.buffer_size(case.spec) if few else buffer_bytes(case.spec)
        assert one_pixel or size == asked, case.label


def test_nothing_is_written_behind_outputs_and_workspaces(answers):
    assert not [case.label for case, _, _, lost in answers if lost]


@pytest.mark.parametrize("kernels", [("cmsis-nn",), ("cmsis-nn", "m55")], ids="-".join)
def test_the_network_reads_samples_bit_for_bit(kernels, library, build_dir, models):
    options = stages.Options(
        build_dir=build_dir, compile=CompileOptions(kernels=kernels), build=stages.BuildOptions(cmsis_nn=library)
    )
    paths = [models / "samples" / name for name in ("wide.png", "price.png", "blank.png")]
    for row in verification.compare(paths, options, find_simulator("qemu")):
        assert row.passed, row.path.name
        assert row.target.text == row.onnx.text


def test_instructions(library, build_dir, models):
    from ocrm55 import simulation

    options = stages.Options(
        build_dir=build_dir, compile=CompileOptions(kernels=("cmsis-nn",)), build=stages.BuildOptions(cmsis_nn=library)
    )
    run = simulation.read_images(
        simulation.load([models / "samples" / "wide.png"]), stages.prepare(options), find_simulator("qemu"), stats=True
    )
    assert run.results[0].inference_instructions is not None
    assert run.results[0].inference_instructions <= INSTRUCTIONS


def test_the_network_with_int4_weights_reads_samples_bit_for_bit(library, build_dir, models, capsys):
    """A fifth of the weights' bytes saved at least, the texts of the samples right, and the saving printed."""
    from ocrm55.report import compiled

    samples = json.loads((models / "samples" / "samples.json").read_text(encoding="utf-8"))
    options = stages.Options(
        build_dir=build_dir,
        compile=CompileOptions(kernels=("cmsis-nn",), weights="int4"),
        build=stages.BuildOptions(cmsis_nn=library),
    )
    chosen = ("wide.png", "price.png", "word_capital.png", "date.png", "blank.png")
    pictures = [models / "samples" / name for name in chosen]
    for row in verification.compare(pictures, options, find_simulator("qemu")):
        assert row.passed, row.path.name
        assert row.target.text == samples[row.path.name]
    artifact = stages.compiled(options).artifact
    found = Int4.of(onnx.load(str(artifact / "model.onnx")))
    assert found is not None and found.sure[1] >= found.sure[0] - found.max_drop
    assert found.saved > found.bytes_int8 // 5
    whole_options = replace(options, compile=replace(options.compile, weights="int8"))
    whole = Artifact.read(stages.compiled(whole_options).artifact).weight_bytes
    assert Artifact.read(artifact).weight_bytes < whole - found.saved // 2
    compiled.show(Artifact.read(artifact))
    printed = " ".join(capsys.readouterr().out.split())  # lines are folded to the terminal
    assert f"{found.saved:,} of {found.bytes_int8:,} bytes" in printed


# --- copies that will not do ------------------------------------------------------------------------------------------


def refused(root: Path, folder: Path) -> str:
    """The sentence with which a build with this copy ends."""
    artifact = cases.write(folder / "artifact", cases.network_like()[:1])
    with pytest.raises(ToolchainError) as caught:
        firmware.build(artifact, folder / "firmware", defines={"OCRM55_CMSIS_NN": str(root)})
    assert not caught.value.sentence.count("\n")
    return caught.value.sentence


@pytest.fixture
def prefix(source: Path, tmp_path: Path) -> Path:
    """A prefix with the library's headers and no archive."""
    shutil.copytree(source / "Include", tmp_path / "prefix" / "include")
    (tmp_path / "prefix" / "lib").mkdir()
    return tmp_path / "prefix"


def archive(prefix: Path, *flags: str) -> None:
    """An archive of one function, built with these flags."""
    from ocrm55 import console

    (prefix / "one.c").write_text("int one(void);\nint one(void) { return 1; }\n")
    console.command(["arm-none-eabi-gcc", *flags, "-c", prefix / "one.c", "-o", prefix / "one.o"])
    console.command(["arm-none-eabi-ar", "rcs", prefix / "lib" / "libcmsis-nn.a", prefix / "one.o"])


def test_refuses_what_is_no_library(library, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "is no CMSIS-NN" in refused(tmp_path / "empty", tmp_path)


def test_refuses_a_missing_header(prefix, tmp_path):
    (prefix / "include" / "arm_nn_types.h").unlink()
    assert "arm_nn_types.h is missing" in refused(prefix, tmp_path)


def test_refuses_a_prefix_without_an_archive(prefix, tmp_path):
    assert "no lib/libcmsis-nn.a" in refused(prefix, tmp_path)


def test_refuses_an_old_version(prefix, tmp_path):
    header = prefix / "include" / "arm_nnfunctions.h"
    text = header.read_text()
    start = text.index("V.", text.index("$Revision"))
    header.write_text(text[:start] + "V.16.0.0" + text[start + 8 :])
    assert "too old: v7.0.0" in refused(prefix, tmp_path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("-mcpu=cortex-m55+nomve", "-mfloat-abi=hard"), "without MVE"),
        (("-mcpu=cortex-m33", "-mfloat-abi=hard"), "another core"),
        (("-mcpu=cortex-m55", "-mfloat-abi=softfp"), "-mfloat-abi=hard"),
    ],
)
def test_refuses_an_archive_for_something_else(flags, words, prefix, tmp_path):
    archive(prefix, "-mthumb", *flags)
    assert words in refused(prefix, tmp_path)


def test_refuses_an_archive_of_the_host(prefix, tmp_path):
    require("cc", "ar")
    from ocrm55 import console

    (prefix / "one.c").write_text("int one(void);\nint one(void) { return 1; }\n")
    console.command(["cc", "-c", prefix / "one.c", "-o", prefix / "one.o"])
    console.command(["ar", "rcs", prefix / "lib" / "libcmsis-nn.a", prefix / "one.o"])
    assert "another processor" in refused(prefix, tmp_path)


def test_rounding_of_the_reference_is_that_of_its_definition():
    """Two roundings, and one, written out for single numbers with Python's integers."""
    from ocrm55.compiler.reference.cmsis_nn.fixed_point import rounded_once, rounded_twice

    rng = np.random.default_rng(1)
    for _ in range(2000):
        value, multiplier = int(rng.integers(-(2**24), 2**24)), int(rng.integers(2**30, 2**31))
        shift = int(rng.integers(-20, 4))
        high = ((value << max(shift, 0)) * multiplier + 2**30) // 2**31
        magnitude = abs(high)
        right = max(-shift, 0)
        rounded = (magnitude + (2**right >> 1)) // 2**right
        assert rounded_twice(np.asarray(value), multiplier, shift) == (rounded if high >= 0 else -rounded)
        exact = Fraction(value * multiplier) * Fraction(2) ** (shift - 31)
        assert rounded_once(np.asarray(value), multiplier, shift) == floor(exact + Fraction(1, 2))
