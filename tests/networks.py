"""PaddleOCR's recognizers with random weights: other backbones, necks, heads, dictionaries and sizes than the bundled.

Written from the published architectures, in the form in which PaddleOCR exports them: PPLCNetV3's parallel branches are
one convolution each by then. Weights are random, but such that every layer gives values of about unit size, as training
makes them: without that, the differences that tests look for drown in zeros or in saturated activations.

`python -m tests.networks NAME DIR` writes one of them as a Paddle inference folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from ocrm55.compiler.quantization import calibration
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer import model as paddle_model
from ocrm55.tasks.recognizer.charset import load_dictionary
from ocrm55.tasks.recognizer.layout import STAGES
from ocrm55.tasks.recognizer.network import (
    DepthwiseSeparable,
    MobileNetV1Enhance,
    Recognizer,
    SqueezeExcite,
    SvtrBlock,
)
from ocrm55.tasks.recognizer.task import RECOGNIZER

LOGITS = 1.0  # standard deviation of the logits on pictures of words; on others it is more
# Standard deviations of what weights and biases make of unit values. Random networks of weights alone are chaotic: the
# last bits grow from layer to layer until they decide the text. With biases they grow less, and pictures still differ.
WEIGHTS, BIASES = 0.75, 0.65


class Affine(nn.Layer):
    """PPLCNetV3's learnable affine block: one factor and one offset for a whole tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = self.create_parameter([1])
        self.bias = self.create_parameter([1])

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.scale * x + self.bias


class AffineConv(nn.Layer):
    """A re-parameterised convolution, an affine block, hard-swish, an affine block."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int] = 1, groups: int = 1):
        super().__init__()
        self.reparam_conv = nn.Conv2D(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups)
        self.lab = Affine()
        self.act_lab = Affine()

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.act_lab(F.hardswish(self.lab(self.reparam_conv(x))))


class LcNetBlock(nn.Layer):
    """A depthwise and a 1x1 convolution, with squeeze-and-excite between them or not."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int], squeeze_excite: bool):
        super().__init__()
        self.dw_conv = AffineConv(inputs, inputs, kernel, stride, groups=inputs)
        self.se = SqueezeExcite(inputs) if squeeze_excite else None
        self.pw_conv = AffineConv(inputs, outputs, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.dw_conv(x)
        return self.pw_conv(x if self.se is None else self.se(x))


class LcNetV3(nn.Layer):
    """PP-OCRv4's mobile backbone: image [N, 3, 48, W] -> features [N, 480, 1, W/8] at scale 0.95."""

    STAGES = (  # kernel, inputs, outputs, stride, squeeze and excite
        (3, 16, 32, 1, False),
        (3, 32, 64, 1, False),
        (3, 64, 64, 1, False),
        (3, 64, 128, (2, 1), False),
        (3, 128, 128, 1, False),
        (3, 128, 256, (1, 2), False),
        *((5, 256, 256, 1, False),) * 4,
        (5, 256, 512, (2, 1), True),
        (5, 512, 512, 1, True),
        (5, 512, 512, (2, 1), False),
        (5, 512, 512, 1, False),
    )

    def __init__(self, scale: float = 0.95) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(3, _sixteens(16 * scale), 3, stride=2, padding=1, bias_attr=False)
        self.bn1 = nn.BatchNorm2D(_sixteens(16 * scale))
        self.blocks = nn.Sequential(
            *(
                LcNetBlock(_sixteens(inputs * scale), _sixteens(outputs * scale), kernel, stride, squeeze_excite)
                for kernel, inputs, outputs, stride, squeeze_excite in self.STAGES
            )
        )
        self.out_channels = _sixteens(512 * scale)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.avg_pool2d(self.blocks(self.bn1(self.conv1(x))), [3, 2])


def _sixteens(channels: float) -> int:
    """The nearest multiple of 16."""
    return max(16, int(channels + 8) // 16 * 16)


class PlainBackbone(nn.Layer):
    """MobileNetV1Enhance as of the demo on Arm Virtual Hardware: image [N, 3, 32, W] -> features [N, C, 1, W/4]."""

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        whole = MobileNetV1Enhance(scale)
        channels = int(STAGES[-1].outputs * scale)
        self.conv1 = whole.conv1
        self.blocks = nn.Sequential(*list(whole.block_list)[:-1], DepthwiseSeparable(channels, channels, 5, 1, True))
        self.pool = nn.MaxPool2D(2, stride=2)
        self.out_channels = channels

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.pool(self.blocks(self.conv1(x)))


class ConvBatchNormSwish(nn.Layer):
    """A convolution with any window, batch normalisation, swish."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.conv = nn.Conv2D(inputs, outputs, kernel, padding=[kernel[0] // 2, kernel[1] // 2], bias_attr=False)
        self.norm = nn.BatchNorm2D(outputs)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.silu(self.norm(self.conv(x)))


class SvtrNeck(nn.Layer):
    """PP-OCRv4's neck: windows of 1x3, 120 channels out. Features [N, C, 1, steps] -> [N, steps, 120]."""

    def __init__(self, inputs: int, outputs: int = 120, hidden: int = 120, depth: int = 2) -> None:
        super().__init__()
        self.conv1 = ConvBatchNormSwish(inputs, inputs // 8, (1, 3))
        self.conv2 = ConvBatchNormSwish(inputs // 8, hidden)
        self.svtr_block = nn.LayerList([SvtrBlock(hidden) for _ in range(depth)])
        self.norm = nn.LayerNorm(hidden, epsilon=1e-6)
        self.conv3 = ConvBatchNormSwish(hidden, inputs)
        self.conv4 = ConvBatchNormSwish(2 * inputs, inputs // 8, (1, 3))
        self.conv1x1 = ConvBatchNormSwish(inputs // 8, outputs)
        self.hidden, self.out_channels = hidden, outputs

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        z = self.conv2(self.conv1(x))
        _, _, height, width = z.shape
        z = z.flatten(2).transpose([0, 2, 1])
        for block in self.svtr_block:
            z = block(z)
        z = self.norm(z).reshape([0, height, width, self.hidden]).transpose([0, 3, 1, 2])
        return steps(self.conv1x1(self.conv4(paddle.concat([x, self.conv3(z)], axis=1))))


class LstmNeck(nn.Layer):
    """The neck of PP-OCRv2 and before. Features [N, C, 1, steps] -> [N, steps, 2 * hidden]."""

    def __init__(self, inputs: int, hidden: int = 48) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, direction="bidirectional", num_layers=2)
        self.out_channels = 2 * hidden

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.lstm(steps(x))[0]


class Steps(nn.Layer):
    """No neck at all: features [N, C, 1, steps] -> [N, steps, C]."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.out_channels = inputs

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return steps(x)


def steps(x: paddle.Tensor) -> paddle.Tensor:
    return x.squeeze(2).transpose([0, 2, 1])


class Network(nn.Layer):
    """Backbone, neck, and a CTC head of one fully connected layer or of two.

    softmax: whether probabilities come out, as PaddleOCR exports it, or the logits.
    """

    def __init__(
        self, backbone: nn.Layer, neck: nn.Layer, classes: int, middle: int | None = None, softmax: bool = True
    ) -> None:
        super().__init__()
        self.backbone, self.neck, self.softmax = backbone, neck, softmax
        self.fc1 = None if middle is None else nn.Linear(neck.out_channels, middle)
        self.fc = nn.Linear(middle or neck.out_channels, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.neck(self.backbone(x))
        logits = self.fc(x if self.fc1 is None else self.fc1(x))
        return F.softmax(logits, axis=2) if self.softmax else logits


def settle(network: nn.Layer, shape: Sequence[int], seed: int = 0) -> nn.Layer:
    """Random weights with which each layer gives values of about unit size for pictures of words in that shape.

    Layer after layer, while some pass: weights are drawn and scaled by what comes out, statistics of batch
    normalisation are those of what goes in.
    """
    paddle.seed(seed)
    rng = np.random.default_rng(seed)

    def draw(parameter: paddle.Tensor, values: np.ndarray) -> None:
        parameter.set_value(values.reshape(parameter.shape).astype(np.float32))

    def product(layer: nn.Layer, inputs: tuple, _: paddle.Tensor) -> paddle.Tensor:
        size = LOGITS if layer is head else WEIGHTS
        draw(layer.weight, rng.normal(size=layer.weight.shape))
        if layer.bias is not None:
            draw(layer.bias, np.zeros(layer.bias.shape))
        out = layer.forward(*inputs).numpy()
        axes = (0, 2, 3) if out.ndim == 4 else tuple(range(out.ndim - 1))
        draw(layer.weight, layer.weight.numpy() * (size / max(float(out.std()), 1e-6)))
        if layer.bias is not None:
            centre = -out.mean(axis=axes) * (size / max(float(out.std()), 1e-6))
            draw(layer.bias, centre + rng.normal(scale=BIASES, size=layer.bias.shape))
        return layer.forward(*inputs)

    def norm(layer: nn.Layer, inputs: tuple, _: paddle.Tensor) -> paddle.Tensor:
        draw(layer._mean, inputs[0].numpy().mean(axis=(0, 2, 3)))
        draw(layer._variance, inputs[0].numpy().var(axis=(0, 2, 3)) + 1e-3)
        draw(layer.weight, WEIGHTS * rng.uniform(0.5, 1.5, layer.weight.shape))
        draw(layer.bias, rng.normal(scale=BIASES, size=layer.bias.shape))
        return layer.forward(*inputs)

    def affine(layer: nn.Layer, inputs: tuple, _: paddle.Tensor) -> paddle.Tensor:
        draw(layer.scale, rng.uniform(0.7, 1.3, [1]))
        draw(layer.bias, rng.normal(scale=0.2, size=[1]))
        return layer.forward(*inputs)

    head = [layer for layer in network.sublayers() if isinstance(layer, nn.Linear)][-1]
    kinds: dict[type, Callable] = {nn.Conv2D: product, nn.Linear: product, nn.BatchNorm2D: norm, Affine: affine}
    hooks = [
        layer.register_forward_post_hook(kinds[type(layer)]) for layer in network.sublayers() if type(layer) in kinds
    ]
    network.eval()
    pictures = np.concatenate(
        [image.to_tensor(path, shape[3], shape[2]) for path in calibration.images(RECOGNIZER.calibration)[:8]]
    )
    with paddle.no_grad():
        network(paddle.to_tensor(pictures))
    for hook in hooks:
        hook.remove()
    return network


@dataclass(frozen=True)
class Recipe:
    """How a network is made and what it reads.

    characters: its dictionary. space: whether a class for the space is added to it, as PaddleOCR mostly does.
    """

    make: Callable[[int], nn.Layer]
    characters: Sequence[str]
    height: int = 48
    width: int = 320
    space: bool = True

    @property
    def classes(self) -> int:
        return 1 + len(self.characters) + self.space

    def write(self, folder: Path, seed: int = 0) -> Path:
        """Write the network as a Paddle inference folder, with random weights."""
        network = settle(self.make(self.classes), (1, 3, self.height, self.width), seed)
        paddle_model.write(network, self.characters, folder, size=(self.height, self.width), name=folder.name)
        return folder


def chinese(count: int) -> list[str]:
    """Characters as Chinese dictionaries have them: ideographs, then letters and what breaks careless code."""
    return [*(chr(0x4E00 + index) for index in range(count - 8)), "　", "é", "Ω", '"', "\\", "?", "€", "𠀀"]


def _plain(classes: int, scale: float = 0.5) -> nn.Layer:
    backbone = PlainBackbone(scale)
    return Network(backbone, Steps(backbone.out_channels), classes, middle=96)


def _v4(classes: int, scale: float = 0.95) -> nn.Layer:
    backbone = LcNetV3(scale)
    return Network(backbone, SvtrNeck(backbone.out_channels), classes)


def _lstm(classes: int) -> nn.Layer:
    backbone = PlainBackbone(0.25)
    return Network(backbone, LstmNeck(backbone.out_channels), classes)


def _logits(classes: int) -> nn.Layer:
    backbone = PlainBackbone(0.25)
    return Network(backbone, Steps(backbone.out_channels), classes, softmax=False)


LATIN = [*"abcdefghijklmnopqrstuvwxyz", *"àâäçéèêëîïôöùûüÿœæßñ"]
RECIPES = {
    "ppocrv4": Recipe(_v4, load_dictionary()),
    "plain": Recipe(_plain, load_dictionary(), height=32),
    "ppocrv3_48x160": Recipe(Recognizer, LATIN, width=160, space=False),
    "ppocrv3_chinese": Recipe(Recognizer, chinese(6623)),
    # Small ones, for quick tests.
    "small_ppocrv4": Recipe(lambda classes: _v4(classes, 0.25), LATIN, width=64),
    "small_plain": Recipe(lambda classes: _plain(classes, 0.25), chinese(40), height=32, width=64, space=False),
    "small_chinese": Recipe(lambda classes: _plain(classes, 0.25), chinese(6623), height=32, width=64),
    "logits": Recipe(_logits, LATIN, height=32, width=64),
    "lstm": Recipe(_lstm, LATIN, height=32, width=64),
}

if __name__ == "__main__":
    RECIPES[sys.argv[1]].write(Path(sys.argv[2]))
