"""Two layers of the backbone in C++, for training on a CPU with AVX-512.

In PyTorch, the gradients of a depthwise convolution in bfloat16 take 20 to 100 times its forward pass: half of a
training step. Batch normalisation and hard-swish, one after the other, take a third of the rest. The kernels in native/
make a step more than twice as fast. They are built on first use, if there is a C++ compiler; otherwise PyTorch's own
kernels are used.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@cache
def kernels() -> Any:
    """The compiled kernels, or None if they cannot be built. OCRM55_PLAIN_TORCH=1 leaves them out."""
    if os.environ.get("OCRM55_PLAIN_TORCH") or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return None
    from torch.utils.cpp_extension import load

    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "No CUDA runtime is found"
    sources = sorted(str(path) for path in Path(__file__).with_name("native").glob("*.cpp"))
    try:
        return load("ocrm55_native", sources, extra_cflags=["-O3", "-march=native"])
    except (RuntimeError, OSError, ImportError):  # no compiler, no ninja, no Python headers
        return None


def usable(x: Tensor, channels: int) -> bool:
    """Whether the kernels accept an activation: on the CPU, under autocast to bfloat16, channels a multiple of 16."""
    wanted = x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and channels % 16 == 0
    return wanted and kernels() is not None


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: int
    ) -> Tensor:
        x = x.to(torch.bfloat16)
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.biased = stride, bias is not None
        shift = None if bias is None else bias.to(torch.bfloat16)
        return F.conv2d(x, weight.to(torch.bfloat16), shift, stride, padding, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        dx, dw = kernels().depthwise_backward(x, gradients[0].to(torch.bfloat16), weight, *ctx.stride)
        shift = gradients[0].sum((0, 2, 3), dtype=weight.dtype) if ctx.biased else None
        return dx, dw.to(weight.dtype), shift, None, None


class _NormHardswish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        x = x.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        mean, variance = kernels().statistics(x)
        pixels = x.numel() // x.shape[1]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.momentum is not None
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (pixels / max(1, pixels - 1)), norm.momentum)
        rstd = torch.rsqrt(variance + norm.eps)
        scale = weight.detach() * rstd
        shift = bias.detach() - mean * scale
        ctx.save_for_backward(x, scale, shift, mean, rstd)
        return kernels().norm_hardswish(x, scale, shift)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, *channels = ctx.saved_tensors
        dx, weight, bias = kernels().norm_hardswish_backward(x, gradients[0].to(torch.bfloat16), *channels)
        return dx, weight, bias, None


def depthwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The convolution `conv`, one group a channel, of x [N, C, H, W]."""
    if torch.is_grad_enabled() and usable(x, conv.in_channels):
        return _Depthwise.apply(x, conv.weight, conv.bias, conv.stride, int(conv.padding[0]))
    return conv(x)


def depthwise_with(x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: int) -> Tensor:
    """The same with given weights [C, 1, k, k] and bias [C], padded alike on all sides."""
    if torch.is_grad_enabled() and usable(x, weight.shape[0]):
        return _Depthwise.apply(x, weight, bias, stride, padding)
    return F.conv2d(x, weight, bias, stride, padding, 1, weight.shape[0])


def norm_hardswish(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Hard-swish of the batch normalisation `norm`, in training mode, of x [N, C, H, W]."""
    if usable(x, norm.num_features):
        return _NormHardswish.apply(x, norm.weight, norm.bias, norm)
    return F.hardswish(norm(x))
