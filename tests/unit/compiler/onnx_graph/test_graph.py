"""The graph that is passed through the compiler: wrapped once, edited in place, its shapes always true."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper

from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.pipeline import CompileOptions
from ocrm55.tasks.recognizer.task import Merit
from tests.unit.compiler.graphs import folded, quantised, quantised_for_a_library
from tests.unit.compiler.onnx_networks import network

RNG = np.random.default_rng(4)
INPUTS = [RNG.uniform(-1, 1, (1, 3, 6, 8)).astype(np.float32) for _ in range(8)]


def small() -> onnx.ModelProto:
    """A depthwise layer behind an activation, an average over four pixels beside what it reads, gates and a product."""
    weights = {
        "w": RNG.normal(size=(8, 3, 1, 1)) * np.logspace(-1, 1, 8)[:, None, None, None],
        "wb": np.zeros(8),
        "d": RNG.normal(size=(8, 1, 3, 3)),
        "db": np.zeros(8),
        "s": RNG.normal(size=(8, 8, 1, 1)),
        "sb": np.zeros(8),
        "v": RNG.normal(size=(6, 16, 1, 1)),
        "vb": np.zeros(6),
        "m": RNG.normal(size=(6, 5)),
        "mb": np.zeros(5),
        "row": np.array([1, 6, 6]),
    }
    kernel = {"kernel_shape": [1, 1]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        ("Conv", ["x", "w", "wb"], "a", kernel),
        ("HardSwish", ["a"], "h", {}),
        ("Conv", ["h", "d", "db"], "b", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": 8}),
        ("HardSwish", ["b"], "i", {}),
        ("GlobalAveragePool", ["i"], "g", {}),
        ("Conv", ["g", "s", "sb"], "e", kernel),
        ("HardSigmoid", ["e"], "k", {"alpha": 1 / 6, "beta": 0.5}),
        ("Mul", ["i", "k"], "n", {}),
        ("AveragePool", ["n"], "o", pool),
        ("AveragePool", ["i"], "p", pool),
        ("Concat", ["o", "p"], "c", {"axis": 1}),
        ("MaxPool", ["c"], "u", {"kernel_shape": [1, 2], "strides": [1, 2]}),
        ("Conv", ["u", "v", "vb"], "f", kernel),
        ("Reshape", ["f", "row"], "r", {}),
        ("Transpose", ["r"], "t", {"perm": [0, 2, 1]}),
        ("MatMul", ["t", "m"], "q", {}),
        ("Add", ["q", "mb"], "z", {}),
        ("Softmax", ["z"], "y", {"axis": 2}),
    ]
    arrays = {name: value.astype(np.int64 if name == "row" else np.float32) for name, value in weights.items()}
    return network([1, 3, 6, 8], nodes, arrays, [1, 6, 5])


RECIPES = {
    "folded": folded,
    "fused": lambda model: quantised(model, INPUTS),
    "library": lambda model: quantised_for_a_library(model, INPUTS),
    "npu": lambda model: quantised_for_a_library(model, INPUTS, halves_down=False),
    "int4": lambda model: quantised_for_a_library(model, INPUTS, weights="int4", max_drop=1.0, merit=Merit()),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_shapes_that_edits_keep_are_those_that_onnx_infers(recipe):
    graph = RECIPES[recipe](small())
    wanted = Graph(graph.model())
    tensors = [*graph.inputs, *(name for node in graph.nodes for name in node.output)]
    assert graph._shapes is not None or recipe == "folded"
    assert {name: graph.shape(name) for name in tensors} == {name: wanted.shape(name) for name in tensors}


def test_a_copy_is_edited_without_the_first():
    graph = folded(small())
    before = graph.model().SerializeToString()
    twin = graph.copy()
    twin.constants["w"] = twin.constants["w"] * 2
    twin.drop(next(node for node in twin.nodes if node.op_type == "Softmax"), "z")
    twin.properties["key"] = "value"
    assert graph.model().SerializeToString() == before
    model = twin.model()
    assert [each.key for each in model.metadata_props] == ["key"]
    assert model.graph.node[-1].op_type == "Add" and model.graph.node[-1].output[0] == "y"
    assert twin.shape("y") == (1, 6, 5)


def test_a_node_behind_another_has_a_shape_at_once():
    graph = Graph(small())
    assert graph.shape("h") == (1, 8, 6, 8)
    activation = graph.producer("h")
    graph.rename("h", "twice")
    graph.constants["two"] = np.float32([2])
    graph.insert_behind(activation, helper.make_node("Mul", ["h", "two"], ["twice"]), {"twice": "h"})
    assert graph.shape("twice") == (1, 8, 6, 8) and graph.shape("two") == (1,)
    assert [node.output[0] for node in graph.nodes[:4]] == ["a", "h", "twice", "b"]
    graph.model()


@pytest.mark.parametrize(
    "options",
    [
        CompileOptions(precision="int8"),
        CompileOptions(precision="int8", kernels=("cmsis-nn",)),
        CompileOptions(precision="int8", kernels=("cmsis-nn",), weights="int4"),
        CompileOptions(precision="int8", npu="ethos-u55-128"),
    ],
    ids=["fused", "library", "int4", "npu"],
)
def test_quantisation_wraps_a_model_once_and_lowering_once_more(options, monkeypatch):
    wrapped = []
    usual = Graph.__init__

    def counted(self, model):
        wrapped.append(model)
        usual(self, model)

    monkeypatch.setattr(Graph, "__init__", counted)
    monkeypatch.setattr(pipeline, "calibration_inputs", lambda *_: INPUTS)
    model = pipeline.quantised(small(), SimpleNamespace(merit=Merit(), int8_output=None), Path(), options)
    assert len(wrapped) == 1
    pipeline.to_program(model, options)
    assert len(wrapped) == 2
