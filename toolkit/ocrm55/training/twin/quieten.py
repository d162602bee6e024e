"""Make loud channels quieter, so that the other channels get enough steps of int8.

    python -m ocrm55.training.twin.quieten loud.pt quiet.pt

PaddleOCR's weights have channels that reach a hundred, where most reach eight. All channels that share a step with them
lose precision. Training does not repair this: weights move by the learning rate, and these would have to move by their
own size. So the layer in front is divided and the weights behind are multiplied.

With a hard-swish or a swish in between, which bend below 3, this is not quite the same network. On 160 photographed
words nine texts in ten stayed as they were, and some thousand steps of training repaired the rest. The input of a layer
norm is left alone, because that would make another network.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ocrm55 import console, files, resources
from ocrm55.tasks.recognizer.image import to_tensor
from ocrm55.training.twin.convert import read_torch
from ocrm55.training.twin.network import Recognizer

PICTURES = 64  # of the bundled ones for calibration
TOGETHER = 16


@dataclass(frozen=True)
class Quieter:
    """layer: the layer; none of its output channels may exceed `most`. norm: its own norm, which is divided. readers:
    weights that are multiplied, each with the number of its input channel that is the layer's first; depthwise weights
    have their channels in front.
    """

    layer: str
    most: float
    norm: str
    readers: tuple[tuple[str, int], ...]


def _block(number: int, layer: str, most: float, *readers: str) -> Quieter:
    name = f"backbone.block_list.{number}._{layer}_conv"
    return Quieter(name, most, f"{name}._batch_norm", tuple((f"backbone.block_list.{r}.weight", 0) for r in readers))


_NECK = "head.ctc_encoder.encoder."
LOUD = (
    Quieter(
        "backbone.conv1", 6, "backbone.conv1._batch_norm", (("backbone.block_list.0._depthwise_conv._conv.weight", 0),)
    ),
    _block(0, "depthwise", 22, "0._pointwise_conv._conv"),
    _block(0, "pointwise", 28, "1._depthwise_conv._conv"),
    _block(1, "pointwise", 40, "2._depthwise_conv._conv"),
    _block(12, "depthwise", 60, "12._se.conv1", "12._pointwise_conv._conv"),
    Quieter(
        "backbone.block_list.12._pointwise_conv",
        60,
        "backbone.block_list.12._pointwise_conv._batch_norm",
        ((f"{_NECK}conv1.conv.weight", 0), (f"{_NECK}conv4.conv.weight", 0)),
    ),
    Quieter(f"{_NECK}conv1", 8, f"{_NECK}conv1.norm", ((f"{_NECK}conv2.conv.weight", 0),)),
    Quieter(f"{_NECK}conv3", 8, f"{_NECK}conv3.norm", ((f"{_NECK}conv4.conv.weight", 512),)),
)


def quieten(weights: Mapping[str, Tensor], images: Tensor) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The weights with loud channels divided, and their number in each layer.

    images: float32 [N, 3, 48, 320]; they show how loud channels are.
    """
    changed = {name: value.clone() for name, value in weights.items()}
    counts = {}
    for layer, loudest in _loudness(weights, images).items():
        loud = next(each for each in LOUD if each.layer == layer)
        factor = (loudest / loud.most).clamp_min(1)
        counts[layer] = int((factor > 1).sum())
        for name in (f"{loud.norm}.weight", f"{loud.norm}.bias"):
            changed[name] /= factor
        for name, first in loud.readers:
            if changed[name].shape[1] == 1:  # depthwise
                changed[name] *= factor.view(-1, 1, 1, 1)
            else:
                changed[name][:, first : first + len(factor)] *= factor.view(1, -1, 1, 1)
    return changed, counts


def _loudness(weights: Mapping[str, Tensor], images: Tensor) -> dict[str, Tensor]:
    """For each layer of LOUD: the largest value of each channel."""
    network = Recognizer()
    network.load_state_dict(dict(weights))
    network.eval()
    found: dict[str, Tensor] = {}

    def follow(layer: str, output: Tensor) -> None:
        now = output.float().amax((0, 2, 3))
        found[layer] = torch.maximum(found[layer], now) if layer in found else now

    modules: dict[str, nn.Module] = dict(network.named_modules())
    for loud in LOUD:
        modules[loud.layer].register_forward_hook(lambda _m, _i, output, name=loud.layer: follow(name, output))
    with torch.no_grad():
        for batch in images.split(TOGETHER):
            network(batch)
    return found


def main() -> None:
    """The program: `quieten SOURCE DESTINATION`."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, destination = map(Path, sys.argv[1:])
    with console.errors_end_the_program():
        weights = {name: torch.from_numpy(value) for name, value in read_torch(source).items()}
        pictures = sorted((resources.folder("models") / "calibration").glob("word_*"))[:PICTURES]
        quiet, counts = quieten(weights, torch.from_numpy(np.concatenate([to_tensor(path) for path in pictures])))
        with files.atomic_file(destination) as staging:
            torch.save(quiet, staging)
    for layer, count in counts.items():
        console.note(f"{layer}: {count} channels made quieter")


if __name__ == "__main__":
    main()
