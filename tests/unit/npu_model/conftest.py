"""A hand-written operation on two small regions, for tests that need neither Vela nor LiteRT."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ocrm55.npu_model.commands import encode

Stream = Callable[..., np.ndarray]

# A 2 x 2 x 3 int8 feature map at address 0 of region 1, another at 16, the result at 32.
_ADDITION: dict[str, int] = {
    **{f"{fm}_{name}": 1 for fm in ("IFM", "IFM2", "OFM") for name in ("HEIGHT0_M1", "HEIGHT1_M1", "WIDTH0_M1")},
    **{f"{fm}_{name}": 1 for fm in ("IFM", "IFM2", "OFM") for name in ("REGION", "PRECISION")},
    **{f"{fm}_ZERO_POINT": 0 for fm in ("IFM", "IFM2", "OFM")},
    "IFM_DEPTH_M1": 2,
    "IFM_UPSCALE": 0,
    "IFM2_BROADCAST": 0,
    "OFM_HEIGHT_M1": 1,
    "OFM_WIDTH_M1": 1,
    "OFM_DEPTH_M1": 2,
    "OFM_PRECISION": 1 | 1 << 8,
    "ACTIVATION": 0,
    "ACTIVATION_MIN": -128,
    "ACTIVATION_MAX": 127,
}
_ADDRESSES: dict[str, int] = {
    **{
        f"{fm}_STRIDE_{axis}": step
        for fm in ("IFM", "IFM2", "OFM")
        for axis, step in zip("XYC", (3, 6, 1), strict=True)
    },
    **{f"{fm}_BASE{tile}": base for fm, base in (("IFM", 0), ("IFM2", 16), ("OFM", 32)) for tile in range(4)},
    "OPA_SCALE": 1,
    "OPB_SCALE": 1,
    "OFM_SCALE": 1,
}


@pytest.fixture
def addition() -> Stream:
    """Builds the stream of an elementwise operation; keyword arguments replace registers, None leaves one out."""

    def build(mode: int = 1, **changes: int | None) -> np.ndarray:
        words: list[int] = []
        for name, value in (_ADDITION | {k: v for k, v in changes.items() if k not in _ADDRESSES}).items():
            if value is not None:
                words += encode(f"NPU_SET_{name}", value)
        for name, value in (_ADDRESSES | {k: v for k, v in changes.items() if k in _ADDRESSES}).items():
            if value is not None:
                words += encode(f"NPU_SET_{name}", payload=value)
        words += encode("NPU_OP_ELEMENTWISE", mode) + encode("NPU_OP_STOP", 0xFFFF)
        return np.array(words, np.uint32)

    return build
