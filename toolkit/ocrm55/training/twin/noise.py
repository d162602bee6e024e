"""Noise of the size of int8's rounding while the network learns. Then int8 reads what float32 reads.

Rounding to a step adds an error that is spread evenly over one step. Where the compiler quantises
(compiler/quantization/fused.py), such an error is added to activations. For the length of one pass it is also added to
the weights of every layer. Gradients are taken at the disturbed weights and applied to the undisturbed ones. This
follows the compiler only roughly: a network that bears any error of that size also bears the real one.

Half of the time a layer's channels share one step, as they do for CMSIS-NN and for an NPU. A network without this
practice lost 19 points of its words there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ocrm55.training.twin.networks import Network

STEPS, WEIGHT_STEPS = 255, 127  # of an activation's range; of a weight's absolute value
EVERY = 25  # passes between two updates of a range
MEMORY = 0.8
# Of the passes of a layer: one step for all its channels, as CMSIS-NN and an NPU round, which also round in front of
# the activation, where the range is wider.
SHARED, SHARED_WIDTH = 0.5, 1.5
POOL = 1 << 23  # random numbers drawn once; activations take slices of them from anywhere


class RoundingNoise:
    """Switched on within `with noise:`, around the forward and the backward pass.

    strength: in steps of int8; rounding has 1. The network's weights are as before when the block ends.
    """

    def __init__(self, network: Network, strength: float = 1.0, seed: int = 1) -> None:
        self.strength = strength
        self.active = False
        self.rng = random.Random(seed)
        device = next(network.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        pool = torch.rand(POOL, generator=generator) - 0.5
        self.pools = {kind: pool.to(device, kind) for kind in (torch.bfloat16, torch.float32)}
        layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        self.weights: list[Tensor] = [layer.weight for layer in layers]
        self.kept: list[Tensor] = []
        for layer, apart in network.quantised():
            layer.register_forward_hook(_Hook(self, apart))

    def __enter__(self) -> RoundingNoise:
        self.active = True
        with torch.no_grad():
            self.kept = [weight.detach().clone() for weight in self.weights]
            for weight in self.weights:
                step = weight.abs().flatten(1).amax(1).view([-1] + [1] * (weight.ndim - 1)) / WEIGHT_STEPS
                weight.addcmul_(self.draw(weight), step, value=self.strength)
        return self

    def __exit__(self, *_: object) -> None:
        self.active = False
        with torch.no_grad():
            torch._foreach_copy_(self.weights, self.kept)
        self.kept = []

    def draw(self, like: Tensor) -> Tensor:
        """Numbers spread evenly over -0.5 to 0.5, in the shape, type and order in memory of a tensor."""
        pool, count = self.pools[like.dtype], like.numel()
        if count > len(pool) // 2:
            return torch.rand_like(like) - 0.5
        start = self.rng.randrange(len(pool) - count)
        run = pool[start : start + count]
        if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
            n, c, h, w = like.shape
            return run.view(n, h, w, c).permute(0, 3, 1, 2)
        return run.view(like.shape)


def unlabelled(images: Tensor, rng: random.Random) -> Tensor:
    """Pictures of unknown text, from labelled ones [N, C, H, W]: the left of one, the right of another, some blurred.

    The network reads learned pictures with certainty. int8 reads differently only what the network has never seen.
    """
    count, width = len(images), images.shape[3]
    mixed = images.clone(memory_format=torch.channels_last)
    for row in range(count):
        cut = rng.randrange(width // 4, max(width // 4 + 1, 3 * width // 4))
        mixed[row, :, :, cut:] = images[rng.randrange(count), :, :, cut:]
        if rng.random() < 0.3:
            small = F.interpolate(mixed[row : row + 1], scale_factor=rng.uniform(0.3, 0.6), mode="area")
            mixed[row] = F.interpolate(small, size=mixed.shape[2:], mode="bilinear", align_corners=False)[0]
    return mixed


def disagreement(undisturbed: Tensor, disturbed: Tensor) -> Tensor:
    """The divergence of disturbed logits [N, steps, classes] from the undisturbed ones. It is summed over the steps of
    a picture, and the mean is taken over pictures. The gradient goes only to `disturbed`.
    """
    said = torch.softmax(undisturbed.detach().float(), -1)
    return F.kl_div(F.log_softmax(disturbed.float(), -1), said, reduction="none").sum((1, 2)).mean()


class _Hook:
    """Adds noise to the output of a layer. apart: whether each channel has a step of its own in the compiled
    network.
    """

    def __init__(self, noise: RoundingNoise, apart: bool) -> None:
        self.noise, self.apart = noise, apart
        self.passes = 0
        self.range: Tensor | None = None  # of each channel

    def __call__(self, _layer: nn.Module, _inputs: Sequence[Any], output: Tensor) -> None:
        if not self.noise.active:
            return
        with torch.no_grad():
            channels = 1 if output.ndim == 4 else output.ndim - 1
            if self.passes % EVERY == 0 or self.range is None:
                self.look(output, channels)
            self.passes += 1
            assert self.range is not None
            widest = self.range.max()
            if self.noise.rng.random() < SHARED:
                size = (SHARED_WIDTH * widest).expand_as(self.range)
            else:
                # Channels that share a step are equalised: their steps lie between their own and that of the widest.
                size = self.range if self.apart else (self.range * widest).sqrt()
            shape = [-1 if axis == channels else 1 for axis in range(output.ndim)]
            step = (size * (self.noise.strength / STEPS)).to(output.dtype).view(shape)
            output.addcmul_(self.noise.draw(output), step)

    def look(self, output: Tensor, channels: int) -> None:
        """Update the range of each channel, 0 included, by this batch."""
        axes = [axis for axis in range(output.ndim) if axis != channels]
        now = output.amax(axes).clamp_min(0).float() - output.amin(axes).clamp_max(0).float()
        self.range = now if self.range is None else self.range.lerp(now, 1 - MEMORY)
