"""The compiled network with its costs, for programs that draw graphs: Model Explorer, and Netron by way of ONNX.

Model Explorer opens graph.json, and an overlay_*.json on it colours its nodes. graph.onnx has the operators as they
were compiled, with their costs as attributes. It has no weights: it is for looking at, not for running.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocrm55 import files
from ocrm55.metadata import Metadata
from ocrm55.report.layers import Layer

GRAPH = "compiled"  # the graph's name in Model Explorer
DOMAIN = "ocrm55"  # of the operators in graph.onnx
COLOURS = ({"stop": 0, "bgColor": "#f7fbff"}, {"stop": 0.5, "bgColor": "#fdd49e"}, {"stop": 1, "bgColor": "#d7301f"})
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int32": 6}  # ONNX's numbers


def write(
    metadata: Metadata, layers: Sequence[Layer], folder: Path, cycles: Sequence[Mapping[str, Any]] | None = None
) -> list[Path]:
    """Write the files; return their paths. cycles: rows of profile.json's `cycles`, one a layer. Raises OutputError."""
    costs = [_costs(layer, cycles[index] if cycles else None) for index, layer in enumerate(layers)]
    written = [folder / "graph.json", folder / "graph.onnx"]
    files.write_json(written[0], collection(metadata, layers, costs))
    with files.atomic_file(written[1]) as staging:
        staging.write_bytes(onnx_model(metadata, layers, costs))
    for figure in ("instructions", "cycles_likely", "bytes_moved"):
        values = {layer.title: cost[figure] for layer, cost in zip(layers, costs, strict=True) if figure in cost}
        if values:
            written.append(folder / f"overlay_{figure.removesuffix('_likely')}.json")
            files.write_json(written[-1], overlay(figure.replace("_", " "), values))
    return written


def collection(metadata: Metadata, layers: Sequence[Layer], costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Model Explorer's graph: a node for the picture and for each layer, in groups by block."""
    titles = {row.output: layer.title for layer, row in zip(layers, metadata.operators, strict=True)}
    picture = metadata.input.name
    read = _read(metadata)
    tensors = {tensor.name: tensor for tensor in metadata.tensors}
    nodes: list[dict[str, Any]] = [{"id": picture, "label": "input", "namespace": "", "attrs": [], "incomingEdges": []}]
    for layer, row, cost in zip(layers, metadata.operators, costs, strict=True):
        sources = [titles.get(name, picture) for name in read[row.output]]
        attributes: dict[str, Any] = {"name": layer.name, "runs on": layer.target, "function": layer.function, **cost}
        tensor = tensors.get(row.output)
        nodes.append(
            {
                "id": layer.title,
                "label": layer.kind,
                "namespace": layer.block,
                "attrs": [{"key": key, "value": str(value)} for key, value in attributes.items()],
                "incomingEdges": [
                    {"sourceNodeId": source, "sourceNodeOutputId": "0", "targetNodeInputId": str(index)}
                    for index, source in enumerate(sources)
                ],
                "outputsMetadata": [
                    {
                        "id": "0",
                        "attrs": [
                            {"key": "tensor_name", "value": row.output},
                            {"key": "tensor_shape", "value": f"{layer.dtype}{list(layer.shape)}"},
                            *([] if tensor is None else [{"key": "arena offset", "value": str(tensor.offset)}]),
                        ],
                    }
                ],
            }
        )
    return {"label": metadata.model, "graphs": [{"id": GRAPH, "nodes": nodes}]}


def overlay(name: str, values: Mapping[str, float]) -> dict[str, Any]:
    """Model Explorer's node data: a figure of each layer, and colours from the least to the most."""
    results = {layer: {"value": value} for layer, value in values.items()}
    return {GRAPH: {"name": name, "results": results, "gradient": list(COLOURS)}}


def onnx_model(metadata: Metadata, layers: Sequence[Layer], costs: Sequence[Mapping[str, Any]]) -> bytes:
    """The compiled operators as nodes of a domain of our own, with their costs as attributes, for Netron."""
    from onnx import helper

    read = _read(metadata)
    nodes = [
        helper.make_node(
            layer.kind,
            read[row.output],
            [row.output],
            layer.title,
            domain=DOMAIN,
            runs_on=layer.target,
            function=layer.function,
            **cost,
        )
        for layer, row, cost in zip(layers, metadata.operators, costs, strict=True)
    ]
    values = [
        helper.make_tensor_value_info(row.output, _TYPES[layer.dtype], layer.shape)
        for layer, row in zip(layers, metadata.operators, strict=True)
    ]
    port = metadata.input
    given = helper.make_tensor_value_info(port.name, _TYPES[port.dtype], port.shape)
    graph = helper.make_graph(nodes, metadata.model, [given], values[-1:], value_info=values[:-1])
    model = helper.make_model(
        graph,
        producer_name="ocrm55",
        producer_version=metadata.ocrm55,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)],
    )
    helper.set_model_props(
        model,
        {
            "precision": metadata.precision,
            "arena_bytes": str(metadata.arena_bytes),
            "weight_bytes": str(metadata.weight_bytes),
        },
    )
    return bytes(model.SerializeToString())


def _read(metadata: Metadata) -> dict[str, list[str]]:
    """Of each operator's output: the outputs of other operators, or the picture, that it is made of.

    A tensor may be made in parts, by operators whose outputs are views of it (a concatenation), or be a view itself.
    """
    makers = {name: [name] for name in (metadata.input.name, *(row.output for row in metadata.operators))}
    for tensor in metadata.tensors:
        if tensor.view_of and tensor.name in makers:
            makers.setdefault(tensor.view_of, []).append(tensor.name)
    for tensor in metadata.tensors:
        if tensor.view_of in makers:
            makers.setdefault(tensor.name, makers[tensor.view_of])
    return {row.output: [each for name in row.inputs for each in makers.get(name, ())] for row in metadata.operators}


def _costs(layer: Layer, cycles: Mapping[str, Any] | None) -> dict[str, int]:
    """The figures of a layer that are known."""
    found: dict[str, int] = {"macs": layer.macs}
    if layer.instructions is not None:
        found["instructions"] = layer.instructions
    if cycles is not None:
        found |= {f"cycles_{name}": cycles["cycles"][name] for name in ("least", "likely", "most")}
    return found | {
        "weight_bytes": layer.weight_bytes,
        "input_bytes": layer.input_bytes,
        "output_bytes": layer.output_bytes,
        "bytes_moved": layer.bytes_moved,
        "workspace_bytes": layer.workspace_bytes,
    }
