"""Names and shapes of the weights of network.py's recognizer, without Paddle, whose import takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

CLASSES = 97
Weights = Iterator[tuple[str, list[int]]]


class Stage(NamedTuple):
    """One depthwise-separable block of the backbone, channels before scaling by 0.5."""

    inputs: int
    outputs: int
    kernel: int
    stride: int | tuple[int, int]
    squeeze_excite: bool = False


STAGES = (
    Stage(32, 64, 3, 1),
    Stage(64, 128, 3, 1),
    Stage(128, 128, 3, 1),
    Stage(128, 256, 3, (2, 1)),
    Stage(256, 256, 3, 1),
    Stage(256, 512, 3, (2, 1)),
    *(Stage(512, 512, 5, 1),) * 5,
    Stage(512, 1024, 5, (2, 1), squeeze_excite=True),
    Stage(1024, 1024, 5, (1, 2), squeeze_excite=True),
)
_NECK = "head.ctc_encoder.encoder"


@cache
def layout() -> dict[str, list[int]]:
    """The shape of each weight by its name in a training checkpoint, in the network's order."""
    return dict([*_backbone(), *_neck(features=512, hidden=120, outputs=64), *_pair("head.ctc_head.fc", [64, CLASSES])])


def _backbone() -> Weights:
    yield from _normed("backbone.conv1._conv", "backbone.conv1._batch_norm", [16, 3, 3, 3])
    for place, stage in enumerate(STAGES):
        block, inputs, outputs = f"backbone.block_list.{place}", stage.inputs // 2, stage.outputs // 2
        conv = f"{block}._depthwise_conv"
        yield from _normed(f"{conv}._conv", f"{conv}._batch_norm", [inputs, 1, stage.kernel, stage.kernel])
        if stage.squeeze_excite:
            yield from _pair(f"{block}._se.conv1", [inputs // 4, inputs, 1, 1], inputs // 4)
            yield from _pair(f"{block}._se.conv2", [inputs, inputs // 4, 1, 1], inputs)
        conv = f"{block}._pointwise_conv"
        yield from _normed(f"{conv}._conv", f"{conv}._batch_norm", [outputs, inputs, 1, 1])


def _neck(features: int, hidden: int, outputs: int) -> Weights:
    def conv(name: str, shape: list[int]) -> Weights:
        return _normed(f"{_NECK}.{name}.conv", f"{_NECK}.{name}.norm", shape)

    narrow = features // 8
    yield from conv("conv1", [narrow, features, 3, 3])
    yield from conv("conv2", [hidden, narrow, 1, 1])
    for place in range(2):
        block = f"{_NECK}.svtr_block.{place}"
        yield from _pair(f"{block}.norm1", [hidden])
        yield from _pair(f"{block}.mixer.qkv", [hidden, 3 * hidden])
        yield from _pair(f"{block}.mixer.proj", [hidden, hidden])
        yield from _pair(f"{block}.norm2", [hidden])
        yield from _pair(f"{block}.mlp.fc1", [hidden, 2 * hidden])
        yield from _pair(f"{block}.mlp.fc2", [2 * hidden, hidden])
    yield from _pair(f"{_NECK}.norm", [hidden])
    yield from conv("conv3", [features, hidden, 1, 1])
    yield from conv("conv4", [narrow, 2 * features, 3, 3])
    yield from conv("conv1x1", [outputs, narrow, 1, 1])


def _normed(conv: str, norm: str, shape: list[int]) -> Weights:
    """A convolution without a bias and its batch norm."""
    yield f"{conv}.weight", shape
    yield from ((f"{norm}.{name}", shape[:1]) for name in ("weight", "bias", "_mean", "_variance"))


def _pair(name: str, shape: list[int], biases: int = 0) -> Weights:
    """A weight and a bias; the bias has as many numbers as the weight's last axis, if `biases` is not given."""
    yield f"{name}.weight", shape
    yield f"{name}.bias", [biases or shape[-1]]
