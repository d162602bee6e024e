"""Depthwise convolution whose gradients keep up with it.

PyTorch's CPU gradients of a depthwise convolution in bfloat16 take 20 to 100 times the forward pass, two thirds of a
training step. The kernels of depthwise.cpp are built on first use, where there is a C++ compiler and the CPU has
AVX-512; anywhere else PyTorch's own are taken.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@cache
def kernels() -> Any:
    """The compiled kernels, or None where they cannot be had. OCRM55_PLAIN_TORCH=1 leaves them out."""
    if os.environ.get("OCRM55_PLAIN_TORCH") or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return None
    from torch.utils.cpp_extension import load

    source = Path(__file__).with_name("depthwise.cpp")
    try:
        return load("ocrm55_depthwise", [str(source)], extra_cflags=["-O3", "-march=native"])
    except (RuntimeError, OSError, ImportError):  # no compiler, no ninja, no Python headers
        return None


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: int) -> Tensor:
        x = x.to(torch.bfloat16)
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight.to(torch.bfloat16), None, stride, padding, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        dx, dw = kernels().backward(x, gradients[0].to(torch.bfloat16), weight, *ctx.stride)
        return dx, dw.to(weight.dtype), None, None


def depthwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The convolution `conv`, one group a channel, of x [N, C, H, W]; in bfloat16 on a CPU that has the kernels."""
    wanted = x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and conv.in_channels % 16 == 0
    if wanted and kernels() is not None:
        return _Depthwise.apply(x, conv.weight, conv.stride, int(conv.padding[0]))
    return conv(x)
