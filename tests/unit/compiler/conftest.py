"""The bundled recognizer as a program of the host, and the comparison of a network with ONNX Runtime."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55 import resources
from ocrm55.compiler import pipeline
from ocrm55.compiler.artifact import Written
from ocrm55.compiler.options import CompileOptions
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.once import Once
from tests.unit.compiler.host_program import HostProgram, build_host, compile_onnx
from tests.unit.compiler.onnx_networks import reference


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Written]:
    """Compile a network, run it on random input and compare it with ONNX Runtime."""

    def run(model: onnx.ModelProto, *, flags: Sequence[str] = ("-O1",), compiler: str = "cc", seed: int = 0) -> Written:
        onnx.checker.check_model(model)
        built = build_host(compile_onnx(model, tmp_path / "artifact"), compiler=compiler, flags=flags)
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        tensor = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        expected, found = reference(model, tensor), built.run(tensor)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * max(1.0, float(np.abs(expected).max())))
        return built.artifact

    return run


@pytest.fixture(scope="session")
def whole_network(once: Once) -> Written:
    """The bundled recognizer, compiled once for all tests."""
    return once("float32", lambda folder: _bundled(folder / "artifact", "float32"))


@pytest.fixture(scope="session")
def int8_network(once: Once, calibrated_once: None) -> Written:
    """The bundled recognizer in int8, quantised and compiled once for all tests."""
    return once("int8", lambda folder: _bundled(folder / "artifact", "int8"))


def _bundled(destination: Path, precision: str) -> Written:
    source = resources.folder("models") / "en_ppocrv3_rec"
    return pipeline.compile_model(source, destination, RECOGNIZER, CompileOptions(precision=precision))


@pytest.fixture(scope="session")
def int8_program(int8_network: Written, once: Once) -> HostProgram:
    """The int8 recognizer as a program of the host."""
    return once("int8-program", lambda _: build_host(int8_network, flags=["-O2"]))


@pytest.fixture(scope="session")
def whole_program(whole_network: Written, once: Once) -> HostProgram:
    """The bundled recognizer as a program of the host."""
    return once("float32-program", lambda _: build_host(whole_network, flags=["-O2"]))


@pytest.fixture(scope="session")
def clang() -> str:
    """A clang of the host."""
    names = ["clang", *(f"clang-{version}" for version in range(21, 13, -1))]
    found = next((name for name in names if shutil.which(name)), None)
    if found is None:
        pytest.skip("clang is not installed")
    return found
