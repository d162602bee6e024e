"""Networks of tests as graphs, folded and quantised: the compiler's steps edit a graph, these return one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.quantization import fused, unfused


def folded(model: onnx.ModelProto) -> Graph:
    """The model's graph, folded."""
    graph = Graph(model)
    fold(graph)
    return graph


def quantised(model: onnx.ModelProto, inputs: Sequence[np.ndarray], options: Any = None) -> Graph:
    """The model's graph, quantised for kernels that fuse."""
    graph = Graph(model)
    fused.quantize(graph, inputs, options)
    return graph


def quantised_for_a_library(model: onnx.ModelProto, inputs: Sequence[np.ndarray], **options: Any) -> Graph:
    """The model's graph, quantised for kernels that fuse nothing but a clamp."""
    graph = Graph(model)
    unfused.quantize(graph, inputs, **options)
    return graph
