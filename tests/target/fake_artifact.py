"""A hand-made artifact that follows the contract of `compile`, so that the firmware can be tested without a compiler.

Its "model" reads its orders from the image: the first pixel's blue says what to do (0: recognise; others: fail in one
way each), the next 40 pixels say the output: blue is the class of a frame, green and red its probability in 1/65536.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ocrm55.compiler.codegen import interface
from ocrm55.compiler.codegen.interface import Interface
from ocrm55.tasks.recognizer import decoding, headers

STEPS, CLASSES, HEIGHT, WIDTH = 40, 97, 48, 320

#: Orders of the first pixel.
OK, UNDEFINED, BAD_READ, BAD_WRITE, BAD_CALL, DIVISION, RECURSION, LARGE_FRAME, HANG, NULL_WRITE = range(10)
LOCKUP, SILENT_EXIT, GARBAGE, BREAKPOINT, INTERRUPT = range(10, 15)

LABELS = ["", *(chr(code) for code in range(0x21, 0x7F)), "é", " "]

NETWORK = Interface(
    prefix="ocrm55_fake",
    model="fake",
    precision="float32",
    input_size=(3, HEIGHT, WIDTH),
    input_bytes=184320,
    output_shape=(1, STEPS, CLASSES),
    arena_bytes=65536,
    operators=("fake.first", "fake.middle", "fake.last"),
    weight_bytes=16,
    widths=(WIDTH,),
    extras=headers.extras(LABELS, STEPS, decoding.GREEDY),
)

MODEL = """\
#include "ocrm55_model.h"
#include <stddef.h>
#include <string.h>
#define OUTPUT 256
extern const float fake_weights[4];

static void set_image(uint8_t *arena, const uint8_t *bgr, int32_t width)
{
    memset(arena, 0, OUTPUT);
    memcpy(arena, bgr, 3u * (width < 41 ? (uint32_t)width : 41u));
}

static void set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns)
{
    (void)columns;
    set_image(arena, bgr, width);
}

static int32_t width_of(const uint8_t *arena)
{
    (void)arena;
    return OCRM55_INPUT_WIDTH;
}

static uint32_t steps_of(const uint8_t *arena)
{
    (void)arena;
    return OCRM55_OUTPUT_STEPS;
}

#ifdef __ARM_ARCH
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#pragma GCC diagnostic ignored "-Wpragmas"
static volatile int zero, one = 1;
__attribute__((noinline)) static int recurse(int depth)
{
    volatile char room[100];
    room[0] = (char)depth;
    return recurse(depth + 1) + room[0];
}
__attribute__((noinline)) static int large_frame(void)
{
    volatile char room[200000];
    room[0] = 1;
    return room[0];
}
static void obey(int order)
{
    switch (order) {
    case 1: __asm volatile("udf #0"); break;
    case 2: (void)*(volatile uint32_t *)0x4a000000u; break;
    case 3: *(volatile uint32_t *)0x4a000000u = 1; break;
    case 4: ((void (*)(void))0x40000000u)(); break;
    case 5: zero = one / zero; break;
    case 6: zero = recurse(0); break;
    case 7: zero = large_frame(); break;
    case 8: for (;;) __asm volatile("nop"); break;
    case 9: *(volatile uint32_t *)(uint32_t)zero = 1; break;
    case 10: /* vectors that lead nowhere, then a fault */
        *(volatile uint32_t *)0xE000ED08u = 0x4a000000u;
        __asm volatile("dsb\\nisb\\nudf #0");
        break;
    case 11: __asm volatile("mov r0, #0x18\\nmovw r1, #0x26\\nmovt r1, #2\\nbkpt 0xAB" ::: "r0", "r1"); break;
    case 12: *(volatile uint32_t *)0x49303000u = '?'; *(volatile uint32_t *)0x49303000u = '\\n'; break;
    case 13: __asm volatile("bkpt 0"); break;
    case 14: /* make interrupt 5 pending and let it come */
        *(volatile uint32_t *)0xE000E100u = 1u << 5;
        *(volatile uint32_t *)0xE000E200u = 1u << 5;
        __asm volatile("cpsie i\\ndsb\\nisb");
        break;
    default: break;
    }
}
#else
static void obey(int order)
{
    (void)order;
}
#endif

static void run_network(uint8_t *arena, ocrm55_hook hook, void *context)
{
    float *output = (float *)(void *)(arena + OUTPUT);
    memset(output, 0, sizeof(float) * OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES);
    if (hook) hook(context, 0);
    obey(arena[0]);
    for (uint32_t step = 0; step < OCRM55_OUTPUT_STEPS; step++) {
        const uint8_t *pixel = arena + 3 * (step + 1);
        output[step * OCRM55_OUTPUT_CLASSES + pixel[0]] = (float)(pixel[1] * 256 + pixel[2]) * fake_weights[1];
    }
    if (hook) hook(context, 1);
    if (hook) hook(context, 2);
}

static const float *output_of(const uint8_t *arena)
{
    return (const float *)(const void *)(arena + OUTPUT);
}
"""

_WEIGHTS = """\
extern const float fake_weights[4];
const float fake_weights[4] __attribute__((section(".ocrm55.weights"))) = {1.0f, 1.0f / 65536.0f, 0.0f, 0.0f};
"""


def write(
    folder: Path, *, compiled_in: np.ndarray | None = None, network: Interface = NETWORK, model: str = MODEL
) -> Path:
    """Write the artifact to `folder`.

    compiled_in: an image [48, width, 3] for inputs.h. model: the C in front of the network's definition.
    """
    (folder / "include").mkdir(parents=True)
    (folder / "src").mkdir()
    for name, text in (interface.headers(network) | dict(network.extras.headers)).items():
        (folder / "include" / name).write_text(text)
    (folder / "src/model.c").write_text(model + interface.definition(network))
    for name, text in network.extras.sources(network.prefix).items():
        (folder / "src" / name).write_text(text)
    (folder / "src/weights.c").write_text(_WEIGHTS)
    (folder / "sources.cmake").write_text(
        'set(OCRM55_MODEL_SOURCES "src/model.c" "src/recognizer.c" "src/weights.c")\nset(OCRM55_MODEL_KERNELS "")\n'
    )
    (folder / "metadata.json").write_text(json.dumps({"model": "fake", "precision": "float32"}))
    if compiled_in is not None:
        values = ",".join(str(value) for value in compiled_in.tobytes())
        (folder / "include/inputs.h").write_text(
            "#include <stdint.h>\n"
            f"#define OCRM55_IMAGE_WIDTH {compiled_in.shape[1]}\n"
            f'#define OCRM55_IMAGE_NAME "fake"\nstatic const uint8_t ocrm55_image_pixels[] = {{{values}}};\n'
        )
    return folder


def image(order: int = OK, frames: list[tuple[int, int]] | None = None, width: int = 64) -> np.ndarray:
    """An image that makes the fake model obey `order` and answer `frames`: (class, probability * 65536) pairs."""
    pixels = np.zeros((HEIGHT, width, 3), np.uint8)
    pixels[0, 0, 0] = order
    for step, (label, probability) in enumerate(frames or []):
        pixels[0, step + 1] = (label, probability >> 8, probability & 0xFF)
    return pixels


def text_frames(text: str, probability: int = 60000) -> list[tuple[int, int]]:
    """Frames that read `text`, a blank after each character so that doubled ones stay."""
    frames = []
    for character in text:
        frames += [(LABELS.index(character), probability), (0, 65535)]
    assert len(frames) <= STEPS
    return frames


def ocri(images: list[np.ndarray], **changes: int) -> bytes:
    """The OCRI container, written independently of the package's own writer; `changes` overrides header fields."""
    import struct
    import zlib

    body = b""
    for one in images:
        pixels = one.tobytes()
        body += struct.pack("<III", one.shape[1], one.shape[0], len(pixels)) + pixels + bytes(-len(pixels) % 4)
    fields = {"version": 1, "count": len(images), "crc": zlib.crc32(body)} | changes
    return b"OCRI" + struct.pack("<III", fields["version"], fields["count"], fields["crc"]) + body
