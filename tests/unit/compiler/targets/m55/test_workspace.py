"""The scratch memory that the compiler plans is what the kernels ask for."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import resources
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.targets.m55.target import workspace_bytes

KERNELS = ("pointwise", "conv", "depthwise", "matmul", "tile_core", "tile_run", "tile_channel")
MAIN = """
#include <stdio.h>
#include "ocrm55_kernels.h"
int main(void) {
%s
    return 0;
}
"""


def conv_fields(s: Convolution, kernel: str) -> str:
    return (
        f".height = {s.height}, .width = {s.width}, .height_out = {s.output_height}, .width_out = {s.output_width}, "
        f".stride_y = {s.strides[0]}, .stride_x = {s.strides[1]}, .pad_top = {s.pads[0]}, .pad_left = {s.pads[1]}, "
        + kernel
    )


def c_call(spec: Spec) -> str:
    """A C statement that prints what the kernel asks for."""
    if isinstance(spec, Product):
        kind, fields = "matmul", f".columns = {spec.columns}, .depth = {spec.depth}, .rows = {spec.rows}"
    elif isinstance(spec, Depthwise):
        kind = "depthwise"
        fields = conv_fields(spec, f".channels = {spec.channels}, .kernel = {spec.kernel[0]}")
    elif isinstance(spec, Pointwise):
        kind, fields = "pointwise", f".channels_in = {spec.channels}, .channels_out = {spec.outputs}"
    else:
        assert isinstance(spec, Convolution)
        kind = "conv"
        window = f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]}"
        fields = conv_fields(spec, f".channels_in = {spec.channels}, .channels_out = {spec.outputs}, {window}")
    structure = f"&(struct ocrm55_{kind}){{{fields}}}"
    return f'    printf("%zu\\n", ocrm55_{kind}_s8_workspace_bytes({structure}));'


def random_specs(count: int) -> list[Spec]:
    rng = np.random.default_rng(5)
    clamp = Epilogue("clamp", 0)
    specs: list[Spec] = []
    while len(specs) < count:
        channels, outputs = (int(v) for v in rng.integers(1, 600, 2))
        height, width = (int(v) for v in rng.integers(1, 40, 2))
        kernel = int(rng.choice([3, 5]))
        strides = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
        pad = kernel // 2
        out = tuple((n + 2 * pad - kernel) // s + 1 for n, s in zip((height, width), strides, strict=True))
        pads, size = (pad, pad), (kernel, kernel)
        specs.append(Depthwise(channels, height, width, channels, *out, size, strides, pads, 0, clamp))
        specs.append(Convolution(channels, height, width, outputs, *out, size, strides, pads, 0, clamp))
        specs.append(Convolution(3, height, width, outputs, *out, size, strides, pads, 0, clamp))
        one = (1, 1)
        specs.append(Pointwise(channels, height, width, outputs, height, width, one, one, (0, 0), 0, clamp))
        specs.append(Product(2, height, outputs, channels, 0, 0, 0, 0, 0, 0, 0, clamp))
    return specs


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence[Spec], list[int]]:
    folder: Path = tmp_path_factory.mktemp("workspace")
    specs = random_specs(200)
    (folder / "main.c").write_text(MAIN % "\n".join(c_call(spec) for spec in specs))
    sources = [str(resources.kernel(name)) for name in KERNELS]
    program = str(folder / "program")
    command = ["cc", "-I", str(resources.kernel_folder()), str(folder / "main.c"), *sources, "-lm", "-o", program]
    subprocess.run(command, check=True)
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return specs, [int(line) for line in printed.split()]


def test_workspaces_are_what_the_kernels_ask_for(asked):
    specs, sizes = asked
    wrong = [(spec, size, workspace_bytes(spec)) for spec, size in zip(specs, sizes, strict=True)]
    assert [entry for entry in wrong if entry[1] != entry[2]] == []
