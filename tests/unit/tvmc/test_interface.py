"""Names and shapes that models have and C must live with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ocrm55.errors import UnsupportedError
from tests.unit.tvmc.mlf import reference, unpack

INSIDE = ("--pass-config", "tir.usmp.enable=1")


def softmax(name: str, shape: list[int]) -> onnx.ModelProto:
    """A network without weights whose input has a name of our choice."""
    graph = helper.make_graph(
        [helper.make_node("Softmax", [name], ["y"], name='*/ "?', axis=-1)],
        "net",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("x", "x"),
        ("input.1", "input_1"),
        ("1", "_1"),
        ("default", "default_"),
        ("weights", "weights"),
        ("run", "run"),
        ("scope/in:0", "scope_in_0"),
        ("Bild größe", "Bild_gr__e"),
    ],
)
def test_input_s_name(name: str, member: str, tmp_path: Path) -> None:
    library = unpack(tmp_path, softmax(name, [2, 7]), *INSIDE)
    main = library.main().replace(".x = in", f".{member} = in").replace("NET_X_SIZE", f"NET_{member.upper()}_SIZE")
    values = np.random.default_rng(0).normal(size=(2, 7)).astype(np.float32)
    program = library.build(main, "gcc")
    np.testing.assert_allclose(library.run(program, values), reference(library.model, values), atol=1e-6)
    inputs = library.metadata["modules"]["net"]["memory"]["functions"]["main"][0]["inputs"]
    assert list(inputs) == [name]


def test_input_called_output(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="an input called output"):
        unpack(tmp_path, softmax("output", [2, 7]))
    assert not (tmp_path / "net.tar").exists()
