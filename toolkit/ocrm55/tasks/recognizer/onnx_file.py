"""A recognizer that comes as an ONNX file: its shapes, its last operator, its characters, its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import yaml

from ocrm55 import plain_yaml
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.onnx_graph.graph import inputs_of
from ocrm55.errors import InputError
from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.tasks.recognizer.charset import checked, of_metadata, read_dictionary

CHARACTERS = "character"  # RapidOCR's key in the metadata
_MOVES = ("Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Cast", "Flatten")
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class OnnxFile:
    """Facts about a file: shapes of inputs and outputs, -1 where open, and its last operator in Paddle's words."""

    inputs: list[list[int]]
    outputs: list[list[int]]
    last: str
    metadata: dict[str, str]


def read(path: Path) -> OnnxFile:
    """Read a file. Raises InputError for one that is no model, UnsupportedError for unknown operators."""
    model = entrance.read(path)
    inputs = [_sizes(each) for each in inputs_of(model.graph)]
    outputs = [_sizes(each) for each in model.graph.output]
    metadata = {each.key: each.value for each in model.metadata_props}
    return OnnxFile(inputs, outputs, _last(model.graph), metadata)


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    return [size.dim_value if size.dim_value > 0 else -1 for size in value.type.tensor_type.shape.dim]


def _last(graph: onnx.GraphProto) -> str:
    """`softmax` for a network that ends with one, `matmul` for one that ends with logits."""
    writers = {name: node for node in graph.node for name in node.output}
    node = writers.get(graph.output[0].name) if graph.output else None
    while node is not None and node.op_type in _MOVES:
        node = writers.get(node.input[0])
    return "softmax" if node is not None and node.op_type == "Softmax" else "matmul"


def classes(path: Path, input_shape: Sequence[int]) -> int:
    """The number of classes of a file that leaves it open, or -1."""
    sizes = _sizes(onnx_model.static_file(path, input_shape).graph.output[0])
    return sizes[-1] if sizes else -1


def characters(path: Path, found: OnnxFile, dictionary: Path | None) -> list[str] | None:
    """The characters of a file: the user's dictionary, else those of its metadata, else of settings beside it.

    None where nothing says them. Raises InputError for characters that cannot stand in a line.
    """
    if dictionary is not None:
        return read_dictionary(dictionary)
    if found.metadata.get(CHARACTERS):
        return of_metadata(found.metadata[CHARACTERS], f"the metadata of {path}")
    for settings in beside(path):
        listed = _post_process(plain_yaml.load(settings)).get("character_dict")
        if isinstance(listed, list) and listed:
            return checked(listed, f"the character_dict of {settings}")
    return None


def beside(path: Path) -> list[Path]:
    """The settings that may lie beside a file."""
    return [each for each in (path.with_suffix(".yml"), path.with_name(SETTINGS)) if each.is_file()]


def _post_process(described: object) -> dict[str, Any]:
    post = described.get("PostProcess") if isinstance(described, dict) else None
    return post if isinstance(post, dict) else {}


def settings_with(
    settings: Path | None, otherwise: dict[str, Any], found: Sequence[str], size: Sequence[int] | None
) -> str:
    """The text of settings with other characters, and with another size of images where one is given.

    settings: the file to take everything else from. otherwise: what they are without a file.
    Raises InputError for a file that holds no settings.
    """
    described = otherwise if settings is None else plain_yaml.load(settings)
    if not isinstance(described, dict):
        raise InputError(f"{settings} is not a description of a model.", ["export or copy the model again"])
    described["PostProcess"] = {"name": "CTCLabelDecode", "character_dict": list(found)}
    if size is not None:
        _set_size(described, size)
    return str(yaml.dump(described, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, default_flow_style=False))


def _set_size(described: dict[str, Any], size: Sequence[int]) -> None:
    before = described.get("PreProcess")
    steps = before.get("transform_ops") if isinstance(before, dict) else None
    kept = [each for each in steps if "RecResizeImg" not in each] if isinstance(steps, list) else []
    described["PreProcess"] = {"transform_ops": [*kept, {"RecResizeImg": {"image_shape": [3, *size]}}]}
