"""The check at a compilation's end: it finds what lowering could do wrong, and nothing where all is right."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ocrm55.compiler import accelerator_check, check, pipeline
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.ethos_u import regions, vela
from ocrm55.compiler.targets.ethos_u.options import NpuOptions
from ocrm55.compiler.targets.ethos_u.region import Compiled, Region
from ocrm55.errors import MiscompiledError, UnsupportedError
from ocrm55.normalisation import Normalisation
from ocrm55.npu_model.commands import decode, encode
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.graphs import quantised, quantised_for_a_library
from tests.unit.compiler.onnx_networks import network

RNG = np.random.default_rng(5)
SHAPE = [1, 3, 16, 40]


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


@pytest.fixture(scope="module")
def real() -> onnx.ModelProto:
    """Convolution, depthwise, pooling, product and softmax."""
    constants = {"w0": weights(8, 3, 3, 3), "w1": weights(8, 1, 3, 3), "w2": weights(12, 8, 1, 1), "w3": weights(12, 9)}
    border = {"pads": [1, 1, 1, 1]}
    nodes = [
        ("Conv", ["x", "w0"], "a", {**border, "strides": [2, 2]}),
        ("HardSwish", ["a"], "b", {}),
        ("Conv", ["b", "w1"], "c", {**border, "group": 8}),
        ("Relu", ["c"], "d", {}),
        ("Conv", ["d", "w2", "b2"], "e", {}),
        ("Relu", ["e"], "f", {}),
        ("AveragePool", ["f"], "g", {"kernel_shape": [8, 1]}),
        ("Squeeze", ["g", "axis"], "h", {}),
        ("Transpose", ["h"], "i", {"perm": [0, 2, 1]}),
        ("MatMul", ["i", "w3"], "j", {}),
        ("Softmax", ["j"], "y", {"axis": -1}),
    ]
    constants |= {"axis": np.array([2]), "b2": weights(12, 1).ravel()}
    return network(SHAPE, nodes, constants, [1, 20, 9])


@pytest.fixture(scope="module")
def inputs() -> list[np.ndarray]:
    return [RNG.uniform(-1, 1, SHAPE).astype(np.float32) for _ in range(4)]


@pytest.fixture(scope="module")
def model(real: onnx.ModelProto, inputs: list[np.ndarray]) -> onnx.ModelProto:
    return quantised(real, inputs).model()


@pytest.fixture
def program(model: onnx.ModelProto) -> Program:
    return pipeline.to_program(model, CompileOptions())


def test_a_right_program_passes(program: Program, model: onnx.ModelProto) -> None:
    check.check_int8(program, model, Normalisation())


def the(program: Program, kind: type) -> int:
    return next(place for place, each in enumerate(program.operators) if isinstance(each.spec, kind))


def other_weights(program: Program) -> None:
    operator = program.operators[the(program, Convolution)]
    tensor = program.tensors[operator.inputs[1]]
    assert tensor.data is not None
    tensor.data = tensor.data[::-1].copy()


def lost_border(program: Program) -> None:
    operator = program.operators[the(program, Depthwise)]
    operator.spec = replace(operator.spec, zero_point=operator.spec.zero_point + 40)


def rows_for_columns(program: Program) -> None:
    operator = program.operators[the(program, Depthwise)]
    tensor = program.tensors[operator.inputs[1]]
    assert tensor.data is not None
    tensor.data = tensor.data.swapaxes(-1, -2).copy()


def other_limits(program: Program) -> None:
    operator = program.operators[the(program, Depthwise)]
    operator.spec = replace(operator.spec, epilogue=replace(operator.spec.epilogue, low=-128, zero_point=-90))


def wrong_last_layer(program: Program) -> None:
    last = [each for each in program.operators if isinstance(each.spec, Convolution)][-1]
    tensor = program.tensors[last.inputs[2]]
    assert tensor.data is not None
    tensor.data = tensor.data + np.arange(len(tensor.data), dtype=np.int32) * 4000


@pytest.mark.parametrize("spoil", [other_weights, lost_border, rows_for_columns, other_limits, wrong_last_layer])
def test_a_wrong_program_is_found(program: Program, model: onnx.ModelProto, spoil: Callable[[Program], None]) -> None:
    spoil(program)
    with pytest.raises(MiscompiledError, match=r"computes other numbers than the model: .* of layer") as found:
        check.check_int8(program, model, Normalisation())
    assert found.value.exit_code == 8


def test_a_layer_whose_last_row_nobody_reads_is_compared_too(inputs: list[np.ndarray]) -> None:
    """The pool reads 7 of 8 rows, and the convolution computes no more: a fault of its is not the pool's."""
    nodes = [
        ("Conv", ["x", "w0"], "a", {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("HardSwish", ["a"], "b", {}),
        ("AveragePool", ["b"], "c", {"kernel_shape": [3, 2], "strides": [2, 2]}),
        ("Conv", ["c", "w1"], "d", {"kernel_shape": [3, 1]}),
        ("Squeeze", ["d", "axis"], "e", {}),
        ("Transpose", ["e"], "f", {"perm": [0, 2, 1]}),
        ("Softmax", ["f"], "y", {"axis": -1}),
    ]
    constants = {"w0": weights(8, 3, 3, 3), "w1": weights(9, 8, 3, 1), "axis": np.array([2])}
    model = quantised(network(SHAPE, nodes, constants, [1, 10, 9]), inputs).model()
    program = pipeline.to_program(model, CompileOptions())
    first = program.operators[the(program, Convolution)]
    assert program.tensors[first.outputs[0]].shape[1] == 7
    check.check_int8(program, model, Normalisation())
    other_weights(program)
    with pytest.raises(MiscompiledError, match=f"{first.kind} of layer {first.layer} is off"):
        check.check_int8(program, model, Normalisation())


def test_what_an_npu_computes_is_checked_in_its_parts(real: onnx.ModelProto, inputs: list[np.ndarray]) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    model = quantised_for_a_library(real, inputs, halves_down=False).model()
    program = pipeline.to_program(model, CompileOptions())
    there = regions.compile_regions(deepcopy(program), NpuOptions("ethos-u55-128"))
    assert set(there.tensors) < set(program.tensors)
    check.check_int8(there, model, Normalisation())
    rows_for_columns(program)
    wrong = regions.compile_regions(program, NpuOptions("ethos-u55-128"))
    assert not any(isinstance(each.spec, Depthwise) for each in wrong.operators)
    with pytest.raises(MiscompiledError):
        check.check_int8(wrong, model, Normalisation())


def test_one_rounding_more_is_no_fault(program: Program, model: onnx.ModelProto) -> None:
    operator = program.operators[the(program, Convolution)]
    scale = program.tensors[operator.inputs[3]]
    assert scale.data is not None
    scale.data = (scale.data * np.float32(1.0005)).astype(np.float32)
    check.check_int8(program, model, Normalisation())


def test_another_normalisation_is_found(program: Program, model: onnx.ModelProto) -> None:
    program.normalisation = Normalisation((0.4, 0.5, 0.6), (0.25, 0.5, 0.25))
    with pytest.raises(MiscompiledError):
        check.check_int8(program, model, Normalisation())


def test_compile_checks_and_leaves_nothing_behind(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pipeline.to_program

    def spoiled(*arguments: object) -> Program:
        kernel_arrays = original(*arguments)  # type: ignore[arg-type]
        rows_for_columns(kernel_arrays)
        return kernel_arrays

    monkeypatch.setattr(pipeline, "to_program", spoiled)
    options = CompileOptions(width=64)
    with pytest.raises(MiscompiledError):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)
    assert not any(tmp_path.iterdir())
    written = pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, replace(options, check=False))
    assert written.directory.is_dir()


@pytest.mark.parametrize("bias", [2**31 - 1, -(2**31) + 1, 2**31 - 2000])
def test_a_sum_that_could_leave_32_bits_is_refused(model: onnx.ModelProto, bias: int) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(model)
    tensor = next(each for each in large.graph.initializer if each.data_type == TensorProto.INT32 and len(each.dims))
    values = np.frombuffer(tensor.raw_data, np.int32).copy()
    values[0] = bias
    tensor.raw_data = values.tobytes()
    with pytest.raises(UnsupportedError, match="can leave 32 bits"):
        pipeline.to_program(large, CompileOptions())


def with_region(program: Program, **other: object) -> Program:
    """The program with other values of Vela's output for its first region."""
    place = next(n for n, each in enumerate(program.operators) if isinstance(each.spec, Region))
    spec = program.operators[place].spec
    assert isinstance(spec, Region) and spec.compiled is not None
    program.operators[place].spec = replace(spec, compiled=replace(spec.compiled, **other))  # type: ignore[arg-type]
    return program


def forged(name: str, compiled: Compiled) -> dict[str, object]:
    """Vela's output as a fault of its could leave it."""
    commands = list(decode(compiled.commands))
    if name == "zero points":
        changed = [
            (
                each.name,
                (each.parameter + 9) % 256 if each.name.endswith("_ZERO_POINT") else each.parameter,
                each.payload,
            )
            for each in commands
        ]
    elif name == "an address":
        changed = [
            (each.name, each.parameter, each.payload + 48 if each.name == "NPU_SET_IFM_BASE0" else each.payload)
            for each in commands
        ]
    else:
        first = next(each for each in commands if each.name in ("NPU_OP_CONV", "NPU_OP_DEPTHWISE"))
        changed = [(each.name, each.parameter, each.payload) for each in commands if each is not first]
    return {"commands": np.asarray([w for each in changed for w in encode(*each)], np.uint32)}


@pytest.mark.parametrize("fault", ["zero points", "an address", "an operation left out"])
def test_what_vela_made_is_run(fault: str, real: onnx.ModelProto, inputs: list[np.ndarray]) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    model = quantised_for_a_library(real, inputs, halves_down=False).model()
    options = CompileOptions(npu="ethos-u55-128")
    targets = choice.targets_for(options)
    program, plan = pipeline.planned(model, targets, options)
    check.check_int8(program, model, Normalisation(), plan)
    region = next(each.spec for each in program.operators if isinstance(each.spec, Region))
    assert region.compiled is not None
    wrong = with_region(program, **forged(fault, region.compiled))
    check.check_int8(wrong, model, Normalisation())  # its parts are right
    with pytest.raises(MiscompiledError, match="the accelerator's region_0"):
        check.check_int8(wrong, model, Normalisation(), plan)


def test_one_wrong_weight_of_vela_is_found(real: onnx.ModelProto, inputs: list[np.ndarray]) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    model = quantised_for_a_library(real, inputs, halves_down=False).model()
    options = CompileOptions(npu="ethos-u55-128")
    program, plan = pipeline.planned(model, choice.targets_for(options), options)
    accelerator_check.check_weights(program, plan)
    region = next(each.spec for each in program.operators if isinstance(each.spec, Region))
    tensors = {**region.part_tensors, **program.tensors}
    given = [tensors[name] for part in region.parts for name in part.inputs]
    weights = next(each for each in given if each.data is not None and each.dtype == "int8" and each.data.ndim == 4)
    assert weights.data is not None
    weights.data = weights.data.copy()
    weights.data.flat[0] += 1 if weights.data.flat[0] < 127 else -1
    with pytest.raises(MiscompiledError, match="of the accelerator's region_0 have other weights"):
        accelerator_check.check_weights(program, plan)


def test_a_miscompile_of_vela_is_found_by_compile(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    original = vela.compile_region

    def spoiled(name: str, *arguments: object) -> Compiled:
        compiled = original(name, *arguments)  # type: ignore[arg-type]
        return replace(compiled, **forged("zero points", compiled))  # type: ignore[arg-type]

    monkeypatch.setattr(vela, "compile_region", spoiled)
    options = CompileOptions(width=64, npu="ethos-u55-128")
    with pytest.raises(MiscompiledError, match="the accelerator's region_"):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)
    assert not any(tmp_path.iterdir())


def test_what_takes_too_long_on_the_model_of_the_npu_is_left_out(
    real: onnx.ModelProto, inputs: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    model = quantised_for_a_library(real, inputs, halves_down=False).model()
    options = CompileOptions(npu="ethos-u55-128")
    program, plan = pipeline.planned(model, choice.targets_for(options), options)
    monkeypatch.setattr(accelerator_check, "MOST_MACS", 1000)
    check.check_int8(program, model, Normalisation(), plan)
    (line,) = capsys.readouterr().err.splitlines()
    assert "was not compared" in line and "multiply-accumulates" in line
