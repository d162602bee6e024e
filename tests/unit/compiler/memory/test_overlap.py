"""Pointwise layers that write over their inputs: a smaller arena, the same bits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.memory import overlap, planner
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import choice
from ocrm55.errors import UnsupportedError
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.host_program import build_host

LIMIT = 256 * 1024


def chain(pixels: int, channels: list[int]) -> Program:
    """Pointwise layers, one behind the other."""
    program = Program("chain", "int8")
    program.add(Tensor("x", (1, 1, pixels, channels[0]), "int8", "input", "x"))
    program.add(Tensor("t0", (1, 1, pixels, channels[0]), "int8", "activation", "t0"))
    program.operators.append(Operator("o", "o", pointwise(pixels, channels[0], channels[0]), ["x"], ["t0"]))
    for index, (before, after) in enumerate(pairwise(channels)):
        program.add(Tensor(f"t{index + 1}", (1, 1, pixels, after), "int8", "activation", f"t{index + 1}"))
        spec = pointwise(pixels, before, after)
        program.operators.append(Operator(f"o{index}", "o", spec, [f"t{index}"], [f"t{index + 1}"]))
    program.tensors[f"t{len(channels) - 1}"].role = "output"
    return program


def pointwise(pixels: int, before: int, after: int) -> Pointwise:
    return Pointwise(before, 1, pixels, after, 1, pixels, (1, 1), (1, 1), (0, 0), 0, Epilogue("clamp", after))


@pytest.mark.parametrize("channels", [[16, 16, 16, 16], [16, 32, 32, 64], [64, 32, 32, 16], [48, 16, 80, 16]])
@pytest.mark.parametrize("pixels", [40, 97, 960])
@pytest.mark.parametrize("chunk_bytes", [256, 1024, 8192])
def test_no_chunk_meets_inputs_that_are_still_needed(pixels, channels, chunk_bytes):
    program = chain(pixels, channels)
    overlap.apply(program, chunk_bytes, 0)
    plan = planner.plan(program)
    for operator in program.operators[1:]:
        spec = operator.spec
        assert spec.chunk
        x, y = plan.offsets[operator.inputs[0]], plan.offsets[operator.outputs[0]]
        firsts = range(0, pixels, spec.chunk)
        unread = np.ones(pixels, bool)
        for first in reversed(firsts) if spec.backwards else firsts:
            end = min(first + spec.chunk, pixels)
            needed = np.flatnonzero(unread)
            low, high = x + needed[0] * spec.channels, x + (needed[-1] + 1) * spec.channels
            assert y + end * spec.outputs <= low or y + first * spec.outputs >= high, operator.name
            unread[first:end] = False


def test_the_bundled_network_fits_half_the_arena_with_the_same_bits(int8_network, tmp_path):
    options = CompileOptions(precision="int8", arena_limit=LIMIT)
    small = pipeline.compile_model(int8_network.directory / "model.onnx", tmp_path / "small", RECOGNIZER, options)
    assert small.plan.arena_bytes <= LIMIT
    assert overlap.reread_bytes(small.program) > 0
    pixels = np.random.default_rng(3).integers(0, 256, (48, 320, 3), dtype=np.uint8)
    expected = IntegerReference(int8_network.program).probabilities(pixels)
    found = build_host(small, flags=["-O2"]).read(pixels).reshape(expected.shape)
    assert (found.view(np.int32) == expected.view(np.int32)).all()


def test_a_limit_above_the_need_changes_nothing(int8_network):
    model = onnx.load(int8_network.directory / "model.onnx")
    targets = choice.on_core("int8")
    program, free = pipeline.planned(model, targets, CompileOptions(precision="int8"))
    _, limited = pipeline.planned(model, targets, CompileOptions(precision="int8", arena_limit=10**6))
    assert limited.arena_bytes == free.arena_bytes == free.lower_bound
    assert overlap.reread_bytes(program) == 0


def test_a_limit_that_cannot_be_met_says_what_can(int8_network):
    model = onnx.load(int8_network.directory / "model.onnx")
    options = CompileOptions(precision="int8", arena_limit=100_000)
    with pytest.raises(UnsupportedError, match=r"bytes; the limit is 100,000"):
        pipeline.planned(model, choice.on_core("int8"), options)
