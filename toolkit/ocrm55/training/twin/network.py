"""tasks/recognizer/network.py in PyTorch: the same names, so converting weights needs no table."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ocrm55.training.twin.native import depthwise, norm_hardswish

CLASSES = 97
# inputs, outputs, kernel, stride, squeeze and excite; channels before scaling by 0.5
STAGES = (
    (32, 64, 3, 1, False),
    (64, 128, 3, 1, False),
    (128, 128, 3, 1, False),
    (128, 256, 3, (2, 1), False),
    (256, 256, 3, 1, False),
    (256, 512, 3, (2, 1), False),
    *((512, 512, 5, 1, False),) * 5,
    (512, 1024, 5, (2, 1), True),
    (1024, 1024, 5, (1, 2), True),
)


class ConvBatchNorm(nn.Module):
    """Convolution without bias, batch normalisation, hard-swish."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int] = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self._conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self._batch_norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self._conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.hardswish(self._batch_norm(self._conv(x)))
        x = depthwise(x, self._conv) if self._conv.groups > 1 else self._conv(x)
        return norm_hardswish(x, self._batch_norm)


class SqueezeExcite(nn.Module):
    """Weighs each channel by a number in [0, 1]; Paddle's hard sigmoid has the slope 1/6 as torch's."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels // reduction, 1)
        self.conv2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3), keepdim=True)
        # Paddle and the exported models keep six digits of 1/6.
        return x * torch.clamp(self.conv2(F.relu(self.conv1(means))) * 0.1666667 + 0.5, 0, 1)


class DepthwiseSeparable(nn.Module):
    """A depthwise convolution, squeeze and excite where wanted, a 1x1 convolution."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int], squeeze_excite: bool
    ) -> None:
        super().__init__()
        self._depthwise_conv = ConvBatchNorm(inputs, inputs, kernel, stride, groups=inputs)
        self._se = SqueezeExcite(inputs) if squeeze_excite else None
        self._pointwise_conv = ConvBatchNorm(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self._depthwise_conv(x)
        return self._pointwise_conv(x if self._se is None else self._se(x))


class MobileNetV1Enhance(nn.Module):
    """Image [N, 3, 48, W] -> features [N, 512, 1, W/8]."""

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        self.conv1 = ConvBatchNorm(3, int(32 * scale), 3, stride=2)
        self.block_list = nn.Sequential(
            *(
                DepthwiseSeparable(int(inputs * scale), int(outputs * scale), kernel, stride, squeeze_excite)
                for inputs, outputs, kernel, stride, squeeze_excite in STAGES
            )
        )
        self.pool = nn.AvgPool2d(2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.block_list(self.conv1(x)))


class ConvNormSwish(nn.Module):
    """Convolution without bias, batch normalisation, swish."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_uniform_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.norm(self.conv(x)))


class Attention(nn.Module):
    """Self-attention of all steps with all steps; x [N, steps, width]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        count, steps, width = x.shape
        query, key, value = self.qkv(x).reshape(count, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(count, steps, width))


class Mlp(nn.Module):
    """Two linear layers with a swish between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.silu(self.fc1(x)))


class SvtrBlock(nn.Module):
    """One transformer block, normalised before each half."""

    def __init__(self, width: int, heads: int = 8) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-5)
        self.mixer = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-5)
        self.mlp = Mlp(width, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SvtrEncoder(nn.Module):
    """Lets every step see the whole line: [N, C, 1, steps] -> [N, 64, 1, steps]."""

    def __init__(self, inputs: int, outputs: int = 64, depth: int = 2, hidden: int = 120) -> None:
        super().__init__()
        self.conv1 = ConvNormSwish(inputs, inputs // 8, 3)
        self.conv2 = ConvNormSwish(inputs // 8, hidden)
        self.svtr_block = nn.ModuleList([SvtrBlock(hidden) for _ in range(depth)])
        self.norm = nn.LayerNorm(hidden, eps=1e-6)
        self.conv3 = ConvNormSwish(hidden, inputs)
        self.conv4 = ConvNormSwish(2 * inputs, inputs // 8, 3)
        self.conv1x1 = ConvNormSwish(inputs // 8, outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        z = self.conv2(self.conv1(x)).squeeze(2).transpose(1, 2)  # [N, steps, hidden]
        for block in self.svtr_block:
            z = block(z)
        z = self.norm(z).transpose(1, 2).unsqueeze(2)
        return self.conv1x1(self.conv4(torch.cat([x, self.conv3(z)], 1)))


class SequenceEncoder(nn.Module):
    """Features [N, C, 1, steps] -> sequence [N, steps, 64]."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.encoder = SvtrEncoder(inputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x).squeeze(2).transpose(1, 2)


class CtcHead(nn.Module):
    """Sequence [N, steps, 64] -> logits [N, steps, classes]."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class Head(nn.Module):
    """The CTC branch."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.ctc_encoder = SequenceEncoder(inputs)
        self.ctc_head = CtcHead(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.ctc_head(self.ctc_encoder(x))


class Recognizer(nn.Module):
    """Normalised images [N, 3, 48, W] float32 -> logits [N, W/8, classes]."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.backbone = MobileNetV1Enhance()
        self.head = Head(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))

    def quantised(self) -> Iterator[tuple[nn.Module, bool]]:
        """Layers whose outputs the compiler quantises; for each, whether channels have steps of their own there."""
        for module in self.modules():
            if isinstance(module, ConvBatchNorm):
                yield module, module._conv.groups == 1  # a depthwise layer reads what the others write
            elif isinstance(module, SqueezeExcite | ConvNormSwish | nn.LayerNorm):
                yield module, False
            elif isinstance(module, Attention):
                yield module.qkv, False

    def pace(self) -> list[Tensor]:
        """For each parameter how far it may move in a step, as a factor of the learning rate: none differs."""
        return []
