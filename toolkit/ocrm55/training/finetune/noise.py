"""Noise of the size of int8's rounding in the weights, while the network learns; see ../twin/noise.py."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from ocrm55.training.finetune.graph import TorchGraph

WEIGHT_STEPS = 127  # of a weight's absolute value


class WeightNoise:
    """Switched on within `with noise:`, around the forward and the backward pass. The weights are then as before."""

    def __init__(self, network: TorchGraph, seed: int) -> None:
        self.rng = random.Random(seed)
        self.weights: list[Tensor] = [value for value in network.parameters() if value.ndim > 1]
        self.kept: list[Tensor] = []

    def __enter__(self) -> WeightNoise:
        with torch.no_grad():
            self.kept = [weight.detach().clone() for weight in self.weights]
            for weight in self.weights:
                step = weight.abs().flatten(1).amax(1).view([-1] + [1] * (weight.ndim - 1)) / WEIGHT_STEPS
                weight.add_((torch.rand_like(weight) - 0.5) * step)
        return self

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.weights, self.kept)
        self.kept = []
