"""Stripes of rows: the same bits from every plan, windows that keep what is read again, and the limits of what fits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.compiler import arena_limit, pipeline
from ocrm55.compiler.memory.stripes import Striping
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, SumUpsampled
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.moves import Move
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.operators.stripes import Segment, Window
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8 import stripes
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.choice import on_core
from ocrm55.errors import Ocrm55Error, UnsupportedError
from tests.random_networks import trial
from tests.random_networks.networks import case
from tests.random_networks.programs import Builder, Planned

TARGETS = on_core("int8")


class Network:
    """An int8 program under construction, of operators with random weights."""

    def __init__(self, height: int, width: int, channels: int = 3, seed: int = 0) -> None:
        self.program = Program("hand_made", "int8")
        self.rng = np.random.default_rng(seed)
        image = Tensor("x", (1, height, width, channels), "int8", "input", "x", channels_last=True)
        self.last = self.program.add(image).name

    def conv(self, outputs: int, kernel: int = 3, stride: int = 1, image: str = "", *, depthwise: bool = False) -> str:
        image = image or self.last
        _, height, width, channels = self.program.tensors[image].shape
        kind = Depthwise if depthwise else Convolution if kernel > 1 else Pointwise
        outputs = channels if depthwise else outputs
        size = tuple((extent + kernel // 2 * 2 - kernel) // stride + 1 for extent in (height, width))
        spec = kind(
            channels, height, width, outputs, *size, (kernel,) * 2, (stride,) * 2, (kernel // 2,) * 2, -128,
            Epilogue("clamp", outputs),
        )  # fmt: skip
        weights = self.rng.integers(-99, 99, (outputs, 1 if depthwise else channels, kernel, kernel)).astype(np.int8)
        inputs = [image, self.weight(weights), self.weight(np.zeros(outputs, np.int32))]
        inputs.append(self.weight(np.full(outputs, 0.02 / (kernel * channels**0.5), np.float32)))
        return self.add(spec, inputs, (1, *size, outputs))

    def weight(self, data: np.ndarray) -> str:
        return self.program.add(Tensor("w", data.shape, str(data.dtype), "weight", "w", data)).name

    def add(self, spec: object, inputs: list[str], shape: tuple[int, ...], dtype: str = "int8") -> str:
        name = self.program.add(Tensor(f"t{len(self.program.operators)}", shape, dtype, "activation", "t")).name
        self.program.operators.append(Operator(name, name, spec, inputs, [name]))  # type: ignore[arg-type]
        self.last = name
        return name

    def gate(self, image: str) -> str:
        """An image times what its means say."""
        _, height, width, channels = self.program.tensors[image].shape
        pool = AveragePool(
            channels, height, width, 1, 1, (height, width), (1, 1), -128, -128, float(np.float32(1 / height / width))
        )
        means = self.add(pool, [image], (1, 1, 1, channels))
        spec = ChannelMultiply(height * width, channels, -128, -128, -128, float(np.float32(1 / 255)))
        return self.add(spec, [image, means], (1, height, width, channels))

    def upsampled_sum(self, image: str, low: str, factor: int = 2) -> str:
        _, *size = self.program.tensors[image].shape
        return self.add(
            SumUpsampled(*size, (factor, factor), 0.1, -128, 0.1, -128, 0.2, -128), [image, low], (1, *size)
        )

    def enlarged(self, image: str) -> str:
        _, height, width, channels = self.program.tensors[image].shape
        row = width * channels
        sizes, strides = (height, 2, width, 2, channels), (row, 0, channels, 0, 1)
        places = (4 * row, 2 * row, 2 * channels, channels, 1)
        return self.add(Move(sizes, strides, places, 0), [image], (1, 2 * height, 2 * width, channels))

    def done(self) -> Program:
        shape = self.program.tensors[self.last].shape
        self.add(Dequantize(int(np.prod(shape)), 0.1, -128), [self.last], shape, "float32")
        self.program.tensors[self.last].role = "output"
        return self.program


def detector(height: int = 48, width: int = 64) -> Program:
    """A detector's parts: a residual stem, a level of half the size with a gate, a sum of both, an enlarged map."""
    n = Network(height, width)
    n.conv(8, 3, 2)
    high = n.conv(8, depthwise=True)
    n.conv(48, 1)
    low = n.conv(0, 5, 2, depthwise=True)
    level = n.conv(16, 1, image=low)
    gated = n.gate(level)
    total = n.upsampled_sum(n.conv(16, 1, image=high), gated)
    n.conv(8, 3, image=total)
    n.enlarged(n.last)
    n.conv(1, 3)
    return n.done()


def image_of(program: Program, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, program.input.shape, dtype=np.int8)


def check_bits(program: Program, striped: Program) -> None:
    assert stripes.agrees(striped, IntegerReference(program), image_of(program))


@pytest.mark.parametrize("number", [2, 3, 5, 8, 12, 24])
def test_a_detector_gives_the_same_bits_and_computes_nothing_twice(number):
    program = detector()
    striped = Striping(program).striped(1, [number])
    assert striped is not None and striped.input_by_rows
    check_bits(program, striped)
    operators = {o.outputs[0]: o for o in program.operators}
    for segment in striped.segments:
        assert segment.macs == sum(operators[name].macs for name in segment.pieces)


def test_what_needs_a_tensor_whole_ends_a_segment():
    striped = Striping(detector()).striped(1, [4])
    assert striped is not None
    pooled = [o for o in striped.operators if isinstance(o.spec, AveragePool)]
    for operator in pooled:
        assert striped.window(operator.inputs[0]) is None
        assert all(operator.outputs[0] not in segment.pieces for segment in striped.segments)
    order = [operator.outputs[0] for operator in striped.operators]
    for segment in striped.segments:
        places = [order.index(name) for name in segment.outputs]
        assert places == list(range(places[0], places[0] + len(places)))


def test_rows_are_asked_for_from_the_top_down_each_once():
    striped = Striping(detector()).striped(1, [7])
    assert striped is not None
    (segment,) = (s for s in striped.segments if s.input)
    fresh = [segment.windows["x"].fresh(stripe) for stripe in range(7)]
    assert fresh[0][0] == 0 and fresh[-1][1] == 48
    assert all(before[1] == after[0] for before, after in pairwise(fresh))


def test_a_window_says_which_rows_it_keeps():
    window = Window(((0, 5), (3, 9), (9, 10)), 7)
    assert window.bytes == 6 * 7 and window.kept_bytes == 2 * 7
    assert [window.kept(k) for k in (-1, 0, 1, 2)] == [0, 2, 0, 0]
    assert window.fresh(1) == (5, 9) and window.place(4, 1) == 1


def test_the_reference_loses_what_a_window_does_not_keep():
    """Otherwise it could not find a window that is too small."""
    program = detector()
    striped = Striping(program).striped(1, [6])
    assert striped is not None
    segment = next(s for s in striped.segments if any(w.kept_bytes for w in s.windows.values()))
    name = next(name for name, window in segment.windows.items() if window.kept_bytes)
    rows = segment.windows[name].rows
    lost = tuple((low + (1 if place == 2 else 0), end) for place, (low, end) in enumerate(rows))
    segment.windows[name] = Window(lost, segment.windows[name].row_bytes)
    with pytest.raises(AssertionError):
        check_bits(program, striped)


@st.composite
def chains(draw) -> Program:
    """Convolutions, pools and residual sums of odd sizes, strides and windows."""
    height, width, channels = draw(st.integers(5, 24)), draw(st.integers(3, 9)), draw(st.sampled_from([1, 3, 16]))
    n = Network(height, width, channels, seed=draw(st.integers(0, 9)))
    for _ in range(draw(st.integers(2, 6))):
        _, height, width, channels = n.program.tensors[n.last].shape
        kind = draw(st.sampled_from(["conv", "depthwise", "pointwise", "pool", "gate", "enlarged"]))
        stride = draw(st.sampled_from([1, 1, 2])) if min(height, width) > 4 else 1
        if kind == "conv":
            n.conv(draw(st.sampled_from([1, 4, 16])), draw(st.sampled_from([3, 5, 7])), stride)
        elif kind == "depthwise":
            n.conv(0, draw(st.sampled_from([3, 5])), stride, depthwise=True)
        elif kind == "pointwise":
            n.conv(draw(st.sampled_from([2, 16, 20])), 1)
        elif kind == "gate" and height > 2:
            n.gate(n.last)
        elif kind == "enlarged" and height < 16:
            n.enlarged(n.last)
        elif height > 2 and width > 2:
            pad = draw(st.sampled_from([0, 1]))
            size = tuple((extent + 2 * pad - 3) // stride + 1 for extent in (height, width))
            spec = MaxPool(channels, height, width, *size, (3, 3), (stride,) * 2, (pad,) * 2)
            n.add(spec, [n.last], (1, *size, channels))
    return n.done()


@given(chains(), st.integers(1, 9), st.integers(1, 4000))
@settings(max_examples=60, deadline=None)
def test_chains_of_any_sizes_give_the_same_bits(program, number, least_bytes):
    striped = Striping(program).striped(least_bytes, [number + 1])
    if striped is not None:
        check_bits(program, striped)
        choice = arena_limit._placed(striped, TARGETS)
        assert choice.arena_bytes >= choice.plan.lower_bound


def lowered(seeds: range) -> Iterator[tuple[int, Program]]:
    """Random networks that have something to stripe."""
    for seed in seeds:
        try:
            model = trial.read(trial.quantised(case(seed, ("fused", "everywhere")[seed % 2])))
            program = pipeline.to_program(model, CompileOptions(model_name="test", precision="int8", prefix=f"n{seed}"))
        except Ocrm55Error:
            continue
        if Striping(program).candidates:
            yield seed, program


def test_random_networks_give_the_same_bits():
    for seed, program in lowered(range(500, 520)):
        striped = Striping(program).striped(1, [2 + seed % 5])
        if striped is not None:
            check_bits(program, striped)


@pytest.mark.slow
def test_the_c_of_random_networks_gives_the_same_bits(tmp_path):
    """Under sanitizers, with the picture in one piece and row by row."""
    planned, wanted = [], []
    programs = [(0, detector()), *lowered(range(600, 690))]
    for seed, program in programs:
        striped = Striping(program).striped(1, [(2, 3, 4, 5, 8, 12)[seed % 6]])
        if striped is None:
            continue
        try:
            choice = arena_limit._placed(striped, TARGETS)
        except UnsupportedError:
            continue
        size = *program.input_size[1:], program.input_size[0]
        pixels = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
        planned.append(Planned(choice.program, choice.plan, [pixels], pictures=True))
        reference = IntegerReference(program)
        wanted.append(reference.run(reference.input_of(pixels)).astype(np.float32))
    assert len(planned) > 25
    ran = Builder(tmp_path).run(planned)
    assert [each.trouble for each in ran if each.trouble] == []
    for each, values in zip(ran, wanted, strict=True):
        assert each.outputs[0].tobytes() == values.tobytes()


def test_a_limit_is_kept_by_the_cheapest_stripes():
    program = detector()
    whole = arena_limit.choose(program, TARGETS, None)
    less = arena_limit.choose(program, TARGETS, whole.arena_bytes * 3 // 4, stripes=True)
    assert less.arena_bytes <= whole.arena_bytes * 3 // 4 and less.plan.whole_bytes == whole.arena_bytes
    assert not whole.program.segments and not program.segments
    with pytest.raises(UnsupportedError) as trouble:
        arena_limit.choose(program, TARGETS, 1000, stripes=True)
    least = int(trouble.value.tries[0].split()[-1])
    smallest = arena_limit.choose(program, TARGETS, least, stripes=True)
    assert smallest.arena_bytes <= least < less.arena_bytes
    assert smallest.striping_cost > less.striping_cost
    for choice in (less, smallest):
        check_bits(program, choice.program)


def test_stripes_are_used_only_where_chunks_are_not_enough():
    program = detector()
    whole = arena_limit.choose(program, TARGETS, None)
    for stripes_allowed in (False, True):
        same = arena_limit.choose(program, TARGETS, whole.arena_bytes, stripes=stripes_allowed)
        assert not same.program.segments and same.arena_bytes == whole.arena_bytes


def test_the_last_numbers_of_a_segment_are_those_of_its_pieces():
    striped = Striping(detector()).striped(1, [6])
    assert striped is not None
    segment: Segment = striped.segments[0]
    for name, pieces in segment.pieces.items():
        done = 0
        for stripe, piece in enumerate(pieces):
            if piece is not None:
                assert piece.rows[0] >= done
                done = piece.rows[1]
            assert segment.written(name, stripe) == done
