"""The bench's choice of kernels for the network's layers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ocrm55.bench import kernels


def test_every_layer_of_the_network_has_its_kernel(onnx_path: Path) -> None:
    cases = kernels.network_cases(onnx_path)
    counted = Counter(case.kernel for _, case in cases)
    assert counted["depthwise"] == 13
    assert counted["conv"] == 3  # the first layer, and two 3x3 of which one row is alive
    assert counted["pointwise"] == 20 + 9
    assert counted["matmul"] == 4
    assert counted["layer_norm"] == 5
    assert counted["softmax"] == 3
    assert counted["multiply"] == 2
    assert counted["average_pool"] == 3
    assert counted["add_f32"] == 4
    # 640 M as the network is written, less the rows of two 3x3 windows that only meet the border.
    assert sum(case.macs for _, case in cases) == 616_542_720
