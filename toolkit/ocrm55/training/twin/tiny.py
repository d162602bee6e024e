"""PP-OCRv6 tiny's recognizer in PyTorch, and its weights out of ONNX and back into it.

    python -m ocrm55.training.twin.tiny models/en_ppocrv6_tiny_rec start.pt
    python -m ocrm55.training.twin.tiny models/en_ppocrv6_tiny_rec best.pt FOLDER

The first line writes the weights of a model folder for `--network tiny`. The second writes the folder again as FOLDER,
with the weights of a training. The folder's model is the bundled one, or one of the same network and characters.

All batch norms are folded: a network that was trained for long needs their statistics no more, and without them a step
costs less. The twin's classes are in the order of the English dictionary, those of the model in the order of its own.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import yaml
from onnx import numpy_helper
from torch import Tensor, nn

from ocrm55 import console, files
from ocrm55.errors import InputError
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.training.twin.convert import read_torch
from ocrm55.training.twin.native import depthwise
from ocrm55.training.twin.network import SqueezeExcite

PROGRAM = "inference.onnx"
CLASSES = 96
USUAL_SIZE = 0.1  # of weights beside a batch norm, for which learning rates are chosen
# inputs, hidden, outputs, stride, squeeze and excite
BLOCKS = (
    (48, 96, 48, 1, True),
    (48, 96, 48, 1, False),
    (48, 96, 96, (2, 1), False),
    (96, 192, 96, 1, True),
    (96, 192, 96, 1, False),
    (96, 192, 160, (2, 1), False),
    (160, 320, 160, 1, True),
    (160, 320, 160, 1, False),
    (160, 320, 160, 1, False),
)


class Block(nn.Module):
    """A depthwise convolution, squeeze and excite where wanted, two 1x1 convolutions with GELU between, and a sum."""

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int | tuple[int, int], excite: bool) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs)
        self.excite = SqueezeExcite(inputs) if excite else nn.Identity()
        self.expand = nn.Conv2d(inputs, hidden, 1)
        self.gelu = nn.GELU()
        self.project = nn.Conv2d(hidden, outputs, 1)
        self.same = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        x = self.excite(depthwise(x, self.depthwise))
        y = self.project(self.gelu(self.expand(x)))
        return x + y if self.same else y


class TinyRecognizer(nn.Module):
    """Normalised images [N, 3, 48, W] float32 -> logits [N, W/8, classes]."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.GELU(), nn.Conv2d(24, 48, 3, 2, 1))
        self.blocks = nn.Sequential(*(Block(*each) for each in BLOCKS))
        self.pool = nn.AvgPool2d((3, 2))
        self.mix = nn.Sequential(nn.Conv2d(160, 160, (1, 5), padding=(0, 2), groups=160), nn.Hardswish())
        self.join = nn.Sequential(nn.Conv2d(160, 160, 1), nn.Hardswish())
        self.narrow = nn.Linear(160, 80)
        self.classify = nn.Linear(80, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.join(self.mix(self.pool(self.blocks(self.stem(x)))))
        return self.classify(self.narrow(x.squeeze(2).transpose(1, 2)))

    def quantised(self) -> Iterator[tuple[nn.Module, bool]]:
        """Layers whose outputs the compiler quantises; for each, whether channels have steps of their own there."""
        yield self.stem[1], False
        yield self.stem[2], True  # a depthwise layer reads it
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block.excite, False
            yield block.gelu, False
            yield block, block.depthwise.in_channels == block.project.out_channels
        yield self.mix, False
        yield self.join, False
        yield self.narrow, False

    def pace(self) -> list[Tensor]:
        """For each parameter how far it may move in a step, as a factor of the learning rate; by rows of weights.

        Without batch norms the rows of weights differ in size a hundredfold, and AdamW moves all weights alike far.
        """
        factors = []
        for value in self.parameters():
            size = value.detach().flatten(1) if value.ndim > 1 else value.detach()[None]
            rows = size.square().mean(1).sqrt()
            rows = rows.clamp_min(rows.mean() / 10) / (USUAL_SIZE if value.ndim > 1 else 1)
            factors.append(rows.view(-1, *[1] * (value.ndim - 1)) if value.ndim > 1 else rows)
        return factors


# --- weights ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Where the ONNX file has a layer's weights: names of constants; those of its batch norm, if one follows."""

    weight: str
    bias: str | None
    norm: tuple[str, str, str, str] | None = None
    epsilon: float = 0.0
    turned: bool = False  # [inputs, outputs], as a matrix product takes it


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The constants by name, those in float16 by the name that they have after their Cast."""
    found = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]].astype(np.float32)
    return found


def _places(model: onnx.ModelProto) -> list[_Place]:
    """The layers in the order in which they run, which is that of the twin's."""
    readers = {name: node for node in model.graph.node for name in node.input}
    places = []
    for node in model.graph.node:
        if node.op_type == "Conv":
            after = readers[node.output[0]]
            if after.op_type == "Squeeze":
                after = readers[after.output[0]]
            norm = after if after.op_type == "BatchNormalization" else None
            places.append(
                _Place(
                    node.input[1],
                    node.input[2] if len(node.input) > 2 else None,
                    tuple(norm.input[1:5]) if norm else None,
                    next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5) if norm else 0.0,
                )
            )
        elif node.op_type == "MatMul":
            bias = next(name for name in readers[node.output[0]].input if name != node.output[0])
            places.append(_Place(node.input[1], bias, turned=True))
    return places


def _layers(network: nn.Module) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    return [(name, each) for name, each in network.named_modules() if isinstance(each, nn.Conv2d | nn.Linear)]


def _order(folder: Path) -> list[int]:
    """For each class of the twin the class of the model. Raises InputError for other characters than the English."""
    settings = yaml.safe_load((folder / SETTINGS).read_text(encoding="utf-8"))
    theirs = ["", *map(str, settings["PostProcess"]["character_dict"]), " "]
    ours = load_charset()[:CLASSES]
    if sorted(theirs) != sorted(ours):
        raise InputError(f"{folder} has other characters than the English dictionary.")
    return [theirs.index(char) for char in ours]


def _load(folder: Path) -> tuple[onnx.ModelProto, list[_Place], list[int]]:
    try:
        model = onnx.load(folder / PROGRAM)
        places = _places(model)
    except Exception as trouble:  # a damaged file raises almost anything
        raise InputError(f"{folder} holds no {PROGRAM} that can be read: {trouble}.") from trouble
    if len(places) != len(_layers(TinyRecognizer())):
        raise InputError(f"{folder} holds another network than PP-OCRv6 tiny's recognizer.")
    return model, places, _order(folder)


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """The twin's weights by name, from a model folder. Raises InputError for another network."""
    model, places, order = _load(folder)
    constants, weights = _constants(model), {}
    network = TinyRecognizer()
    for (name, layer), place in zip(_layers(network), places, strict=True):
        weight = constants[place.weight].T if place.turned else constants[place.weight]
        bias = constants[place.bias] if place.bias else np.zeros(len(weight), np.float32)
        if place.norm:
            scale, shift, mean, variance = (constants[each] for each in place.norm)
            factor = scale / np.sqrt(variance + place.epsilon)
            weight, bias = weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), shift + (bias - mean) * factor
        if layer is network.classify:
            weight, bias = weight[order], bias[order]
        if weight.shape != tuple(layer.weight.shape):
            raise InputError(f"{folder} holds another network than PP-OCRv6 tiny's recognizer, at {place.weight}.")
        weights[f"{name}.weight"] = np.ascontiguousarray(weight, np.float32)
        weights[f"{name}.bias"] = np.ascontiguousarray(bias, np.float32)
    return weights


def write_folder(like: Path, weights: Mapping[str, np.ndarray], folder: Path) -> None:
    """Write a model folder `like` another one, with the twin's weights. Constants keep their types, and thus float16.

    A batch norm is kept as one that only adds the bias, where the convolution before it has none.
    """
    model, places, order = _load(like)
    values: dict[str, np.ndarray] = {}
    for (name, _), place in zip(_layers(TinyRecognizer()), places, strict=True):
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if name == "classify":
            back = np.argsort(order)
            weight, bias = weight[back], bias[back]
        values[place.weight] = weight.T if place.turned else weight
        if place.norm:
            one = np.ones_like(bias)
            values |= dict(zip(place.norm, (one, bias, 0 * one, one - place.epsilon), strict=True))
            bias = 0 * bias
        if place.bias:
            values[place.bias] = bias
    stored = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Cast"}
    for each in model.graph.initializer:
        value = values.get(stored.get(each.name, each.name))
        if value is not None:
            kind = numpy_helper.to_array(each).dtype
            each.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value, kind), each.name))
    folder.mkdir(parents=True, exist_ok=True)
    with files.atomic_file(folder / PROGRAM) as staging:
        onnx.save(model, staging)
    if (folder / SETTINGS).resolve() != (like / SETTINGS).resolve():
        shutil.copyfile(like / SETTINGS, folder / SETTINGS)


def main() -> None:
    """The program: `tiny MODEL DESTINATION.pt` or `tiny MODEL SOURCE.pt FOLDER`."""
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    with console.errors_end_the_program():
        like, file = Path(sys.argv[1]), Path(sys.argv[2])
        if len(sys.argv) == 4:
            write_folder(like, read_torch(file), Path(sys.argv[3]))
            console.note(f"{file} -> {sys.argv[3]}")
        else:
            state = {name: torch.tensor(value) for name, value in read_folder(like).items()}
            with files.atomic_file(file) as staging:
                torch.save(state, staging)
            console.note(f"{like} -> {file}: {len(state)} tensors")


if __name__ == "__main__":
    main()
