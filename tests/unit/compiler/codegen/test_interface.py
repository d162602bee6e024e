"""The headers of networks: several in one C file, in C and in C++, with the sizes that the struct has."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55.compiler.codegen import interface
from ocrm55.compiler.codegen.interface import Interface
from ocrm55.compiler.targets.base import Additions
from ocrm55.tasks.base import Extras

FIRST = Interface(
    prefix="first",
    model='a "model"',
    precision="int8",
    input_size=(3, 48, 320),
    input_bytes=46080,
    output_shape=(1, 40, 97),
    arena_bytes=1040,
    operators=("stem", 'odd "name"'),
    weight_bytes=64,
    widths=(96, 320),
    extras=Extras(task="recognizer", constant="struct ocrm55_recognizer", sizes=[("TEXT_BYTES", 81, "")]),
)
ACCELERATOR = Additions(
    members=(("npu_macs", "128"), ("npu_start", "npu_start"), ("npu_status", "npu_status_now")), arena_align=32
)
SECOND = replace(FIRST, prefix="Second_1", arena_bytes=2064, extras=Extras(), additions=ACCELERATOR)

FUNCTIONS = """
#include <stddef.h>
#include "{prefix}.h"
static void set_image_within(uint8_t *a, const uint8_t *b, int32_t w, int32_t c) {{ a[0] = b[w + c]; }}
static void set_image(uint8_t *a, const uint8_t *b, int32_t w) {{ set_image_within(a, b, w, 0); }}
static void run_network(uint8_t *a, ocrm55_hook hook, void *context) {{ (void)a, (void)hook, (void)context; }}
static const float *output_of(const uint8_t *a) {{ return (const float *)(const void *)a; }}
static uint32_t steps_of(const uint8_t *a) {{ (void)a; return 40; }}
static int32_t width_of(const uint8_t *a) {{ (void)a; return 320; }}
static int npu_start(void) {{ return 0; }}
static int npu_status_now(void) {{ return npu_start(); }}
int keep_{prefix}(void) {{ return npu_status_now(); }}
"""
MAIN = """
#include <stdio.h>
#include "first.h"
#include "Second_1.h"
int main(void) {
    printf("%s %s %d\\n", first.name, first.operator_names[1], (int)first.widths[0]);
    printf("%d %d\\n", (int)FIRST_ARENA_BYTES, (int)first.arena_bytes);
    printf("%d %d %d\\n", (int)SECOND_1_ARENA_BYTES, (int)Second_1.arena_bytes, (int)Second_1.arena_align);
    printf("%d %d\\n", FIRST_TEXT_BYTES, FIRST_OUTPUT_STEPS == (int)first.output_shape[first.output_dimensions - 2]);
    printf("%d %d %d\\n", first.npu_start == NULL, Second_1.npu_start(), (int)Second_1.npu_macs);
    return 0;
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for network in (FIRST, SECOND):
        for name, text in interface.headers(network).items():
            (tmp_path / name).write_text(text)
        source = FUNCTIONS.format(prefix=network.prefix) + interface.definition(network)
        (tmp_path / f"{network.prefix}.c").write_text(source)
    (tmp_path / "main.c").write_text(MAIN)
    return tmp_path


def test_two_networks_in_one_file_and_one_program(folder: Path) -> None:
    sources = ["main.c", "first.c", "Second_1.c"]
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", *sources, "-o", "program"], cwd=folder, check=True)
    said = subprocess.run([folder / "program"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ['a "model" odd "name" 96', "1040 1040", "2080 2064 32", "81 1", "1 0 128"]


def test_headers_are_c_plus_plus_as_well(folder: Path) -> None:
    if not shutil.which("g++"):
        pytest.skip("g++ not installed")
    (folder / "all.cpp").write_text('#include "first.h"\n#include "Second_1.h"\nint size = FIRST_ARENA_BYTES;\n')
    subprocess.run(["g++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "all.cpp"], cwd=folder, check=True)


def test_short_names_are_those_of_the_network_s_own_header(folder: Path) -> None:
    short = interface.headers(FIRST)["ocrm55_model.h"]
    assert "#define OCRM55_NETWORK first\n" in short
    assert "#define OCRM55_RECOGNIZER first_recognizer\n" in short
    assert "#define OCRM55_ARENA_BYTES FIRST_ARENA_BYTES\n" in short
    assert "RECOGNIZER" not in interface.headers(SECOND)["ocrm55_model.h"]
