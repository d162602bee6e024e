"""A new accelerator: its own class and its entry in the list, and nothing else, from the command's name to the C."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.artifact import Artifact
from ocrm55.compiler import pipeline
from ocrm55.compiler.artifact import Written
from ocrm55.compiler.operators.int8.pool import MaxPool
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import accelerators, choice, names
from ocrm55.errors import UnsupportedError
from ocrm55.evaluation import verification
from tests.unit.compiler.host_program import SANITIZE, build_host
from tests.unit.compiler.onnx_networks import network
from tests.unit.compiler.targets.toy import Toy, Windows
from tests.unit.tasks import maps

HEIGHT, WIDTH = 32, 64
STARTED = ["-DSTART=OCRM55_NETWORK.npu_start()"]


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "ACCELERATORS", [*accelerators.ACCELERATORS, Toy])


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    """Two largest values over windows, one with a border, between convolutions."""
    rng = np.random.default_rng(4)
    weights = {"w": rng.normal(0, 0.3, (8, 3, 3, 3)), "v": rng.normal(0, 0.5, (1, 8, 1, 1))}
    windows = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]}
    nodes = [
        ("Conv", ["x", "w"], "a", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("Relu", ["a"], "b", {}),
        ("MaxPool", ["b"], "c", windows),
        ("MaxPool", ["c"], "d", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", ["d", "v"], "y", {"kernel_shape": [1, 1]}),
    ]
    arrays = {name: value.astype(np.float32) for name, value in weights.items()}
    return network((1, 3, HEIGHT, WIDTH), nodes, arrays, (1, 1, HEIGHT // 2, WIDTH // 2))


def compiled(model: onnx.ModelProto, folder: Path, **options: object) -> Written:
    onnx.save(model, str(folder / "given.onnx"))
    chosen = CompileOptions(model_name="map", **options)  # type: ignore[arg-type]
    return pipeline.compile_model(folder / "given.onnx", folder / (chosen.npu or "core"), maps.Maps(), chosen)


def picture() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_it_computes_what_the_core_would(model: onnx.ModelProto, tmp_path: Path) -> None:
    """The C on the host and the reference from the artifact's files: the bits of a program without the accelerator."""
    pixels, own = picture(), compiled(model, tmp_path, npu="toy-1")
    expected = build_host(compiled(model, tmp_path)).read(pixels)
    steps = own.program.steps
    assert [step.target for step in steps if isinstance(step.spec, Windows)] == ["toy", "toy"]
    assert not any(isinstance(step.spec, MaxPool) for step in own.program.calls)
    found = build_host(own, flags=["-O1", *SANITIZE, *STARTED]).read(pixels)
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))
    reference = verification.integer_reference(Artifact.read(own.directory))
    assert isinstance(reference, AcceleratorReference)
    found = reference.probabilities(pixels).reshape(expected.shape)
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


def test_the_core_steps_in_where_it_does_not_run(model: onnx.ModelProto, tmp_path: Path) -> None:
    pixels, own = picture(), compiled(model, tmp_path, npu="toy-2", npu_fallback=True)
    expected = IntegerReference(compiled(model, tmp_path).program).probabilities(pixels)
    for flags in ([], STARTED):
        found = build_host(own, flags=["-O1", *flags]).read(pixels).reshape(expected.shape)
        np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


def test_what_it_adds_is_part_of_the_artifact(model: onnx.ModelProto, tmp_path: Path) -> None:
    folder, plain = compiled(model, tmp_path, npu="toy-1").directory, compiled(model, tmp_path).directory
    cmake, header = ((folder / name).read_text() for name in ("sources.cmake", "include/ocrm55_map.h"))
    assert "src/toy.c" in cmake and "set(OCRM55_MODEL_TOY awake)" in cmake and "max_pool" not in cmake
    assert "_TOY_POOLS 2" in header and "_ARENA_ALIGN 64" in header
    told = json.loads((folder / "metadata.json").read_text())
    assert told["toy"] == {"pools": 2}
    assert all(row["why_not"]["toy"] for row in told["operators"] if row["target"] != "toy")
    assert np.load(folder / "toy.npy").shape == (2, 11)
    placed = told["placement"]
    assert placed["arena"]["region"] not in ("DTCM", "ITCM")
    before = json.loads((plain / "metadata.json").read_text())["placement"]
    parts = ("weights", "hot_weights")
    sums = [sum(each[part]["bytes"] for part in parts if part in each) for each in (placed, before)]
    assert sums[0] - sums[1] == 2 * 11 * 4


def test_the_command_line_knows_all_that_are_listed() -> None:
    assert names.NAMES == tuple(name for each in accelerators.ACCELERATORS if each is not Toy for name in each.names)


def test_it_is_asked_whether_the_options_suit_it() -> None:
    with pytest.raises(UnsupportedError, match="the toy computes int8"):
        choice.check(CompileOptions(npu="toy-1", precision="float32"))
    with pytest.raises(UnsupportedError, match=r"toy-3 is not one of ethos-u55-32, .*toy-1, toy-2"):
        choice.check(CompileOptions(npu="toy-3"))
