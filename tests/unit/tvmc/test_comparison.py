"""A compilation ends with a look at what its C computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import QuantType

from ocrm55.errors import MiscompiledError
from ocrm55.tvmc import compile as compilation
from ocrm55.tvmc import program
from tests.unit.tvmc.mlf import ONLY, small_network
from tests.unit.tvmc.quantised import quantised

KINDS = {
    "inside": ["--pass-config", "tir.usmp.enable=1"],
    "asked": [],
    "pool": ["--workspace-pools=sram"],
}


def model_of(precision: str, folder: Path) -> onnx.ModelProto:
    return small_network() if precision == "float32" else quantised(folder, QuantType.QUInt8, per_channel=True)


def compiled(model: onnx.ModelProto, folder: Path, *arguments: str) -> Path:
    onnx.save(model, str(folder / "net.onnx"))
    archive = folder / "net.tar"
    program.run(["compile", *ONLY, *arguments, "--module-name=Net", "-o", str(archive), str(folder / "net.onnx")])
    return archive


@pytest.fixture
def wrong_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that turns the sign of the largest weights, in a program that is planned."""
    planned = compilation.planned

    def turned(*arguments: Any) -> Any:
        found, plan = planned(*arguments)
        tensor = max(found.weights(), key=lambda each: each.bytes)
        assert tensor.data is not None
        tensor.data = np.negative(tensor.data)
        return found, plan

    monkeypatch.setattr(compilation, "planned", turned)


@pytest.mark.parametrize(("precision", "kind"), [*(("float32", kind) for kind in KINDS), ("int8", "inside")])
def test_what_is_right_is_written(
    precision: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled(model_of(precision, tmp_path), tmp_path, *KINDS[kind]).exists()
    assert "not compared" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.usefixtures("wrong_weights")
def test_what_is_wrong_is_not(precision: str, tmp_path: Path) -> None:
    """It was written without a word."""
    with pytest.raises(MiscompiledError, match="computes other numbers than the model") as caught:
        compiled(model_of(precision, tmp_path), tmp_path)
    assert caught.value.exit_code == 8
    assert "--no-check, to look at the C" in caught.value.tries
    assert not (tmp_path / "net.tar").exists()


@pytest.mark.usefixtures("wrong_weights")
def test_it_may_be_left_out(tmp_path: Path) -> None:
    assert compiled(small_network(), tmp_path, "--no-check").exists()
