"""Compile random networks, run them and compare them: what is wrong is a finding, what is refused is counted."""

from __future__ import annotations

import random
import re
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import onnx

from ocrm55.compiler import check, pipeline
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import fused, unfused
from ocrm55.compiler.reference.cmsis_nn.network import CmsisNnReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import choice
from ocrm55.errors import MiscompiledError, Ocrm55Error
from ocrm55.normalisation import Normalisation
from tests.random_networks import quantisers
from tests.random_networks.networks import Case
from tests.random_networks.programs import Builder, Planned, Ran

BATCH = 40
TOLERANCE = 3e-5  # of float32, beside what the network itself makes of a change of the input's last bits


@dataclass(frozen=True)
class Result:
    """seed, style: of the network. kind: `right`, `refused` or `wrong`. reason: why, without the names of layers."""

    seed: int
    style: str
    kind: str
    reason: str = ""


@dataclass(frozen=True)
class Compiled:
    """model: as ONNX Runtime computes it to compare with; in int8 with QDQ nodes."""

    case: Case
    model: onnx.ModelProto
    planned: Planned


def run(
    cases: Iterable[Case], builder: Builder, compiled_as: Callable[[Case], Compiled] | None = None
) -> Iterator[Result]:
    """The result of each case, in batches. compiled_as: what compiles a case, as `compile` does if None."""
    pending = iter(cases)
    while batch := list(islice(pending, BATCH)):
        compiled = []
        for case in batch:
            made = _compiled(case, compiled_as or _compile)
            if isinstance(made, Result):
                yield made
            elif not builder.builds(made.planned):
                yield Result(case.seed, case.style, "right")  # as far as it can be seen without the library
            else:
                compiled.append(made)
        yield from _executed(compiled, builder)


def _executed(compiled: Sequence[Compiled], builder: Builder) -> Iterator[Result]:
    if not compiled:
        return
    try:
        ran = builder.run([each.planned for each in compiled])
    except RuntimeError as trouble:  # C that does not compile: find out whose
        if len(compiled) == 1:
            yield Result(compiled[0].case.seed, compiled[0].case.style, "wrong", str(trouble))
            return
        middle = len(compiled) // 2
        yield from _executed(compiled[:middle], builder)
        yield from _executed(compiled[middle:], builder)
        return
    for each, outcome in zip(compiled, ran, strict=True):
        reason = outcome.trouble or _difference(each, outcome)
        yield Result(each.case.seed, each.case.style, "wrong" if reason else "right", reason)


def _compiled(case: Case, compiled_as: Callable[[Case], Compiled]) -> Compiled | Result:
    """Through the pipeline, as `compile` does it."""
    try:
        return compiled_as(case)
    except MiscompiledError as trouble:
        return Result(case.seed, case.style, "wrong", trouble.sentence)
    except Ocrm55Error as trouble:
        if not trouble.sentence.endswith(".") or not trouble.sentence:
            return Result(case.seed, case.style, "wrong", f"no sentence: {trouble.sentence}")
        return Result(case.seed, case.style, "refused", _general(trouble.sentence))
    except Exception as trouble:
        frames = traceback.extract_tb(trouble.__traceback__)[-3:]
        places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        return Result(case.seed, case.style, "wrong", f"{type(trouble).__name__}: {str(trouble)[:300]} ({places})")


def _general(sentence: str) -> str:
    """A reason without names and numbers."""
    return re.sub(r"\b[A-Z]\w*\.\d[\w.]*\b|\b[ct]\d+\b|\blv\d*\b|\d+", "_", sentence)[:150]


def _compile(case: Case) -> Compiled:
    precision = "float32" if case.style == "float32" else "int8"
    options = CompileOptions(model_name="test", prefix=f"n{case.seed}_{case.style}", precision=precision)
    model = read(quantised(case))
    targets = choice.targets_for(options)
    program, plan = pipeline.planned(model, targets, options)
    if precision == "int8":
        check.check_int8(program, model, Normalisation())
    inputs = case.inputs(2, first=1)
    if precision == "int8":
        inputs = [integers(program, tensor) for tensor in inputs]
    else:
        for output in by_onnx_runtime(model, inputs):
            check.check_numbers(output)  # as `compile` does: nothing can be compared with what is no number
    return Compiled(case, model, Planned(program, plan, inputs))


def read(model: onnx.ModelProto) -> onnx.ModelProto:
    """Through a file, as a stranger's model comes in."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model.SerializeToString())
        file.flush()
        return entrance.read(Path(file.name))


def quantised(case: Case) -> onnx.ModelProto:
    """The case's model in its style."""
    if case.style == "float32":
        return case.model
    inputs = case.inputs(4)
    if case.style == "everywhere":
        return quantisers.everywhere(case.model, inputs, random.Random(case.seed))
    graph = Graph(case.model)
    if case.style == "fused":
        fused.quantize(graph, inputs)
    else:
        unfused.quantize(graph, inputs, halves_down=False)
    return graph.model()


def integers(program: object, tensor: np.ndarray) -> np.ndarray:
    """A picture as the input tensor of an int8 program, from the bytes that the firmware gets."""
    pixels = np.rint((tensor[0].transpose(1, 2, 0) * 0.5 + 0.5) * 255).astype(np.uint8)
    return IntegerReference(program).input_of(pixels)  # type: ignore[arg-type]


def _difference(each: Compiled, ran: Ran) -> str:
    program = each.planned.program
    for tensor, found in zip(each.planned.inputs, ran.outputs, strict=True):
        if program.precision == "int8":
            expected = CmsisNnReference(program).run(tensor).astype(np.float32).reshape(found.shape)
            if not np.array_equal(found.view(np.int32), expected.view(np.int32)):
                return f"the C differs from the integer reference: {_where(found, expected)}"
            continue
        expected, near = by_onnx_runtime(each.model, [tensor, tensor * np.float32(1 + 1e-6)])
        if found.size != expected.size:
            return f"the output has {found.size} values, not {expected.size}"
        least = TOLERANCE * max(1.0, float(np.abs(expected).max()))
        off = np.abs(found.reshape(expected.shape) - expected) - 20 * np.abs(near - expected).max()
        if not (off <= least).all():
            return f"the C differs from ONNX Runtime: {_where(found.reshape(expected.shape), expected)}"
    return ""


def by_onnx_runtime(model: onnx.ModelProto, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
    from ocrm55.compiler.quantization import calibration

    session = calibration.open_session(model, optimise=False)
    return [session.run(None, {"x": tensor})[0] for tensor in tensors]


def _where(found: np.ndarray, expected: np.ndarray) -> str:
    off = ~np.isclose(found, expected, rtol=1e-4, atol=1e-5)
    return f"{off.mean():.0%} of {found.shape}, by up to {np.abs(found - expected).max():.4g}"
