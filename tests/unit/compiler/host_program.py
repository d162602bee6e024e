"""Networks compiled to C, built with the host's compiler and run as programs of their own."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from ocrm55 import resources
from ocrm55.compiler import artifact as artifacts
from ocrm55.compiler import pipeline
from ocrm55.compiler.artifact import Contents, Written
from ocrm55.compiler.memory import planner
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.base import assign

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-command-line-argument"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]

# Reads the input tensor, or an image, from stdin; writes the output to stdout. The arena starts as NaNs everywhere, so
# that a value that is read before it is written shows.
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ocrm55_model.h"
static _Alignas(OCRM55_ARENA_ALIGN) uint8_t arena[OCRM55_ARENA_BYTES];
static unsigned calls;
static uint8_t input[OCRM55_INPUT_BYTES];
static void count(void *context, unsigned op) { calls += *(unsigned *)context == op; ++*(unsigned *)context; }
static unsigned last;
static void stepped(unsigned op) { last = op > last ? op : last; }
static void read_row(void *context, int32_t row, uint8_t *bgr) {
    if (context != input || row < 0 || row >= OCRM55_INPUT_HEIGHT) exit(5);
    memcpy(bgr, input + row * OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS, OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS);
}
int main(int argc, char **argv) {
    static uint8_t row[OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS];
    const struct ocrm55_rows rows = {.read = read_row, .context = input};
    unsigned next = 0;
    memset(arena, 0xff, sizeof arena);
#ifdef START
    if (START != 0) return 4;
#endif
    if (argc > 1) {
        const int32_t width = atoi(argv[1]);
        if (fread(input, 1, (size_t)width * OCRM55_INPUT_HEIGHT * OCRM55_INPUT_CHANNELS, stdin) == 0) return 2;
        if (argc > 2 && argv[2][0] == 's') {
            OCRM55_NETWORK.set_rows(arena, row, &rows);
            const uint32_t steps = OCRM55_NETWORK.step_count;
            for (uint32_t step = 0; step < steps; step++) stepped(OCRM55_NETWORK.step(arena, step, NULL));
            if (last + 1 != OCRM55_OPERATOR_COUNT) return 6;
            calls = OCRM55_OPERATOR_COUNT;
        } else if (argc > 2) {
            OCRM55_NETWORK.run_rows(arena, row, &rows, count, &next);
        } else {
            OCRM55_NETWORK.set_image(arena, input, width);
        }
    } else {
        if (fread(arena + INPUT_OFFSET, 1, OCRM55_INPUT_BYTES, stdin) != OCRM55_INPUT_BYTES) return 2;
    }
    if (argc < 3) OCRM55_NETWORK.run(arena, count, &next);
    if (calls != OCRM55_OPERATOR_COUNT || OCRM55_NETWORK.operator_names[calls - 1] == NULL) return 3;
    if (OCRM55_NETWORK.output_int8 != NULL) {
        fwrite(OCRM55_NETWORK.output_int8(arena), 1, OUTPUT_VALUES, stdout);
        return 0;
    }
    fwrite(OCRM55_NETWORK.output(arena), sizeof(float), OUTPUT_VALUES, stdout);
    return 0;
}
"""


@dataclass(frozen=True)
class HostProgram:
    """A compiled network as a program of the host."""

    artifact: Written
    executable: Path

    def run(self, tensor: np.ndarray) -> np.ndarray:
        """The network's output for an input tensor."""
        return self.run_bytes(tensor.astype(np.float32).tobytes())

    def run_bytes(self, data: bytes) -> np.ndarray:
        """The network's output for the bytes of an input tensor, whatever its type."""
        return self._call([], data)

    def read(self, pixels: np.ndarray) -> np.ndarray:
        """The network's output for an image, uint8 [height, width, 3], preprocessed by the generated code."""
        return self._call([str(pixels.shape[1])], pixels.tobytes())

    def read_rows(self, pixels: np.ndarray) -> np.ndarray:
        """The same of an image as wide as the input, which the network asks for row by row."""
        return self._call([str(pixels.shape[1]), "rows"], pixels.tobytes())

    def read_rows_in_steps(self, pixels: np.ndarray) -> np.ndarray:
        """The same, a step at a time."""
        return self._call([str(pixels.shape[1]), "steps"], pixels.tobytes())

    def _call(self, arguments: Sequence[str], data: bytes) -> np.ndarray:
        done = subprocess.run([self.executable, *arguments], input=data, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
        output = self.artifact.program.output
        return np.frombuffer(done.stdout, output.dtype).reshape(output.shape)


def build_host(artifact: Written, *, compiler: str = "cc", flags: Sequence[str] = ("-O1",)) -> HostProgram:
    """Build an artifact's C, all warnings being errors, with the test's main program."""
    folder = artifact.directory
    place = Path(tempfile.mkdtemp(prefix="program-", dir=folder))  # workers may build what they share at once
    metadata = json.loads((folder / "metadata.json").read_text())
    offset, values = metadata["input"]["offset"], int(np.prod(metadata["output"]["shape"]))
    main, executable = place / "main.c", place / "program"
    main.write_text(MAIN)
    sources = [*sorted((folder / "src").glob("*.c")), folder / "src" / "weights.S", main]
    defines = [f"-DINPUT_OFFSET={offset}", f"-DOUTPUT_VALUES={values}"]
    includes = ["-I", folder / "include", "-I", folder / "src"]
    task = resources.folder("firmware") / "tasks" / "recognizer"
    sources += sorted(task.glob("*.c"))
    includes += ["-I", task]
    if named := re.search(r'OCRM55_MODEL_KERNELS "([^"]+)"', (folder / "sources.cmake").read_text()):
        sources += [resources.kernel(name) for name in named[1].split(";")]
        includes += ["-I", resources.kernel_folder()]
    command = [compiler, *WARNINGS, *flags, *defines, *includes, *sources, "-o", executable, "-lm"]
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return HostProgram(artifact, executable)


def compile_onnx(model: onnx.ModelProto, destination: Path) -> Written:
    """The pipeline without a task: test networks give what they like."""
    options = CompileOptions(model_name="test", precision="float32")
    program = pipeline.to_program(model, options)
    targets = choice.targets_for(options)
    assign(program, targets)
    plan = planner.plan(program)
    return artifacts.write(program, plan, Contents(model, targets), destination)
