"""The arena's plan: properties that must hold for any program, checked by an independent count of every byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.compiler.memory import planner
from ocrm55.compiler.memory.planner import ALIGN, Block, Span
from ocrm55.compiler.operators.float32 import Softmax, View
from ocrm55.compiler.operators.program import Operator, Program, Tensor, Workspace
from ocrm55.errors import Ocrm55Error


@st.composite
def programs(draw):
    """Random straight lines: operators that read up to three earlier tensors, with scratch, views and in-place ones."""
    program = Program("random", "float32")
    program.add(Tensor("x", (draw(st.integers(1, 300)),), "uint8", "input", "x"))
    readable = ["x"]
    for index in range(draw(st.integers(1, 14))):
        inputs = draw(st.lists(st.sampled_from(readable), min_size=1, max_size=3, unique=True))
        tensor = Tensor(f"t{index}", (draw(st.integers(1, 300)),), "uint8", "activation", f"layer{index}")
        operator = Operator(tensor.name, tensor.layer, Softmax(1, 1), inputs, [tensor.name])
        if draw(st.integers(0, 4)) == 0:
            source = program.tensors[inputs[0]]
            tensor.view_of, tensor.shape = source.name, source.shape
            operator.spec, operator.inputs = View(), inputs[:1]
        else:
            operator.in_place = draw(st.lists(st.sampled_from(inputs), unique=True))
            sizes = draw(st.lists(st.integers(1, 200), max_size=2))
            operator.workspaces = [Workspace(f"w{i}", "uint8", size) for i, size in enumerate(sizes)]
        program.add(tensor)
        program.operators.append(operator)
        readable.append(tensor.name)
    last = Tensor("y", (5,), "uint8", "output", "y")
    program.add(last)
    program.operators.append(Operator("y", "y", Softmax(1, 1), [readable[-1]], ["y"]))
    return program


@given(programs())
@settings(max_examples=200, deadline=None)
def test_executing_the_plan_never_spoils_a_value(program):
    """Every tensor is written with a mark of its own; what an operator reads must still bear the mark."""
    plan = planner.plan(program)
    assert plan.lower_bound <= plan.arena_bytes
    arena = np.full(plan.arena_bytes, 255, np.int64)

    def area(name):
        return slice(plan.offsets[name], plan.offsets[name] + program.tensors[name].bytes)

    marks = {name: index for index, name in enumerate(program.tensors)}
    arena[area("x")] = marks["x"]
    for operator in program.steps:
        scratch = []
        for workspace in operator.workspaces:
            start = plan.workspace_offset(operator, workspace.name)
            assert start % ALIGN == 0
            scratch.append(slice(start, start + workspace.bytes))
            arena[scratch[-1]] = -1
        for name in operator.inputs:
            assert (arena[area(name)] == marks[program.storage(name)]).all(), (operator.name, name)
        for name in operator.outputs:
            arena[area(name)] = marks[name]
        for one in scratch:
            assert (arena[one] == -1).all(), "scratch and output overlap"
    assert (arena[area("y")] == marks["y"]).all()


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=24))
@settings(max_examples=200, deadline=None)
def test_blocks_that_live_together_never_share_a_byte(sizes):
    blocks = [Block(f"b{i}", [Span(size * ALIGN, first, first + more)]) for i, (size, first, more) in enumerate(sizes)]
    planner.place(blocks)
    planner.check(blocks)
    for step in range(15):
        used: set[int] = set()
        for block in blocks:
            if block.spans[0].first <= step <= block.spans[0].last:
                mine = set(range(block.offset, block.end, ALIGN))
                assert not used & mine
                used |= mine


def test_the_checker_sees_an_overlap():
    blocks = [Block("a", [Span(32, 0, 2)]), Block("b", [Span(32, 2, 3)], offset=16)]
    with pytest.raises(Ocrm55Error, match="overlap at step 2"):
        planner.check(blocks)


def test_the_checker_sees_a_crooked_offset():
    with pytest.raises(Ocrm55Error, match="starts at 8"):
        planner.check([Block("a", [Span(32, 0, 2)], offset=8)])


def test_an_operator_in_place_needs_no_second_tensor():
    program = Program("chain", "float32")
    program.add(Tensor("x", (1000,), "uint8", "input", "x"))
    program.add(Tensor("y", (1000,), "uint8", "output", "y"))
    program.operators.append(Operator("y", "y", Softmax(1, 1), ["x"], ["y"], in_place=["x"]))
    plan = planner.plan(program)
    assert plan.offsets["x"] == plan.offsets["y"]
    assert plan.arena_bytes == 1008


def test_an_input_that_is_read_later_is_not_overwritten():
    program = Program("fork", "float32")
    program.add(Tensor("x", (1000,), "uint8", "input", "x"))
    program.add(Tensor("a", (1000,), "uint8", "activation", "a"))
    program.add(Tensor("y", (1000,), "uint8", "output", "y"))
    program.operators.append(Operator("a", "a", Softmax(1, 1), ["x"], ["a"], in_place=["x"]))
    program.operators.append(Operator("y", "y", Softmax(1, 1), ["x", "a"], ["y"]))
    plan = planner.plan(program)
    assert plan.offsets["x"] != plan.offsets["a"]
