"""Numbers of a quantisation leave the C for the image of weights, each as the value that C would have read."""

from __future__ import annotations

import struct

import pytest

from ocrm55.package.numbers import moved
from ocrm55.package.weights_image import abi

HEAD = '#include "operators.h"\n\n#include "ocrm55_kernels.h"\n\n'


@pytest.mark.parametrize(
    ("before", "after", "data"),
    [
        (".zero_x = -64, .zero_y = 3, .gain = 0.0037006971f,",
         ".zero_x = net_int(0), .zero_y = net_int(1), .gain = net_float(2),",
         struct.pack("<iif", -64, 3, 0.0037006971)),
        (".gain = gain, .zero_point = -76, .low = -128, .high = 127},",
         ".gain = gain, .zero_point = net_int(0), .low = (int8_t)net_int(1), .high = (int8_t)net_int(2)},",
         struct.pack("<iii", -76, -128, 127)),
        (".gain_y = (-1e-05f),", ".gain_y = net_float(0),", struct.pack("<f", -1e-05)),
        (".gain_a = 16384, .gain_b = 20000,\n.offset = -7, .shift = 15},",
         ".gain_a = net_int(0), .gain_b = net_int(1),\n.offset = net_int(2), .shift = net_int(3)},",
         struct.pack("<iiii", 16384, 20000, -7, 15)),
        ("ocrm55_dequantize_channels_s8(x, steps, 120, -112, y, 4800);",
         "ocrm55_dequantize_channels_s8(x, steps, 120, net_int(0), y, 4800);", struct.pack("<i", -112)),
        ("ocrm55_quantize_s8(x, 21.25f, -3, y, 480);", "ocrm55_quantize_s8(x, net_float(0), net_int(1), y, 480);",
         struct.pack("<fi", 21.25, -3)),
    ],
)  # fmt: skip
def test_numbers_of_values_become_loads(before: str, after: str, data: bytes) -> None:
    found = moved({"operators_any.c": HEAD + before}, "net")
    assert found.texts["operators_any.c"] == HEAD.replace("s.h", 's.h"\n#include "weights.h', 1) + after
    assert found.data == data and found.calibration is None


@pytest.mark.parametrize(
    "text",
    [
        ".channels = 16, .y_stride = 32, .table_shift = 5, .epsilon = 1e-05f, .pad_top = 1,",
        ".weights = weights, .gain = gain, .scale = scale,",
        "ocrm55_softmax_f32_s8(x, y, 320, 40);",
    ],
)
def test_what_decides_where_a_kernel_reads_stays(text: str) -> None:
    found = moved({"operators_any.c": HEAD + text, "model.c": ".zero_x = 1,"}, "net")
    assert found.texts == {"operators_any.c": HEAD + text, "model.c": ".zero_x = 1,"} and not found.data


def test_the_confidence_goes_along() -> None:
    text = (
        "static const struct ocrm55_calibration calibration = {\n    .bias = (-2.3722f),\n    .lead = 0.4235f,\n"
        "    .likelihood = 1.41f,\n};\n    .calibration = &calibration,\n"
    )
    found = moved({"operators_a.c": HEAD + ".zero_y = 1,", "recognizer.c": text}, "net")
    assert found.calibration == 1 and found.data[4:] == struct.pack("<fff", -2.3722, 0.4235, 1.41)
    wanted = "extern struct ocrm55_calibration net_calibration;\n    .calibration = &net_calibration,\n"
    assert found.texts["recognizer.c"] == wanted


def test_other_numbers_are_the_same_c() -> None:
    hashes = set()
    for name, zero in (("net", -64), ("another", 17)):
        code = {"operators_a.c": f"{HEAD}/* {name} */ .zero_x = {zero},", f"{name}.h": f"int {name}_run;", "m.h": ""}
        hashes.add(abi(moved(code, name).texts, name, name))
    assert len(hashes) == 1
