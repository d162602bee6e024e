"""Padding that is not computed: what stands for it is what the full width has there."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.operators.int8.convolution import Depthwise
from ocrm55.compiler.operators.int8.moves import ExtendColumns
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference

FULL, WIDTH = 320, 96
OPTIONS = CompileOptions(precision="int8")


@pytest.fixture(scope="module")
def model(int8_network) -> onnx.ModelProto:
    return onnx.load(int8_network.directory / "model.onnx")


@pytest.fixture(scope="module")
def programs(model) -> dict[int, Program]:
    return pipeline.lowered_for([WIDTH, FULL], model, OPTIONS)


def test_at_full_width_nothing_changes(model, programs):
    pixels = np.random.default_rng(1).integers(0, 256, (48, 200, 3), dtype=np.uint8)
    plain = IntegerReference(pipeline.to_program(model, OPTIONS)).probabilities(pixels)
    assert (IntegerReference(programs[FULL]).probabilities(pixels) == plain).all()
    added = [o.spec for o in programs[FULL].operators if isinstance(o.spec, ExtendColumns)]
    assert added
    assert all(spec.more == 0 for spec in added)


def test_an_empty_image_is_the_same_at_every_width(programs):
    """Away from the border of the full width: with no image in it, every tensor is its steady column throughout."""
    empty = np.zeros((48, 0, 3), np.uint8)
    narrow, full = IntegerReference(programs[WIDTH]), IntegerReference(programs[FULL])
    for reference in (narrow, full):
        reference.run(reference.input_of(empty))
    names = [o.outputs[0] for o in programs[WIDTH].operators[: _first_mean(programs[WIDTH])]]
    for name in names:
        ours, theirs = narrow.tensors[name], full.tensors[name]
        left = ours.shape[2] // 2  # what sees the left border is the same as well
        assert (ours[:, :, left:] == theirs[:, :, theirs.shape[2] // 2, None]).all(), name


def test_the_first_mean_is_that_of_the_full_width(programs):
    """But for what the full width's own border makes: here it is left out by hand."""
    narrow = IntegerReference(programs[WIDTH])
    narrow.run(narrow.input_of(np.zeros((48, 0, 3), np.uint8)))
    operator = programs[WIDTH].operators[_first_mean(programs[WIDTH])]
    spec = operator.spec
    assert isinstance(spec, AveragePool)
    image = narrow.tensors[operator.inputs[0]][0].astype(np.int64)
    whole = np.concatenate([image, image[:, -1:].repeat(FULL // 2 - image.shape[1], axis=1)], axis=1)
    mean = np.clip((whole - spec.zero_x).sum(axis=(0, 1)) * spec.gain + spec.zero_y, -128, 127)
    assert np.abs(narrow.tensors[operator.outputs[0]].reshape(-1) - mean).max() <= 0.5 + 1e-3


def test_windows_reach_their_padding(programs):
    """Every depthwise layer reads as many columns as its windows reach to the right: none sees a border."""
    for operator in programs[WIDTH].operators:
        spec = operator.spec
        if isinstance(spec, Depthwise):
            reached = (spec.output_width - 1) * spec.strides[1] + spec.kernel[1] - spec.pads[1]
            assert spec.width >= reached
            assert programs[WIDTH].tensors[operator.inputs[0]].shape[2] == spec.width


def test_all_widths_get_the_same_operators(programs):
    calls = [[(o.kind, o.inputs, o.outputs) for o in programs[width].operators] for width in (WIDTH, FULL)]
    assert calls[0] == calls[1]


def _first_mean(program: Program) -> int:
    return next(i for i, o in enumerate(program.operators) if isinstance(o.spec, AveragePool))
