"""MACs that meet the image, counted by ONNX Runtime: a convolution of ones with ones sums one for each."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from ocrm55.compiler.operators.float32 import Conv2d, DepthwiseConv2d, Matmul
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from tests.unit.compiler.onnx_networks import network

CASES = [  # channels, size, outputs, kernel, strides, pads
    (3, (48, 32), 4, (3, 3), (2, 2), (1, 1, 1, 1)),
    (2, (1, 40), 3, (3, 3), (1, 1), (1, 1, 1, 1)),
    (1, (3, 7), 1, (5, 5), (1, 2), (2, 2, 2, 2)),
    (4, (5, 6), 2, (1, 1), (1, 1), (0, 0, 0, 0)),
    (1, (6, 9), 2, (2, 3), (3, 2), (0, 2, 1, 0)),
]


@pytest.mark.parametrize(("channels", "size", "outputs", "kernel", "strides", "pads"), CASES)
@pytest.mark.parametrize("depthwise", [False, True])
def test_live_macs(channels, size, outputs, kernel, strides, pads, depthwise):
    outputs = channels if depthwise else outputs
    spec = (DepthwiseConv2d if depthwise else Conv2d)(channels, *size, outputs, kernel, strides, pads)
    group = channels if depthwise else 1
    ones = {"w": np.ones((outputs, channels // group, *kernel), np.float32)}
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads, "group": group}
    shape = [1, outputs, spec.output_height, spec.output_width]
    model = network([1, channels, *size], [("Conv", ["x", "w"], "y", attributes)], ones, shape)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (counted,) = session.run(None, {"x": np.ones((1, channels, *size), np.float32)})
    assert spec.live_macs == counted.sum()
    assert spec.live_macs <= spec.macs
    assert (spec.live_macs == spec.macs) == (pads == (0, 0, 0, 0))
    integer = (Depthwise if depthwise else Convolution)(
        channels, *size, outputs, *shape[2:], kernel, strides, pads[:2], 0, Epilogue("clamp", outputs)
    )
    assert (integer.macs, integer.live_macs) == (spec.macs, spec.live_macs)


def test_what_has_no_padding_has_live_macs_only():
    spec = Matmul(2, 3, 4, 5, constant=False, bias=False)
    assert spec.live_macs == spec.macs == 120
