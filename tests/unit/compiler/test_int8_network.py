"""The bundled recognizer in int8: its integer reference against ONNX Runtime, its C against the reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55 import resources
from ocrm55.compiler import pipeline
from ocrm55.compiler.operators.int8.convolution import Convolution
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.ctc import decode
from ocrm55.tasks.recognizer.task import RECOGNIZER

from .operator_comparison import compare

ARENA_BYTES = 512 * 1024
SAMPLES = ("word_upper", "wide", "blank", "noisy", "code", "inverted")


def pixels_of(name: str) -> np.ndarray:
    return image.resize(read_image(resources.folder("models") / "samples" / f"{name}.png"))


@pytest.fixture(scope="module")
def reference(int8_network) -> IntegerReference:
    return IntegerReference(int8_network.program)


def test_each_operator_equals_onnx_runtime_on_the_same_inputs(int8_network, reference):
    model = onnx.load(int8_network.directory / "model.onnx")
    assert compare(reference, model, pixels_of("wide")) >= 40


@pytest.mark.parametrize("name", SAMPLES)
def test_c_equals_the_integer_reference_bit_for_bit(name, int8_program, reference):
    expected = reference.probabilities(pixels_of(name))
    found = int8_program.read(pixels_of(name)).reshape(expected.shape)
    assert (found.view(np.int32) == expected.view(np.int32)).all()


@pytest.mark.parametrize("width", [1, 7, 96, 319, 320])
def test_random_images_of_any_width(width, int8_program, reference):
    pixels = np.random.default_rng(width).integers(0, 256, (48, width, 3), dtype=np.uint8)
    expected = reference.probabilities(pixels)
    found = int8_program.read(pixels).reshape(expected.shape)
    assert (found.view(np.int32) == expected.view(np.int32)).all()


def test_an_image_that_comes_row_by_row_gives_the_same_bits(int8_program):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 320, 3), dtype=np.uint8)
    whole, by_rows = int8_program.read(pixels), int8_program.read_rows(pixels)
    assert (whole.view(np.int32) == by_rows.view(np.int32)).all()


def test_samples_are_read_as_in_float(reference, samples, sample_probabilities):
    charset = load_charset()
    read = {p: decode(reference.probabilities(pixels_of(p.stem)), charset).text for p in list(samples)[:20]}
    same = [read[p] == decode(sample_probabilities[p], charset).text for p in read]
    assert np.mean(same) >= 0.9


def test_sizes(int8_network):
    metadata = json.loads((int8_network.directory / "metadata.json").read_text())
    assert metadata["precision"] == "int8"
    assert metadata["arena_bytes"] <= ARENA_BYTES
    assert {operator["target"] for operator in metadata["operators"]} == {"m55"}
    assert (int8_network.directory / "src" / "weights.bin").stat().st_size <= 2_200_000


def test_nothing_moves_data_but_the_one_concatenation(int8_network):
    kinds = [operator.kind for operator in int8_network.program.operators]
    assert kinds.count("copy_int8") == 1
    assert kinds.count("dequantize") == 1
    assert "quantize" not in kinds


def test_rows_that_pooling_leaves_out_are_not_computed(int8_network):
    convolutions = [o.spec for o in int8_network.program.operators if isinstance(o.spec, Convolution)]
    assert any(spec.height == 3 and spec.output_height == 2 for spec in convolutions)
    assert all(spec.kernel[0] == 1 for spec in convolutions if spec.height == 1)


def test_a_quantised_model_compiles_to_the_same_bytes(int8_network, tmp_path: Path):
    options = CompileOptions(precision="int8")
    again = pipeline.compile_model(int8_network.directory / "model.onnx", tmp_path / "again", RECOGNIZER, options)
    for name in ("model.c", "weights.bin"):
        assert (again.directory / "src" / name).read_bytes() == (int8_network.directory / "src" / name).read_bytes()
