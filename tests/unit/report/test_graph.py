"""The files for Model Explorer and Netron: every layer with its costs, joined as the tensors join them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from ocrm55.report import graph
from ocrm55.report.measurement import Measurement
from tests.unit.report.tiny_network import COUNTS


def cycles(measured: Measurement) -> list[dict[str, Any]]:
    return [{"cycles": {"least": n, "likely": 2 * n, "most": 3 * n}} for n in range(1, len(measured.layers) + 1)]


def test_files(measured: Measurement, tmp_path: Path) -> None:
    written = graph.write(measured.metadata, measured.layers, tmp_path, cycles(measured))
    names = ["graph.json", "graph.onnx", "overlay_bytes_moved.json", "overlay_cycles.json", "overlay_instructions.json"]
    assert sorted(path.name for path in written) == names == sorted(path.name for path in tmp_path.iterdir())
    # Model Explorer takes a file for a collection of graphs if it has these two.
    collection = json.loads((tmp_path / "graph.json").read_text())
    assert set(collection) == {"label", "graphs"}
    ids = {node["id"] for node in collection["graphs"][0]["nodes"]}
    for path in written[2:]:
        ((of, data),) = json.loads(path.read_text()).items()
        assert of == collection["graphs"][0]["id"]
        assert set(data["results"]) == {layer.title for layer in measured.layers} < ids
    assert data["results"][measured.layers[1].title] == {"value": measured.layers[1].bytes_moved}


def test_without_an_estimate_there_is_no_overlay_of_it(measured: Measurement, tmp_path: Path) -> None:
    written = graph.write(measured.metadata, measured.layers, tmp_path)
    assert "overlay_cycles.json" not in {path.name for path in written}


def test_nodes_are_unique_and_every_edge_starts_at_one(measured: Measurement, tmp_path: Path) -> None:
    graph.write(measured.metadata, measured.layers, tmp_path)
    nodes = json.loads((tmp_path / "graph.json").read_text())["graphs"][0]["nodes"]
    ids = [node["id"] for node in nodes]
    assert len(ids) == len(set(ids)) == len(measured.layers) + 1
    edges = [(edge["sourceNodeId"], node["id"]) for node in nodes for edge in node["incomingEdges"]]
    assert all(ids.index(source) < ids.index(target) for source, target in edges)
    assert {target for _, target in edges} == set(ids[1:])
    for node, count in zip(nodes[1:], COUNTS, strict=True):
        assert {"key": "instructions", "value": str(count)} in node["attrs"]


def test_onnx_has_the_same_operators_and_costs(measured: Measurement, tmp_path: Path) -> None:
    graph.write(measured.metadata, measured.layers, tmp_path, cycles(measured))
    model = onnx.load(tmp_path / "graph.onnx")
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == [layer.kind for layer in measured.layers]
    for node, layer in zip(model.graph.node, measured.layers, strict=True):
        found = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        assert found["instructions"] == layer.instructions
        assert found["cycles_most"] == 3 * (layer.index + 1)
        assert found["runs_on"] == layer.target.encode()
    assert model.graph.output[0].name == measured.metadata.operators[-1].output


def test_a_concatenation_is_made_of_the_operators_that_write_its_parts(measured: Measurement, tmp_path: Path) -> None:
    """The last operator reads a tensor that no operator makes as a whole: the two before it write its halves."""
    *others, first, second, last = measured.metadata.operators
    tensors = [tensor for tensor in measured.metadata.tensors if tensor.name not in (first.output, second.output)]
    of = {tensor.name: tensor for tensor in measured.metadata.tensors}
    parts = [replace(of[each.output], view_of="whole") for each in (first, second)]
    whole = replace(of[first.output], name="whole")
    metadata = replace(
        measured.metadata,
        operators=(*others, first, second, replace(last, inputs=("whole",))),
        tensors=(*tensors, *parts, whole),
    )
    graph.write(metadata, measured.layers, tmp_path)
    node = json.loads((tmp_path / "graph.json").read_text())["graphs"][0]["nodes"][-1]
    titles = [layer.title for layer in measured.layers[-3:-1]]
    assert [edge["sourceNodeId"] for edge in node["incomingEdges"]] == titles
    assert list(onnx.load(tmp_path / "graph.onnx").graph.node[-1].input) == [first.output, second.output]


@pytest.mark.parametrize("figure", ["instructions", "bytes_moved"])
def test_colours_go_from_the_least_to_the_most(figure: str) -> None:
    data = graph.overlay(figure, {"a": 1, "b": 5})["compiled"]
    assert [colour["stop"] for colour in data["gradient"]] == [0, 0.5, 1]
    assert data["results"] == {"a": {"value": 1}, "b": {"value": 5}}
