"""Small networks with odd forms of operators, compiled in every way: as ONNX Runtime computes them, or one sentence."""

from __future__ import annotations

import random
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import onnx

from ocrm55.compiler import check, pipeline
from ocrm55.compiler.onnx_graph import folding, frontend
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import fused, unfused
from ocrm55.compiler.targets import choice
from ocrm55.errors import MiscompiledError, UnsupportedError
from ocrm55.export import onnx_model
from ocrm55.normalisation import Normalisation
from tests.random_networks import odd_graph, quantisers, trial
from tests.random_networks.networks import Case, picture
from tests.random_networks.odd_graph import OddGraph, RefusedNodeError
from tests.random_networks.odd_operators import OTHERS, USUAL
from tests.random_networks.programs import Planned

STYLES = ("float32", "fused", "unfused", "library", "everywhere")
LONGEST = 10.0  # seconds of this process for a network: a hang
# Functions with steps: where a value is near one, rounding changes all.
STEPS = frozenset(
    "ArgMax ArgMin Cast Ceil Floor Greater Hardmax Less Mod Round Shrink Sign ThresholdedRelu TopK Where".split()
)
MOST_LOST = 0.35  # of a network's deviation, by int8: rounding costs less, a lost factor or border costs more


def case(seed: int, style: str | None = None) -> Case:
    """The odd network with a number, always the same."""
    chance = random.Random(seed)
    drawn = chance.choice(STYLES)
    g = OddGraph(chance, chance.choice(odd_graph.OPSETS))
    shape = (1, chance.choice((1, 3, 3, 3)), chance.randint(2, 8), chance.randint(2, 12))
    forms = USUAL if g.some(0.6) else USUAL | OTHERS
    g.values["x"] = picture(g.numbers, shape, smooth=False)
    x = "x"
    if g.some(0.8):
        x = g.node("Conv", [x, g.normal(chance.choice((1, 2, 4, 6)), shape[1], 3, 3)], pads=[1, 1, 1, 1])
        x = g.node("Relu", [x]) if g.some(0.6) else x
    wanted, grown = chance.randint(1, 3), 0
    for _ in range(40):
        count, (form,) = len(g.nodes), chance.choices(list(forms), list(forms.values()))
        try:
            x = form(g, x)
            grown += 1
        except (RefusedNodeError, ValueError, IndexError):  # not with this tensor, or not in this opset
            del g.nodes[count:]
        if grown == wanted:
            break
    return Case(seed, style or drawn, _ended(g, x))


def _ended(g: OddGraph, x: str) -> onnx.ModelProto:
    """Rows as the output, perhaps classes of them, or whatever there is."""
    if not 2 <= len(g.shape(x)) <= 4 or g.shape(x)[0] != 1 or g.some(0.3):
        x = g.node("Reshape", [x, g.ints(1, -1, g.shape(x)[-1] if g.shape(x) else 1)])
    if g.some(0.4):
        x = g.node("MatMul", [x, g.normal(g.shape(x)[-1], 5)])
        x = g.node("Softmax", [x], axis=len(g.shape(x)) - 1) if g.some(0.6) else x
    if g.some(0.03):
        x = g.chance.choice(["x", *g.constants])
    if g.some(0.2):
        for node in g.nodes:
            node.name = "" if g.some(0.9) else "same"
    return g.model([x], constants_among_inputs=g.some(0.1))


class SlowError(BaseException):
    """A network takes too long."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise SlowError inside when it takes longer, counted in this process's own time."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SlowError

    old = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


def compiled(case: Case) -> trial.Compiled:
    """Through the pipeline, as `compile` does it, or in float32 as `tvmc compile` does. Raises Ocrm55Error."""
    try:
        with limited(LONGEST):
            return _compiled(case)
    except SlowError as trouble:
        raise MiscompiledError(f"it takes longer than {LONGEST:g} s.") from trouble


def _compiled(case: Case) -> trial.Compiled:
    precision = "float32" if case.style == "float32" else "int8"
    options = CompileOptions(model_name="test", prefix=f"o{case.seed}_{case.style}", precision=precision)
    if case.style == "library":
        options = replace(options, kernels=("cmsis-nn",))
    inputs = case.inputs(4)
    model = _cleaned(case) if case.seed % 2 or case.style in ("fused", "unfused", "library") else trial.read(case.model)
    frontend.check(model)
    _check_same("reading", case.model, model, inputs)
    targets = choice.targets_for(options)
    if precision == "int8":
        real, model = model, _quantised(model, case, inputs)
        _check_close(real, model, inputs)
    program, plan = pipeline.planned(model, targets, options)
    if precision == "int8":
        _check_int8(program, model, case, inputs)
        return trial.Compiled(case, model, Planned(program, plan, [_integers(program, x) for x in inputs[:2]]))
    for output in trial.by_onnx_runtime(model, inputs[:2]):
        check.check_numbers(output)
    return trial.Compiled(case, model, Planned(program, plan, inputs[:2]))


def _check_int8(program: Program, model: onnx.ModelProto, case: Case, inputs: list[np.ndarray]) -> None:
    """As `compile` does; `check_int8` draws pictures of three channels only."""
    if case.shape[1] == 3:
        check.check_int8(program, model, Normalisation())
        return
    chosen = [*inputs[:2], np.zeros_like(inputs[0])]
    check.check_tensors(program, model, chosen, [_integers(program, tensor) for tensor in chosen].__getitem__)


def _integers(program: Program, tensor: np.ndarray) -> np.ndarray:
    """An input of any number of channels as int8."""
    given = program.input.quantization
    assert given is not None
    values = np.rint(tensor / np.float32(given.step)) + given.zero_point
    return np.clip(values, -128, 127).astype(np.int8).transpose(0, 2, 3, 1)


def _cleaned(case: Case) -> onnx.ModelProto:
    """As `ocrm55 compile` reads a file; `tvmc compile` takes it as it is."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(case.model.SerializeToString())
        file.flush()
        return onnx_model.static_file(Path(file.name), case.shape)


def _quantised(model: onnx.ModelProto, case: Case, inputs: list[np.ndarray]) -> onnx.ModelProto:
    frontend.check_interface(model)
    folded = Graph(model)
    folding.fold(folded)
    _check_same("folding", model, folded.model(), inputs)
    graph = Graph(model)
    if case.style == "everywhere":
        try:
            return quantisers.everywhere(model, inputs, random.Random(case.seed))
        except Exception as trouble:  # it is a part of the tests, and knows the usual operators
            raise UnsupportedError("the quantiser of the tests does not know it.") from trouble
    if case.style == "fused":
        fused.quantize(graph, inputs)
    else:
        unfused.quantize(graph, inputs, halves_down=case.style == "library")
    return graph.model()


def _check_same(what: str, before: onnx.ModelProto, after: onnx.ModelProto, inputs: list[np.ndarray]) -> None:
    """Raise MiscompiledError where a step changes what a model computes, or no longer can be computed."""
    name = before.graph.input[0].name
    try:
        wanted = odd_graph.computed(before, {name: inputs[0]})[0]
    except RefusedNodeError:
        return
    try:
        found = odd_graph.computed(_named(after), {name: inputs[0]})[0]
    except RefusedNodeError as trouble:
        raise MiscompiledError(f"{what} gives a model that does not run: {trouble}") from trouble
    if not np.isfinite(wanted).all():
        return
    largest = max(1.0, float(np.abs(wanted).max()))
    if found.shape != wanted.shape or not np.allclose(found, wanted, rtol=1e-3, atol=1e-4 * largest):
        raise MiscompiledError(f"{what} changes the numbers of the model.")


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """With names that differ, which ONNX Runtime asks for."""
    named = onnx.ModelProto()
    named.CopyFrom(model)
    for number, node in enumerate(named.graph.node):
        node.name = f"n{number}"
    return named


def _check_close(real: onnx.ModelProto, quantised: onnx.ModelProto, inputs: list[np.ndarray]) -> None:
    """Raise MiscompiledError where int8 gives something else altogether; ONNX Runtime computes both."""
    if STEPS.intersection(node.op_type for node in real.graph.node):
        return
    name = real.graph.input[0].name
    try:
        wanted, found = (
            np.stack([odd_graph.computed(_named(model), {name: tensor})[0] for tensor in inputs]).astype(np.float64)
            for model in (real, quantised)
        )
    except RefusedNodeError:
        return
    if not np.isfinite(wanted).all():
        return
    if wanted.shape != found.shape:
        raise MiscompiledError("quantising changes the shape of the output.")
    spread = max(float(wanted.std()), 0.02 * float(np.abs(wanted).max()), 1e-4)
    lost = float(np.sqrt(np.square(found - wanted).mean())) / spread
    if not lost < MOST_LOST:
        raise MiscompiledError(f"int8 loses {lost:.0%} of the output's deviation.")
