"""The bundled recognizer, from the model folder to C that runs here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import resources
from ocrm55.compiler import pipeline
from ocrm55.compiler.artifact import Written
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.inference import OnnxRecognizer
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.host_program import SANITIZE, build_host

TOLERANCE = 1e-4  # of a probability: what the project promises against Paddle


def sample_files() -> list[Path]:
    return sorted((resources.folder("models") / "samples").glob("*.png"))


def onnx_model(artifact: Written) -> OnnxRecognizer:
    return OnnxRecognizer(artifact.directory / "model.onnx")


@pytest.mark.parametrize("width", [320, 319, 96, 5, 1])
def test_random_images_match_onnx_runtime(whole_program, width):
    pixels = np.random.default_rng(width).integers(0, 256, (48, width, 3), dtype=np.uint8)
    expected = onnx_model(whole_program.artifact).probabilities(image.normalise(pixels))
    found = whole_program.read(pixels)[0]
    assert np.abs(found - expected).max() <= TOLERANCE
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("path", sample_files(), ids=lambda p: p.stem)
def test_samples_match_onnx_runtime(whole_program, path):
    pixels = image.resize(read_image(path))
    expected = onnx_model(whole_program.artifact).probabilities(image.normalise(pixels))
    found = whole_program.read(pixels)[0]
    assert np.abs(found - expected).max() <= TOLERANCE
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_preprocessing_is_bit_exact(whole_program):
    pixels = np.random.default_rng(1).integers(0, 256, (48, 200, 3), dtype=np.uint8)
    assert (whole_program.read(pixels) == whole_program.run(image.normalise(pixels))).all()


def test_sizes(whole_network):
    assert whole_network.arena_bytes <= 2_000_000
    assert whole_network.arena_bytes >= whole_network.plan.lower_bound
    assert 600e6 < whole_network.program.macs < 680e6


def test_metadata_describes_every_operator_and_tensor(whole_network):
    metadata = json.loads((whole_network.directory / "metadata.json").read_text())
    assert metadata["arena_bytes"] == whole_network.arena_bytes
    assert len(metadata["operators"]) == len(whole_network.program.steps)
    assert sum(o["macs"] for o in metadata["operators"]) == metadata["macs"]
    tensors = {t["name"] for t in metadata["tensors"]} | {w["name"] for w in metadata["weights"]}
    for operator in metadata["operators"]:
        assert operator["target"] == "c"
        assert operator["output"] in tensors
    for tensor in [*metadata["tensors"], *metadata["workspaces"]]:
        assert tensor["offset"] + tensor["bytes"] <= metadata["arena_bytes"]
    for index, operator in enumerate(metadata["operators"]):
        mine = [w["bytes"] for w in metadata["workspaces"] if w["operator"] == index]
        assert sum(mine) == operator["workspace_bytes"]
        assert operator["live_macs"] <= operator["macs"]


def test_two_compilations_give_the_same_bytes(whole_network, tmp_path):
    source = resources.folder("models") / "en_ppocrv3_rec"
    again = pipeline.compile_model(source, tmp_path / "again", RECOGNIZER, CompileOptions(precision="float32"))
    for path in sorted(whole_network.directory.rglob("*")):
        if path.is_file() and path.suffix in (".c", ".h", ".S", ".bin", ".json", ".cmake") and path.name != "main.c":
            other = again.directory / path.relative_to(whole_network.directory)
            assert path.read_bytes() == other.read_bytes(), path.name


def test_an_image_compiled_in(whole_network, tmp_path):
    """inputs.h holds the resized picture, byte for byte, and compiles."""
    source = sample_files()[0]
    options = CompileOptions(precision="float32", image=source)
    built = pipeline.compile_model(whole_network.directory / "model.onnx", tmp_path / "artifact", RECOGNIZER, options)
    program = """
        #include <stdio.h>
        #include "inputs.h"
        #include "labels.h"
        int main(void) {
            fprintf(stderr, "%s %d %s", OCRM55_IMAGE_NAME, OCRM55_IMAGE_WIDTH, ocrm55_labels[1]);
            return fwrite(ocrm55_image_pixels, sizeof ocrm55_image_pixels, 1, stdout) != 1;
        }"""
    (tmp_path / "t.c").write_text(program)
    include = built.directory / "include"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-I", include, "t.c", "-o", "t"], cwd=tmp_path, check=True)
    done = subprocess.run(["./t"], cwd=tmp_path, capture_output=True, check=True)
    pixels = image.resize(read_image(source))
    assert done.stdout == pixels.tobytes()
    assert done.stderr.decode() == f"{source.name} {pixels.shape[1]} 0"


def test_a_broken_image_is_refused_before_anything_is_written(whole_network, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    options = CompileOptions(precision="float32", image=tmp_path / "broken.png")
    with pytest.raises(InputError):
        pipeline.compile_model(whole_network.directory / "model.onnx", tmp_path / "artifact", RECOGNIZER, options)
    assert not (tmp_path / "artifact").exists()


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["cc", "clang"])
def test_nothing_is_read_or_written_out_of_bounds(whole_network, request, compiler):
    name = request.getfixturevalue("clang") if compiler == "clang" else compiler
    pixels = np.random.default_rng(2).integers(0, 256, (48, 320, 3), dtype=np.uint8)
    found = build_host(whole_network, compiler=name, flags=["-O1", *SANITIZE]).read(pixels)[0]
    expected = onnx_model(whole_network).probabilities(image.normalise(pixels))
    assert np.abs(found - expected).max() <= TOLERANCE
