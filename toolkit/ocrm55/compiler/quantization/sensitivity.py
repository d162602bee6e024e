"""The weight of an error in each channel of an activation, from the weights that read the channel.

Small weights mostly read a channel with large values. If all channels of a tensor share one scale, the error of the
sums behind it counts, not the error of the tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.kinds import Family, has_weights, is_depthwise, kind_of


def weighed(graph: Graph, histograms: Mapping[str, Histogram]) -> dict[str, Histogram]:
    """The histograms with each channel's counts times the squares of the weights that read it, where they are known."""
    found = {}
    for name, histogram in histograms.items():
        squares = squares_of_readers(graph, name, len(histogram.low))
        if squares is None or not squares.any():
            found[name] = histogram
        else:
            # A channel that nothing reads still needs a range that is not empty.
            weights = np.maximum(squares / squares.mean(), 1e-6)
            found[name] = replace(histogram, counts=histogram.counts * weights[:, None])
    return found


def squares_of_readers(graph: Graph, name: str, channels: int) -> np.ndarray | None:
    """For each channel of a 4-D tensor, the sum of the squares of the weights that read it, also behind activations,
    averages and products with gates. None if something else reads it.
    """
    total, pending, seen = np.zeros(channels), [name], set()
    while pending:
        current = pending.pop()
        for user in graph.users(current):
            kind = kind_of(graph, user)
            if kind.family is Family.CONVOLUTION and has_weights(graph, user) and user.input[0] == current:
                weights = graph.constants[user.input[1]].astype(np.float64) ** 2
                by_channel = weights.sum(axis=(1, 2, 3) if is_depthwise(user) else (0, 2, 3))
                if len(by_channel) != channels:
                    return None
                total += by_channel
            elif kind.passes_errors:
                if (output := str(user.output[0])) not in seen:
                    seen.add(output)
                    pending.append(output)
            else:
                return None
    return total
