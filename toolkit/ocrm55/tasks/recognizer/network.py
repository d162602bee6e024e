"""The English PP-OCRv3 recognizer, SVTR_LCNet, as Paddle layers.

Attributes have the names of PaddleOCR's checkpoints (`backbone.block_list.3._depthwise_conv._conv.weight`,
`head.ctc_encoder.encoder.svtr_block.0.mixer.qkv.weight`), so an official `.pdparams` loads key by key.

2,215,345 parameters and 640 M multiply-accumulates at 48 x 320 pixels. An image of height 48 and width W gives W/8
steps; Only the CTC branch is here; PaddleOCR's SAR branch guides the training and is not exported.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from ocrm55.tasks.recognizer.layout import CLASSES, STAGES

HEIGHT = 48  # pixels: five strides of two (and the last pool) bring 48 rows down to 1


class ConvBatchNorm(nn.Layer):
    """Convolution without bias, batch normalisation, hard-swish: the backbone's unit."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int] = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self._conv = nn.Conv2D(
            inputs,
            outputs,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            weight_attr=paddle.ParamAttr(initializer=nn.initializer.KaimingNormal()),
            bias_attr=False,
        )
        self._batch_norm = nn.BatchNorm2D(outputs)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.hardswish(self._batch_norm(self._conv(x)))


class SqueezeExcite(nn.Layer):
    """Weighs each channel by a number in [0, 1] that the channel means of the whole image decide."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(channels, channels // reduction, 1)
        self.conv2 = nn.Conv2D(channels // reduction, channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        means = F.adaptive_avg_pool2d(x, 1)  # [N, C, 1, 1]
        return x * F.hardsigmoid(self.conv2(F.relu(self.conv1(means))))


class DepthwiseSeparable(nn.Layer):
    """A depthwise convolution within each channel, then a 1x1 convolution that mixes the channels."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int], squeeze_excite: bool
    ) -> None:
        super().__init__()
        self._depthwise_conv = ConvBatchNorm(inputs, inputs, kernel, stride, groups=inputs)
        self._se = SqueezeExcite(inputs) if squeeze_excite else None
        self._pointwise_conv = ConvBatchNorm(inputs, outputs, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self._depthwise_conv(x)
        if self._se is not None:
            x = self._se(x)
        return self._pointwise_conv(x)


class MobileNetV1Enhance(nn.Layer):
    """Image [N, 3, 48, W] -> features [N, 512, 1, W/8]. Height shrinks faster than width: text runs along it."""

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        self.conv1 = ConvBatchNorm(3, int(32 * scale), 3, stride=2)
        self.block_list = nn.Sequential(
            *(
                DepthwiseSeparable(
                    int(stage.inputs * scale),
                    int(stage.outputs * scale),
                    stage.kernel,
                    stage.stride,
                    stage.squeeze_excite,
                )
                for stage in STAGES
            )
        )
        self.pool = nn.AvgPool2D(2, stride=2)
        self.out_channels = int(STAGES[-1].outputs * scale)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.pool(self.block_list(self.conv1(x)))


class ConvNormSwish(nn.Layer):
    """Convolution without bias, batch normalisation, swish: the neck's unit."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2D(
            inputs,
            outputs,
            kernel,
            padding=kernel // 2,
            weight_attr=paddle.ParamAttr(initializer=nn.initializer.KaimingUniform()),
            bias_attr=False,
        )
        self.norm = nn.BatchNorm2D(outputs)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.silu(self.norm(self.conv(x)))


class Attention(nn.Layer):
    """Self-attention of all steps with all steps; x [N, steps, width] -> the same shape."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.heads = heads
        self.head_width = width // heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        # [N, steps, 3 * width] -> query, key, value, each [N, heads, steps, head_width]
        qkv = self.qkv(x).reshape([0, -1, 3, self.heads, self.head_width]).transpose([2, 0, 3, 1, 4])
        query, key, value = qkv[0] * self.head_width**-0.5, qkv[1], qkv[2]
        weights = self.dropout(F.softmax(paddle.matmul(query, key, transpose_y=True), axis=-1))
        mixed = paddle.matmul(weights, value).transpose([0, 2, 1, 3]).reshape([0, -1, self.width])
        return self.dropout(self.proj(mixed))


class Mlp(nn.Layer):
    """Two linear layers with a swish between, for each step alone."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.dropout(self.fc2(self.dropout(F.silu(self.fc1(x)))))


class SvtrBlock(nn.Layer):
    """One transformer block, normalised before each half."""

    def __init__(self, width: int, heads: int = 8, mlp_ratio: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, epsilon=1e-5)
        self.mixer = Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width, epsilon=1e-5)
        self.mlp = Mlp(width, width * mlp_ratio, dropout)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SvtrEncoder(nn.Layer):
    """Lets every step see the whole line: [N, C, 1, steps] -> [N, 64, 1, steps]."""

    def __init__(
        self,
        inputs: int,
        outputs: int = 64,
        depth: int = 2,
        hidden: int = 120,
        dropout: float = 0.1,
        guided: bool = False,
    ) -> None:
        super().__init__()
        self.guided = guided
        self.conv1 = ConvNormSwish(inputs, inputs // 8, 3)
        self.conv2 = ConvNormSwish(inputs // 8, hidden)
        self.svtr_block = nn.LayerList([SvtrBlock(hidden, dropout=dropout) for _ in range(depth)])
        self.norm = nn.LayerNorm(hidden, epsilon=1e-6)
        self.conv3 = ConvNormSwish(hidden, inputs)
        self.conv4 = ConvNormSwish(2 * inputs, inputs // 8, 3)
        self.conv1x1 = ConvNormSwish(inputs // 8, outputs)
        for layer in self.sublayers():
            if isinstance(layer, nn.Linear):
                nn.initializer.TruncatedNormal(std=0.02)(layer.weight)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        if self.guided and self.training:
            x = x.detach()
        z = self.conv2(self.conv1(x))  # [N, hidden, 1, steps]
        z = z.squeeze(2).transpose([0, 2, 1])  # [N, steps, hidden]
        for block in self.svtr_block:
            z = block(z)
        z = self.norm(z).transpose([0, 2, 1]).unsqueeze(2)  # [N, hidden, 1, steps]
        return self.conv1x1(self.conv4(paddle.concat([x, self.conv3(z)], axis=1)))


class SequenceEncoder(nn.Layer):
    """Features [N, C, 1, steps] -> sequence [N, steps, 64]."""

    def __init__(self, inputs: int, dropout: float, guided: bool) -> None:
        super().__init__()
        self.encoder = SvtrEncoder(inputs, dropout=dropout, guided=guided)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.encoder(x).squeeze(axis=2).transpose([0, 2, 1])


class CtcHead(nn.Layer):
    """Sequence [N, steps, 64] -> logits [N, steps, classes]."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc(x)


class Head(nn.Layer):
    """The CTC branch of PaddleOCR's MultiHead."""

    def __init__(self, inputs: int, classes: int, dropout: float, guided: bool) -> None:
        super().__init__()
        self.ctc_encoder = SequenceEncoder(inputs, dropout, guided)
        self.ctc_head = CtcHead(64, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.ctc_head(self.ctc_encoder(x))


class Recognizer(nn.Layer):
    """Normalised images [N, 3, 48, W] float32 -> [N, W/8, classes].

    In training mode the result is logits, in evaluation mode (`.eval()`) probabilities, as PaddleOCR exports them.

    classes: 1 (blank) + characters of the dictionary + 1 (space); the weights of the last layer depend on it.
    dropout: of the attention blocks, only in training.
    guided: cut the gradient before the neck as PaddleOCR does while its SAR branch trains the backbone (`use_guide`);
        leave it off when CTC alone trains the network.
    """

    def __init__(self, classes: int = CLASSES, dropout: float = 0.1, guided: bool = False) -> None:
        super().__init__()
        self.backbone = MobileNetV1Enhance()
        self.head = Head(self.backbone.out_channels, classes, dropout, guided)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        logits = self.head(self.backbone(x))
        return logits if self.training else F.softmax(logits, axis=2)
