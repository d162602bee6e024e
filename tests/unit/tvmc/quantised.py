"""The small network in int8, as ONNX Runtime quantises it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from tests.unit.tvmc.mlf import small_network

INSIDE = ("--pass-config", "tir.usmp.enable=1")
SHAPE = (1, 3, 9, 14)


class Noise(CalibrationDataReader):
    """Images to quantise on."""

    def __init__(self) -> None:
        random = np.random.default_rng(5)
        self._images = iter([{"x": random.uniform(-1, 1, SHAPE).astype(np.float32)} for _ in range(8)])

    def get_next(self) -> Any:
        return next(self._images, None)


def quantised(folder: Path, activations: QuantType, *, per_channel: bool) -> onnx.ModelProto:
    """What a user's script makes of the small network with ONNX Runtime."""
    onnx.save(small_network(pool=True), str(folder / "float.onnx"))
    quantize_static(
        folder / "float.onnx",
        folder / "int8.onnx",
        Noise(),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
    )
    return onnx.load(str(folder / "int8.onnx"))
