"""The bundled recognizer with an Ethos-U55, computed on the host: the regions by the NPU's functional model.

Whether the board computes the same is tests/target/test_npu_samples.py's question.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import resources, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.base import assign
from ocrm55.evaluation import verification
from ocrm55.pictures import read_image
from ocrm55.tasks.detector.task import DETECTOR
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.charset import load_charset
from tests.npu_networks import judge

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
pytestmark = pytest.mark.slow

LEAST_SHARE_OF_MACS = 0.95
MOST_REGIONS = 8
MOST_ARENA_BYTES = 700_000
THRESHOLD = round(0.3 * 256) - 128  # of a detector's map


@pytest.fixture(scope="session")
def artifact(build_dir: Path) -> Path:
    options = CompileOptions(npu="ethos-u55-128", npu_fallback=True)
    return stages.compiled(stages.Options(build_dir=build_dir, compile=options)).artifact


def test_nearly_all_of_the_work_is_the_npu_s_and_the_artifact_says_so(artifact: Path) -> None:
    metadata = json.loads((artifact / "metadata.json").read_text())
    npu = metadata["npu"]
    assert npu["macs"] >= LEAST_SHARE_OF_MACS * metadata["macs"]
    assert len(npu["regions"]) <= MOST_REGIONS
    assert npu["macs"] == sum(region["macs"] for region in npu["regions"])
    assert npu["vela_cycles"] == sum(region["vela_cycles"] for region in npu["regions"])
    assert metadata["arena_bytes"] <= MOST_ARENA_BYTES
    assert metadata["placement"]["arena"]["region"] not in ("ITCM", "DTCM")
    assert metadata["placement"]["weights"]["region"] not in ("ITCM", "DTCM")
    for operator in metadata["operators"]:
        assert operator["target"] == "ethos-u55" or operator["why_not"]["ethos-u55"]
    header = (artifact / "include" / "ocrm55_en_ppocrv3_rec.h").read_text()
    assert "#define OCRM55_EN_PPOCRV3_REC_NPU_MACS 128" in header
    assert "#define OCRM55_EN_PPOCRV3_REC_NPU_FALLBACK 1" in header


def test_every_sample_reads_the_same_on_the_npu_and_on_the_core(artifact: Path, samples: dict[Path, str]) -> None:
    charset = load_charset()
    on_npu, on_core = verification.integer_reference(Artifact.read(artifact)), core_reference(artifact)
    assert isinstance(on_npu, AcceleratorReference)
    for number, (path, text) in enumerate(samples.items()):
        pixels = image.resize(read_image(path))
        assert ctc.decode(on_npu.probabilities(pixels), charset).text == text, path.name
        if number % 5 == 0:  # the core's kernels in numpy are slow; the core reads all samples in test_int8_samples.py
            assert ctc.decode(on_core.probabilities(pixels), charset).text == text, path.name


def test_every_region_is_what_litert_makes_of_its_file(artifact: Path, samples: dict[Path, str]) -> None:
    """On what the network really hands to it, bit for bit."""
    pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    reference = verification.integer_reference(Artifact.read(artifact))
    regions = [step for step in reference.program.steps if step.kind == "npu_region"]
    assert len(regions) == len(list((artifact / "npu").glob("*.tflite")))
    for path in list(samples)[:2]:
        reference.probabilities(image.resize(read_image(path)))
        assert_regions_are_litert_s(reference, artifact)


@pytest.fixture(scope="session")
def detector(build_dir: Path) -> Artifact:
    options = CompileOptions(npu="ethos-u55-128", npu_fallback=True, height=128, width=160)
    return Artifact.read(
        stages.compiled(stages.Options(build_dir=build_dir, source="detector", task=DETECTOR, compile=options)).artifact
    )


def test_a_detector_finds_the_same_pixels_on_the_npu_and_on_the_core(detector: Artifact) -> None:
    """Its convolutions are the NPU's, whose roundings add up to some values; the core enlarges, interleaves, copies."""
    npu = json.loads((detector.folder / "metadata.json").read_text())["npu"]
    assert npu["macs"] == sum(operator.macs for operator in detector.operators)
    page = sorted((resources.folder("models") / "calibration_pages").glob("*.jpg"))[0]
    pixels = image.resize(read_image(page), *detector.image_size)
    on_npu, on_core = verification.integer_reference(detector), core_reference(detector.folder)
    found, wanted = (each.probabilities(pixels) > THRESHOLD for each in (on_npu, on_core))
    assert 0.02 < wanted.mean() < 0.5, "a page with text"
    assert np.mean(found != wanted) <= 0.1 * wanted.mean()
    assert_regions_are_litert_s(on_npu, detector.folder)


def assert_regions_are_litert_s(reference: IntegerReference, artifact: Path) -> None:
    for region in [step for step in reference.program.steps if step.kind == "npu_region"]:
        data = (artifact / "npu" / f"{region.layer}.tflite").read_bytes()
        expected = judge.reference(data, [four_axes(reference.tensors[name]) for name in region.inputs])
        for name, values in zip(region.outputs, expected, strict=True):
            np.testing.assert_array_equal(reference.tensors[name].reshape(-1), values.reshape(-1), region.layer)


def core_reference(artifact: Path) -> IntegerReference:
    """The same network with nothing but the core: what a program with --npu-fallback computes without an NPU."""
    options = CompileOptions(precision="int8")
    program = pipeline.to_program(entrance.read(artifact / "model.onnx"), options)
    assign(program, choice.on_core("int8"))
    return IntegerReference(program)


def four_axes(values: np.ndarray) -> np.ndarray:
    return values.reshape((1,) * (4 - values.ndim) + values.shape)
