"""An output that comes row by row: the bits of the whole one, in an arena that does not hold it, only where it must."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from ocrm55 import boards
from ocrm55.compiler import artifact, host_check, pipeline
from ocrm55.compiler.artifact import Contents, Written
from ocrm55.compiler.codegen import driver
from ocrm55.compiler.memory import output_rows
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.elementwise import Dequantize
from ocrm55.compiler.operators.int8.rows import SoftmaxRows
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.cmsis_nn.network import CmsisNnReference
from ocrm55.compiler.reference.int8 import stripes
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.cmsis_nn.target import NAME
from ocrm55.errors import MiscompiledError, UnsupportedError
from ocrm55.metadata import Metadata
from ocrm55.normalisation import Normalisation
from tests.unit.compiler.graphs import quantised, quantised_for_a_library
from tests.unit.compiler.onnx_networks import network

INT8 = CompileOptions(precision="int8", prefix="rows")
TARGETS = choice.targets_for(INT8)
MEMORIES = boards.find().memories
CLASSES, STEPS = 1003, 10
WHOLE = 4 * CLASSES * STEPS  # bytes
LIMIT = WHOLE - 1


def recognizer(
    ends: Sequence[tuple[str, list[str], str, dict[str, Any]]] | None = None, quantise: Callable[..., Any] = quantised
) -> onnx.ModelProto:
    """Ten steps of 1,003 classes: their number is no multiple of four, nor is that of the classes."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(scale=0.1, size=(16, 3, 16, 4)).astype(np.float32),
        "f": rng.normal(scale=1.0, size=(16, CLASSES)).astype(np.float32), "a": np.array([2], np.int64),
    }  # fmt: skip
    nodes = [
        ("Conv", ["x", "w"], "c", {"strides": [16, 4]}), ("Relu", ["c"], "r", {}), ("Squeeze", ["r", "a"], "s", {}),
        ("Transpose", ["s"], "t", {"perm": [0, 2, 1]}),
        *(ends or [("MatMul", ["t", "f"], "m", {}), ("Softmax", ["m"], "y", {})]),
    ]  # fmt: skip
    images = [rng.uniform(-1, 1, (1, 3, 16, 4 * STEPS)).astype(np.float32) for _ in range(3)]
    return quantise(network([1, 3, 16, 4 * STEPS], nodes, weights, [1, STEPS, CLASSES]), images).model()


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return recognizer()


def planned(model: onnx.ModelProto, limit: int | None, *, by_rows: bool = True) -> tuple[Any, Any]:
    options = replace(INT8, arena_limit=limit)
    return pipeline.planned_for(MEMORIES, model, TARGETS, options, by_rows=by_rows)


def test_the_arena_holds_some_rows_where_it_cannot_hold_all(model: onnx.ModelProto) -> None:
    program, plan = planned(model, LIMIT)
    assert program.output_rows == 4
    assert 4 * 4 * CLASSES <= plan.arena_bytes < WHOLE <= plan.whole_bytes
    assert program.macs == pipeline.to_program(model, INT8).macs


def test_fewer_rows_come_at_once_where_the_limit_is_less(model: onnx.ModelProto) -> None:
    arenas = [planned(model, limit)[1].arena_bytes for limit in (LIMIT,)]
    for rows in (2, 1):
        program, plan = planned(model, arenas[-1] - 1)
        assert program.output_rows == rows
        arenas.append(plan.arena_bytes)
    with pytest.raises(UnsupportedError) as refused:
        planned(model, arenas[-1] - 1)
    assert f"found takes {arenas[-1]:,} bytes" in str(refused.value)
    assert planned(model, arenas[-1])[1].arena_bytes == arenas[-1], "the limit that it names can be kept"


def test_an_output_that_fits_is_there_whole(model: onnx.ModelProto) -> None:
    program, plan = planned(model, None)
    assert (program.output_rows, program.segments, plan.whole_bytes) == (0, [], 0)


def test_nobody_gets_rows_who_does_not_take_them(model: onnx.ModelProto) -> None:
    with pytest.raises(UnsupportedError, match=f"the limit is {LIMIT:,}"):
        planned(model, LIMIT, by_rows=False)


def test_an_end_without_softmax_stays_whole() -> None:
    other = recognizer([("MatMul", ["t", "f"], "y", {})])
    assert output_rows.striped(pipeline.to_program(other, INT8), 4) is None
    with pytest.raises(UnsupportedError, match=f"the limit is {LIMIT:,}"):
        planned(other, LIMIT)


@pytest.mark.parametrize("rows", output_rows.ROWS)
def test_rows_have_the_bits_of_the_whole_and_onnx_runtimes_numbers(model: onnx.ModelProto, rows: int) -> None:
    striped = output_rows.striped(pipeline.to_program(model, INT8), rows)
    assert striped is not None
    pixels = np.random.default_rng(rows).integers(0, 256, (16, 4 * STEPS, 3), np.uint8)
    reference = IntegerReference(striped)
    image = reference.input_of(pixels)
    assert stripes.agrees(striped, reference, image)
    found = stripes.run(IntegerReference(striped), image).reshape(STEPS, CLASSES)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"x": Normalisation().tensor(pixels, 16, 4 * STEPS)})[0][0]
    assert np.abs(found - wanted).max() < 2e-3
    assert (found.argmax(1) == wanted.argmax(1)).all()


def test_a_librarys_int8_logits_come_by_rows_too() -> None:
    """CMSIS-NN's layer ends in int8, of which softmax's operand is made."""
    library = replace(INT8, kernels=("cmsis-nn",))
    targets = choice.targets_for(library)
    lowered = pipeline.to_program(recognizer(quantise=quantised_for_a_library), library)
    assert [type(operator.spec) for operator in lowered.operators[-3:]] == [Pointwise, Dequantize, SoftmaxRows]
    found = pipeline.output_by_rows(lowered, targets, library, [LIMIT])
    assert found is not None
    program, plan = found
    assert (program.output_rows, program.steps[-3].target) == (4, NAME)
    assert 5 * 4 * CLASSES <= plan.arena_bytes < LIMIT
    pixels = np.random.default_rng(9).integers(0, 256, (16, 4 * STEPS, 3), np.uint8)
    reference = CmsisNnReference(program)
    assert stripes.agrees(program, reference, reference.input_of(pixels))


@pytest.fixture(scope="module")
def written(model: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> Written:
    program, plan = planned(model, LIMIT)
    return artifact.write(program, plan, Contents(model, TARGETS), tmp_path_factory.mktemp("rows") / "artifact")


def test_the_c_hands_on_every_row_once(written: Written, model: onnx.ModelProto) -> None:
    host_check.check_c(written.directory, written.program, model, Normalisation())


def test_rows_that_are_not_handed_on_are_missed(written: Written, model: onnx.ModelProto) -> None:
    source = written.directory / "src" / "model.c"
    text = source.read_text(encoding="utf-8")
    try:
        source.write_text(text.replace("if (taker != NULL)", "if (taker != NULL && stripe != 1)"), encoding="utf-8")
        with pytest.raises(MiscompiledError):
            host_check.check_c(written.directory, written.program, model, Normalisation())
    finally:
        source.write_text(text, encoding="utf-8")


def test_metadata_says_that_the_output_comes_by_rows(written: Written, model: onnx.ModelProto) -> None:
    values = json.loads((written.directory / "metadata.json").read_text(encoding="utf-8"))
    assert Metadata.of(values).output_comes_by_rows
    assert values["whole_arena_bytes"] >= WHOLE
    (segment,) = values["stripes"]
    assert segment["stripes"] == 3
    whole = artifact.metadata(*planned(model, None), driver.weight_image(written.program))
    assert not Metadata.of(whole).output_comes_by_rows
