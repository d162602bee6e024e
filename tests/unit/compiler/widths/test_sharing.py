"""Several widths in one program: what each of them computes is what a program for it alone computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.widths import sharing
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.stages import parse_widths
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.host_program import HostProgram, build_host

WIDTHS = (96, 160, 320)


@pytest.fixture(scope="module")
def model(int8_network) -> onnx.ModelProto:
    return onnx.load(int8_network.directory / "model.onnx")


@pytest.fixture(scope="module")
def shared(int8_network, tmp_path_factory: pytest.TempPathFactory) -> HostProgram:
    options = CompileOptions(precision="int8", widths=WIDTHS)
    folder = tmp_path_factory.mktemp("widths") / "artifact"
    artifact = pipeline.compile_model(int8_network.directory / "model.onnx", folder, RECOGNIZER, options)
    return build_host(artifact, flags=["-O2"])


@pytest.mark.parametrize(("columns", "width"), [(1, 96), (96, 96), (97, 160), (160, 160), (161, 320), (320, 320)])
def test_every_width_equals_the_reference_for_it_alone(columns: int, width: int, model, shared):
    assert sharing.narrowest(WIDTHS, columns) == width
    options = CompileOptions(precision="int8")
    alone = pipeline.to_program(model, options)  # as compiled for full width alone
    if width != WIDTHS[-1]:
        alone = pipeline.lowered_for([width], model, options)[width]
    pixels = np.random.default_rng(columns).integers(0, 256, (48, columns, 3), dtype=np.uint8)
    expected = IntegerReference(alone).probabilities(pixels)
    found = shared.read(pixels).reshape(-1, expected.shape[1])[: len(expected)]
    assert (found.view(np.int32) == expected.view(np.int32)).all()


def test_weights_are_there_once(int8_network, shared):
    """All that is more is what the network makes of padding: a column for each tensor in front of the first mean."""
    assert 0 < shared.artifact.weight_bytes - int8_network.weight_bytes < 20_000
    assert shared.artifact.arena_bytes <= 512 * 1024


def test_lists_of_widths():
    assert parse_widths("320, 96,160,96") == WIDTHS
    assert parse_widths("") == ()
    for text in ("x", "96,,320", "-96,320", "90,320", "8,320"):
        with pytest.raises(InputError):
            parse_widths(text)


def test_refusals(model, tmp_path: Path):
    with pytest.raises(InputError, match="widest"):
        sharing.check((96, 160), model)
    with pytest.raises(InputError, match="full width"):
        sharing.check((96, 304, 320), model)
    source = tmp_path / "model.onnx"
    onnx.save(model, str(source))
    with pytest.raises(UnsupportedError, match="int8"):
        pipeline.compile_model(source, tmp_path / "out", RECOGNIZER, CompileOptions(precision="float32", widths=WIDTHS))
