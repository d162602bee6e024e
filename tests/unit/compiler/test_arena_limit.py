"""--arena-limit: the cheapest plan that fits, the same bits from every plan, and what to try where none fits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.compiler import arena_limit, pipeline
from ocrm55.compiler.memory import output_rows, overlap
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.int8.convolution import Depthwise, Pointwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import fused
from ocrm55.compiler.targets.choice import on_core
from ocrm55.errors import UnsupportedError
from tests.random_networks.networks import case

TARGETS = on_core("int8")


@st.composite
def networks(draw) -> Program:
    """Blocks of a depthwise and a pointwise layer, with strides, odd heights and growth as in the recognizer."""
    program = Program("random", "int8")
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    height, width, channels = draw(st.integers(1, 9)), draw(st.integers(1, 19)), draw(st.sampled_from([3, 16, 24]))
    program.add(Tensor("x", (1, height, width, channels), "int8", "input", "x"))
    last = "x"
    for index in range(draw(st.integers(1, 4))):
        stride, kernel = draw(st.sampled_from([1, 2])), draw(st.sampled_from([3, 5]))
        outputs = draw(st.sampled_from([4, 16, 40]))
        last = _block(program, index, last, (channels, height, width), (kernel, stride, outputs), rng)
        _, height, width, channels = program.tensors[last].shape
    program.tensors[last].role = "output"
    return program


def _block(
    program: Program,
    index: int,
    image: str,
    size: tuple[int, int, int],
    layer: tuple[int, int, int],
    rng: np.random.Generator,
) -> str:
    """Add a depthwise and a pointwise layer. size: channels, height and width; layer: kernel, stride and channels."""
    (channels, height, width), (kernel, stride, outputs) = size, layer
    rows = (height + kernel // 2 * 2 - kernel) // stride + 1
    spec = Depthwise(
        channels, height, width, channels, rows, width, (kernel, kernel), (stride, 1), (kernel // 2,) * 2, -128,
        Epilogue("clamp", channels),
    )  # fmt: skip
    last = _layer(program, f"d{index}", spec, image, rng.integers(-99, 99, (channels, 1, kernel, kernel)))
    one = (1, 1)
    geometry = (channels, rows, width, outputs, rows, width, one, one, (0, 0))
    pointwise = Pointwise(*geometry, -128, Epilogue("clamp", outputs))
    return _layer(program, f"p{index}", pointwise, last, rng.integers(-99, 99, (outputs, channels, 1, 1)))


def _layer(program: Program, name: str, spec: Pointwise | Depthwise, image: str, weights: np.ndarray) -> str:
    bias, scale = np.zeros(spec.outputs, np.int32), np.full(spec.outputs, 0.002, np.float32)
    inputs = [image]
    for what, data in (("w", weights.astype(np.int8)), ("b", bias), ("s", scale)):
        inputs.append(program.add(Tensor(f"{name}_{what}", data.shape, str(data.dtype), "weight", name, data)).name)
    shape = (1, spec.output_height, spec.output_width, spec.outputs)
    output = program.add(Tensor(name, shape, "int8", "activation", name)).name
    program.operators.append(Operator(name, name, spec, inputs, [output]))
    return output


def computed(choice: arena_limit.Choice, image: np.ndarray) -> np.ndarray:
    """What the plan's program leaves in the arena when each operator reads and writes at its planned place.

    Pointwise layers go chunk by chunk in the planned order. What one of them overwrites too early is lost.
    """
    from ocrm55.compiler.reference.int8.network import COMPUTE

    program, plan = choice.program, choice.plan
    arena = np.full(plan.arena_bytes, 85, np.int8)

    def area(name: str) -> np.ndarray:
        start = plan.offsets[name]
        return arena[start : start + program.tensors[name].bytes]

    area(program.input.name)[:] = image.reshape(-1)
    for operator in program.steps:
        spec, output = operator.spec, area(operator.outputs[0])
        weights = [program.tensors[name].data for name in operator.inputs[1:]]
        for workspace in operator.workspaces:
            start = plan.workspace_offset(operator, workspace.name)
            arena[start : start + workspace.bytes] = 99
        x = area(operator.inputs[0])
        if not (isinstance(spec, Pointwise) and spec.chunk):
            output[:] = COMPUTE[type(spec)](spec, x.copy(), *weights).reshape(-1)
            continue
        pixels = spec.output_height * spec.output_width
        firsts = range(0, pixels, spec.chunk)
        for first in reversed(firsts) if spec.backwards else firsts:
            end = min(first + spec.chunk, pixels)
            part = Pointwise(
                spec.channels, 1, end - first, spec.outputs, 1, end - first, (1, 1), (1, 1), (0, 0), 0, spec.epilogue
            )
            rows = x[first * spec.channels : end * spec.channels].copy()
            strip = COMPUTE[Pointwise](part, rows, *weights)
            output[first * spec.outputs : end * spec.outputs] = strip.reshape(-1)
    return area(program.output.name).copy()


@given(networks(), st.integers(0, 100), st.sampled_from([0, 1, 64, 300]))
@settings(max_examples=80, deadline=None)
def test_every_plan_computes_the_same(lowered, percent, chunk_bytes):
    plain = arena_limit.choose(lowered, TARGETS, None)
    image = np.random.default_rng(1).integers(-128, 128, lowered.input.shape, dtype=np.int8)
    expected = computed(plain, image)
    assert (computed(arena_limit._planned(lowered, TARGETS, chunk_bytes, 0), image) == expected).all()
    try:
        limited = arena_limit.choose(lowered, TARGETS, max(plain.arena_bytes * percent // 100, 1))
    except UnsupportedError as trouble:
        least = int(trouble.tries[0].split()[-1])
        limited = arena_limit.choose(lowered, TARGETS, least)
        assert limited.arena_bytes == least
    assert (computed(limited, image) == expected).all()


@given(networks())
@settings(max_examples=60, deadline=None)
def test_no_limit_that_a_plan_keeps_is_refused(lowered):
    _check_refusals(lowered)


def test_the_smallest_chunks_may_have_a_larger_arena():
    """In chunks of 1,024 bytes the first layer goes from last to first here; what follows then takes 640 bytes more."""
    program = Program("found", "int8")
    program.add(Tensor("x", (1, 8, 7, 24), "int8", "input", "x"))
    last, rng = "x", np.random.default_rng(1)
    for index, (channels, kernel) in enumerate(((24, 3), (16, 5), (16, 3))):
        last = _block(program, index, last, (channels, 8, 7), (kernel, 1, 16), rng)
    program.tensors[last].role = "output"
    threshold = arena_limit._thresholds(program)[0]
    arenas = [arena_limit._planned(program, TARGETS, chunk, threshold).arena_bytes for chunk in overlap.CHUNK_BYTES]
    assert min(arenas) < arenas[-1]
    _check_refusals(program)


def _check_refusals(lowered: Program) -> None:
    """Every arena of a plan is a limit that is kept; one byte less than the smallest of them is not, and names it."""
    plain = arena_limit.choose(lowered, TARGETS, None)
    thresholds = arena_limit._thresholds(lowered)
    arenas = {plain.arena_bytes}
    for threshold in thresholds:
        for chunk in overlap.CHUNK_BYTES:
            arena = arena_limit._planned(lowered, TARGETS, chunk, threshold).arena_bytes
            assert arena_limit.least_arena(plain.program, chunk, threshold) <= arena
            arenas.add(arena)
    for limit in sorted(arenas):
        assert arena_limit.choose(lowered, TARGETS, limit).arena_bytes <= limit
    with pytest.raises(arena_limit.ArenaLimitError, match=f"found takes {min(arenas):,} bytes; the limit"):
        arena_limit.choose(lowered, TARGETS, min(arenas) - 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_the_least_arenas_of_random_networks(seed):
    graph = Graph(case(seed, "fused").model)
    try:
        fused.quantize(graph, [])
        lowered = pipeline.to_program(graph.model(), CompileOptions(precision="int8"))
        arena_limit.choose(lowered, TARGETS, None)
    except UnsupportedError:
        return
    for program in filter(None, [lowered, *(output_rows.striped(lowered, rows) for rows in output_rows.ROWS)]):
        plain = arena_limit.choose(program, TARGETS, None)
        for threshold in arena_limit._thresholds(program):
            for chunk in overlap.CHUNK_BYTES:
                least = arena_limit.least_arena(plain.program, chunk, threshold)
                assert least <= arena_limit._planned(program, TARGETS, chunk, threshold).arena_bytes


def test_less_memory_costs_more_reading(int8_network):
    lowered = pipeline.to_program(_model(int8_network), CompileOptions(precision="int8"))
    choices = [arena_limit.choose(lowered, TARGETS, kilo * 1024) for kilo in (512, 384, 256)]
    assert [choice.arena_bytes <= kilo * 1024 for choice, kilo in zip(choices, (512, 384, 256), strict=True)] == [
        True
    ] * 3
    costs = [choice.reread_bytes for choice in choices]
    assert costs == sorted(costs)
    assert choices[0].arena_bytes > choices[1].arena_bytes > choices[2].arena_bytes
    assert len({choice.program.macs for choice in choices}) == 1


def test_the_least_that_a_refusal_names_is_possible(int8_network):
    lowered = pipeline.to_program(_model(int8_network), CompileOptions(precision="int8"))
    with pytest.raises(UnsupportedError, match="bytes; the limit is 192,000") as trouble:
        arena_limit.choose(lowered, TARGETS, 192_000)
    least = int(trouble.value.tries[0].split()[-1])
    assert arena_limit.choose(lowered, TARGETS, least).arena_bytes == least
    assert overlap.reread_bytes(lowered) == 0  # what was lowered stays as it was


def _model(network):
    import onnx

    return onnx.load(network.directory / "model.onnx")


def test_a_network_is_lowered_once_where_the_coupled_memory_is_too_small(monkeypatch):
    """The first plan is for an arena beside the core; where that fails, the same lowered network is planned again."""
    lowered = Program("small", "int8")
    lowered.add(Tensor("x", (1, 4, 6, 8), "int8", "input", "x"))
    spec = Pointwise(8, 4, 6, 8, 4, 6, (1, 1), (1, 1), (0, 0), -128, Epilogue("clamp", 8))
    lowered.tensors[_layer(lowered, "p", spec, "x", np.ones((8, 8, 1, 1)))].role = "output"
    asked = []

    def to_program(model: object, options: CompileOptions) -> Program:
        asked.append(model)
        return lowered

    monkeypatch.setattr(pipeline, "to_program", to_program)
    monkeypatch.setattr(pipeline.placement, "arena_room", lambda memories, coupled=True: 1)
    memories = CompileOptions().board.memories
    program, plan = pipeline.planned_for(memories, None, TARGETS, CompileOptions(precision="int8"))  # type: ignore[arg-type]
    assert len(asked) == 1
    assert program is not lowered and program.steps[0].target == "m55" and not lowered.steps[0].target
    assert plan.arena_bytes == arena_limit.choose(lowered, TARGETS, None).arena_bytes > 1


@pytest.mark.parametrize(("limit", "taken"), [(950, 900), (899, None)])
def test_fewer_stripes_may_be_the_smaller_arena(limit, taken, monkeypatch):
    """Rows that the next stripe reads again are kept, so that more stripes are not always less memory."""
    arenas = dict.fromkeys(arena_limit.STRIPES, 1100) | {24: 900, 40: 1000}
    monkeypatch.setattr(
        arena_limit, "_in_stripes", lambda *given: SimpleNamespace(arena_bytes=arenas[given[-1][0]], striping_cost=1)
    )
    monkeypatch.setattr(arena_limit, "_in_fewer_stripes", lambda *given: given[-1])
    monkeypatch.setattr(arena_limit, "Striping", lambda program: SimpleNamespace(candidates={"a": 5000, "b": 4000}))
    fitting = []
    found = arena_limit._striped(None, TARGETS, limit, fitting)
    assert [choice.arena_bytes for choice in fitting] == ([taken] if taken else [])
    assert min(found) == (taken or min(arenas.values()))
