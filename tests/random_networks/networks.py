"""Whole random networks: a backbone, perhaps a neck and a head; float32, or int8 by one of four quantisers."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import onnx

from tests.random_networks import images, rows
from tests.random_networks.graph import Growing

STYLES = ("float32", "fused", "unfused", "everywhere")
USUAL = 0.85  # of the networks in int8: those without what integer kernels refuse anyway


@dataclass(frozen=True)
class Case:
    """One network. model: in float32. style: how it is quantised, one of STYLES."""

    seed: int
    style: str
    model: onnx.ModelProto

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its input."""
        return tuple(d.dim_value for d in self.model.graph.input[0].type.tensor_type.shape.dim)

    def inputs(self, count: int, first: int = 0) -> list[np.ndarray]:
        """Pictures as the network reads them: -1 .. 1, some smooth, some noise."""
        numbers = np.random.default_rng((self.seed, first))
        return [picture(numbers, self.shape, smooth=bool(number % 2)) for number in range(count)]


def picture(numbers: np.random.Generator, shape: tuple[int, ...], *, smooth: bool) -> np.ndarray:
    """A picture as an input tensor [1, channels, height, width], -1 .. 1: smooth, or noise."""
    values = numbers.integers(0, 256, shape).astype(np.float32)
    if smooth:
        columns, height = np.arange(shape[3]), np.arange(shape[2])[:, None]
        values = (128 + 100 * np.sin(columns / 2 + height + np.arange(shape[1])[:, None, None]))[None]
    pixels = np.clip(np.rint(values), 0, 255) / np.float32(255)
    return np.asarray((pixels - np.float32(0.5)) / np.float32(0.5), np.float32)


def case(seed: int, style: str | None = None) -> Case:
    """The network with a number, always the same."""
    chance = random.Random(seed)
    chosen = chance.choices(STYLES, (4, 3, 1, 2))[0]
    style = style or chosen
    usual = chance.random() < USUAL
    g = Growing(chance, 0.0 if usual and style != "float32" else 1.0, 4 * (style == "everywhere"))
    g.shapes["x"] = (1, 3, chance.randint(3, 16), chance.randint(3, 24))
    y = images.grown(g, images.convolution(g, "x", chance.choice((None, 4, 8))), chance.randint(0, 7))
    if not g.odd(0.3):
        y = rows.grown(g, rows.rows_of(g, y), chance.randint(0, 5))
        if g.some(0.25):
            y = rows.rows_of(g, images.grown(g, rows.back_to_image(g, y), chance.randint(1, 3)))
        if not g.odd(0.2):
            y = rows.head(g, y)
    return Case(seed, style, g.model(y))
