"""A hand-made artifact whose model is one region on the NPU, so that driver and co-simulation are tested by themselves.

The network, its input and what it must give come from tools that know nothing of this project: Vela compiles it, LiteRT
computes it. The firmware's "probabilities" are the region's int8 outputs, one float each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocrm55.compiler.targets.ethos_u import regions
from ocrm55.npu_model.vela_files import Program
from tests.npu_networks.judge import compile_network, reference
from tests.npu_networks.networks import Sketch, Value
from tests.target import fake_artifact

HEIGHT, WIDTH = 48, 64
#: What the CPU gives in place of the region, in a build with a fall-back.
STAND_IN = -7.0


@dataclass(frozen=True)
class Case:
    """A network with one input, its image, what LiteRT makes of it, and Vela's program."""

    program: Program
    image: NDArray[np.uint8]
    expected: NDArray[np.float32]


def draw(accelerator: str = "ethos-u55-128") -> Case:
    """A convolution, a depthwise one, a pointwise one and a table, on a picture of 48 x 64 pixels."""
    sketch = Sketch(np.random.default_rng(6), np.dtype(np.int8))
    x = sketch.add_input((1, HEIGHT, WIDTH, 3))
    y = _convolution(sketch, x, 8, 3, 2)
    y = _depthwise(sketch, y)
    y = _convolution(sketch, y, 16, 1, 2)
    z = sketch.value(y.shape, 1 / 256, -128)
    sketch.operator("LOGISTIC", [y], [z])
    data = sketch.writer.finish([x.index], [z.index])
    image = sketch.random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    expected = reference(data, [(image.astype(np.int16) - 128).astype(np.int8)[None]])[0]
    return Case(compile_network(data, accelerator), image, expected.astype(np.float32).reshape(-1))


def _convolution(sketch: Sketch, x: Value, channels: int, kernel: int, stride: int) -> Value:
    tensors, scale = sketch.filters(x, (channels, kernel, kernel, x.channels), 0, kernel * kernel * x.channels, 1)
    y = sketch.value((1, x.shape[1] // stride, x.shape[2] // stride, channels), scale)
    options = {"Padding": 0, "StrideW": stride, "StrideH": stride, "DilationWFactor": 1, "DilationHFactor": 1}
    sketch.operator("CONV_2D", [x, *tensors], [y], "Conv2DOptions", **options, FusedActivationFunction=1)
    return y


def _depthwise(sketch: Sketch, x: Value) -> Value:
    tensors, scale = sketch.filters(x, (1, 3, 3, x.channels), 3, 9)
    y = sketch.value(x.shape, scale)
    options = {"Padding": 0, "StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1}
    sketch.operator("DEPTHWISE_CONV_2D", [x, *tensors], [y], "DepthwiseConv2DOptions", **options, DepthMultiplier=1)
    return y


_MODEL = """\
#include "ocrm55_model.h"
#include "ocrm55_npu.h"

#include <stddef.h>

#define INPUT {input}
#define INPUT_BYTES {input_bytes}
#define OUTPUT {output}
#define OUTPUT_BYTES {output_bytes}
#define RESULT {result}
#define COMMANDS {{{commands}}}
#define WEIGHTS {{{weights}}}
#define CONSTANT __attribute__((section(".ocrm55.weights"), aligned(OCRM55_NPU_ALIGN)))

static const union {{
    uint8_t bytes[OCRM55_NPU_PAYLOAD_HEADER + {command_bytes}];
    uint32_t words[(OCRM55_NPU_PAYLOAD_HEADER + {command_bytes}) / 4];
}} payload CONSTANT = {{.words = COMMANDS}};
static const uint8_t weights[] CONSTANT = WEIGHTS;
static const ocrm55_npu_region region = {{
    .name = "the region",
    .commands = payload.bytes + OCRM55_NPU_PAYLOAD_HEADER,
    .command_bytes = {command_bytes},
    .weights = weights,
    .weight_bytes = sizeof weights,
    .arena_bytes = {arena_bytes},
}};
static int status;

static void set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns)
{{
    (void)columns;
    (void)width;
    for (int i = 0; i < INPUT_BYTES; i++) {{
        arena[INPUT + i] = bgr[i] ^ 0x80u;
    }}
}}

static void set_image(uint8_t *arena, const uint8_t *bgr, int32_t width)
{{
    set_image_within(arena, bgr, width, 0);
}}

static int32_t width_of(const uint8_t *arena)
{{
    (void)arena;
    return OCRM55_INPUT_WIDTH;
}}

static uint32_t steps_of(const uint8_t *arena)
{{
    (void)arena;
    return OCRM55_OUTPUT_STEPS;
}}

static int npu_start(void)
{{
    status = ocrm55_npu_init(OCRM55_NPU_MACS);
    return status;
}}

static int npu_status_now(void)
{{
    return status;
}}

static void run_network(uint8_t *arena, ocrm55_hook hook, void *context)
{{
    float *result = (float *)(void *)(arena + RESULT);
    if (status == OCRM55_NPU_OK) {{
        status = ocrm55_npu_run(&region, arena);
    }}
    for (int i = 0; i < OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES; i++) {{
        const float value = status == OCRM55_NPU_OK ? (float)((const int8_t *)arena)[OUTPUT + i] : {stand_in}f;
        result[i] = i < OUTPUT_BYTES ? value : 0.0f;
    }}
    for (unsigned op = 0; op < OCRM55_OPERATOR_COUNT; op++) {{
        if (hook) hook(context, op);
    }}
}}

static const float *output_of(const uint8_t *arena)
{{
    return (const float *)(const void *)(arena + RESULT);
}}
"""


def write(folder: Path, case: Case, *, fallback: bool = False, stream: NDArray[np.uint32] | None = None) -> Path:
    """Write the artifact to `folder`; `stream` replaces Vela's commands."""
    program = case.program
    arena = -(-max(program.region_bytes.values()) // 32) * 32
    (tensor,), (output,) = program.inputs, program.outputs
    commands = program.command_stream if stream is None else stream
    network = replace(
        fake_artifact.NETWORK,
        operators=("region", "read", "nothing"),
        arena_bytes=arena + 40 * 97 * 4,
        additions=regions.additions(program.accelerator.macs, fallback=fallback),
    )
    words = [*_payload_header(program, commands.size), *commands]
    model = _MODEL.format(
        input=tensor.offset,
        input_bytes=tensor.bytes,
        output=output.offset,
        output_bytes=output.bytes,
        result=arena,
        commands=", ".join(f"{word:#x}u" for word in words),
        command_bytes=commands.size * 4,
        weights=", ".join(map(str, program.weights)) or "0",
        arena_bytes=arena,
        stand_in=STAND_IN,
    )
    fake_artifact.write(folder, network=network, model=model)
    sources = folder / "sources.cmake"
    sources.write_text(sources.read_text() + f"set(OCRM55_MODEL_NPU {program.accelerator.macs})\n")
    return folder


def _payload_header(program: Program, length: int) -> list[int]:
    """The driver actions that Vela puts before a stream: COP1, CONFIG and ID, three words of nothing, the length."""
    accelerator = program.accelerator
    config = accelerator.shram_bytes // 1024 << 8 | (accelerator.macs.bit_length() - 1)
    actions = [int.from_bytes(b"COP1", "little"), 0x0010_0001, config, 0x1006_0000, 5, 5, 5]
    return [*actions, 2 | (length >> 16) << 8 | (length & 0xFFFF) << 16]
