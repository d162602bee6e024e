"""Depthwise windows that are larger than the kernel's own, computed as plain convolutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.operators.int8.convolution import Depthwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets.m55.convolution import MOST_CHANNELS
from ocrm55.compiler.targets.m55.target import M55Target
from ocrm55.tasks.recognizer import sources
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.onnx_networks import network

CLASSES = 4


def with_window(window: tuple[int, int]) -> onnx.ModelProto:
    """A recognizer with a depthwise layer behind its first one, 64 columns wide."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(scale=0.1, size=(8, 3, 16, 4)).astype(np.float32),
        "b": rng.normal(size=8).astype(np.float32),
        "d": rng.normal(size=(8, 1, *window)).astype(np.float32),
        "e": rng.normal(size=8).astype(np.float32),
        "v": rng.normal(size=(CLASSES, 8, 2, 1)).astype(np.float32),
        "axis": np.asarray([2], np.int64),
    }
    rows, columns = (size // 2 for size in window)
    nodes = [
        ("Conv", ["x", "w", "b"], "c", {"strides": [16, 4]}),
        ("HardSwish", ["c"], "h", {}),
        ("Conv", ["h", "d", "e"], "own", {"group": 8, "pads": [rows, columns, rows, columns]}),
        ("Conv", ["own", "v"], "s", {}),
        ("Squeeze", ["s", "axis"], "q", {}),
        ("Transpose", ["q"], "t", {"perm": [0, 2, 1]}),
        ("Softmax", ["t"], "y", {"axis": 2}),
    ]
    return network((1, 3, 32, 64), nodes, weights, (1, 16, CLASSES))


@pytest.mark.parametrize(("window", "large"), [((1, 7), True), ((7, 7), True), ((1, 5), False)])
def test_any_window_compiles_to_c_with_the_programs_bits(window: tuple[int, int], large: bool, tmp_path: Path) -> None:
    """Compilation ends with the C on this computer against the program, and the program against ONNX Runtime."""
    onnx.save(with_window(window), tmp_path / "rec.onnx")
    (tmp_path / "dict.txt").write_text("a\nb\n")
    model = sources.export(str(tmp_path / "rec.onnx"), tmp_path / "model", tmp_path / "dict.txt")
    written = pipeline.compile_model(model.directory, tmp_path / "artifact", RECOGNIZER, CompileOptions())
    (layer,) = (each for each in written.program.operators if isinstance(each.spec, Depthwise))
    assert (not layer.in_place) == large
    function = written.program.functions[layer.function].source
    assert ("ocrm55_conv_s8" in function) == large
    assert ("ocrm55_depthwise_s8" in function) != large


@pytest.mark.parametrize(("channels", "taken"), [(MOST_CHANNELS, True), (MOST_CHANNELS + 1, False)])
def test_depthwise_layers_of_too_many_channels_are_refused(channels: int, taken: bool) -> None:
    """The kernel's offsets of pixels have 16 bits; its own check has the same limit."""
    size = (channels, 8, 8, channels, 8, 8, (3, 3), (1, 1), (1, 1), 0)
    operator = Operator("layer", "layer", Depthwise(*size, Epilogue("clamp", channels)), [], [])
    assert (M55Target().refusal(operator, Program("test", "int8")) is None) == taken
