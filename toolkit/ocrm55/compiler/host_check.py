"""The generated C against the reference, on the compiling computer: built with its compiler, run on three pictures.

int8 must have the integer reference's bits, float32 ONNX Runtime's numbers to a tolerance. A computer without a C
compiler leaves this out, and so does C that calls a library or an accelerator, which are not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from ocrm55 import console, processes, resources, temporary
from ocrm55.artifact import Artifact
from ocrm55.compiler.check import check_numbers, pictures
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.quantization import calibration
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import MiscompiledError
from ocrm55.normalisation import Normalisation

TOLERANCE = 1e-3  # of the largest output in float32
TIME_LIMIT_S = 120
OTHER_NUMBERS = "the generated C computes other numbers than the model, on this computer."
TRIES = ["report the model: this is a fault of ocrm55", "--no-check, to look at the C"]
# No fused products: Arm and RISC-V computers would round otherwise than the reference.
_FLAGS = ("-std=c11", "-O2", "-w", "-ffp-contract=off", "-fno-strict-aliasing")
_MAIN = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ocrm55_model.h"

static _Alignas(64) uint8_t arena[OCRM55_ARENA_BYTES];
static uint8_t pixels[OCRM55_INPUT_HEIGHT * OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS];

#ifdef BY_ROWS
static void read_row(void *context, int32_t row, uint8_t *bgr) {
    (void)context;
    memcpy(bgr, pixels + row * OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS, OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS);
}
#endif

static void write_rows(void *context, uint32_t first, uint32_t count, const float *rows) {
    (void)context;
    (void)first;
    fwrite(rows, sizeof(float) * OCRM55_OUTPUT_CLASSES, count, stdout);
}

/* A picture of argv[1] columns from stdin, BYTES of numbers to stdout. */
int main(int argc, char **argv) {
    const int32_t width = argc == 2 ? atoi(argv[1]) : 0;
    const size_t bytes = (size_t)width * OCRM55_INPUT_HEIGHT * OCRM55_INPUT_CHANNELS;
    if (width < 1 || bytes > sizeof pixels || fread(pixels, 1, bytes, stdin) != bytes) {
        return 2;
    }
    memset(arena, 0xff, sizeof arena);
    OCRM55_NETWORK.set_image_within(arena, pixels, width, OCRM55_INPUT_WIDTH);
    if (OCRM55_NETWORK.run_into != NULL) {
        const struct ocrm55_taker taker = {.take = write_rows};
        OCRM55_NETWORK.run_into(arena, &taker, NULL, NULL);
        return 0;
    }
#ifdef BY_ROWS
    static uint8_t row[OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS];
    const struct ocrm55_rows rows = {.read = read_row};
    if (width == OCRM55_INPUT_WIDTH) {
        OCRM55_NETWORK.run_rows(arena, row, &rows, NULL, NULL);
    } else
#endif
    OCRM55_NETWORK.run(arena, NULL, NULL);
    const void *const output = OCRM55_NETWORK.output_int8 ? (const void *)OCRM55_NETWORK.output_int8(arena)
                                                          : (const void *)OCRM55_NETWORK.output(arena);
    return fwrite(output, 1, BYTES, stdout) == BYTES ? 0 : 3;
}
"""


def host_compiler() -> str | None:
    """The C compiler of this computer; None where it has none."""
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def check_c(artifact: Path, program: Program, model: onnx.ModelProto, normalisation: Normalisation) -> None:
    """Raise MiscompiledError where an artifact's C computes something else than its program, or than its model.

    artifact: the folder that was written. program: of the widest input. model: what it was lowered from.
    """
    compiler = host_compiler()
    if compiler is None:
        return
    _, height, width = program.input_size
    chosen = pictures(height, width)
    with console.progress("comparing the C", 1 + 2 * len(chosen)) as bar, temporary.folder() as folder:
        executable = _built(compiler, artifact, program, folder)
        if executable is None:
            return
        bar.advance(bar.task_ids[0])
        for pixels in chosen:
            try:
                output = _run(executable, pixels)  # a thread would keep Ctrl-C waiting
            except OSError as trouble:  # no programs run in a TMPDIR that is mounted with noexec
                console.note(f"the C was not compared: {executable} cannot be started: {trouble.strerror}.")
                return
            except subprocess.TimeoutExpired:  # a busy computer says nothing against the C
                console.note(f"the C was not compared: it takes more than {TIME_LIMIT_S} s on this computer.")
                return
            bar.advance(bar.task_ids[0])
            if output is None or not _agree(output, program, model, normalisation, pixels):
                raise MiscompiledError(OTHER_NUMBERS, TRIES)
            bar.advance(bar.task_ids[0])


def _built(compiler: str, artifact: Path, program: Program, folder: Path) -> Path | None:
    """The program of the host; None, with a note, where the host's compiler does not build it."""
    main, executable = folder / "main.c", folder / "program"
    by_rows = "#define BY_ROWS\n" if program.input_by_rows else ""
    main.write_text(f"#define BYTES {program.output.bytes}u\n{by_rows}{_MAIN}", encoding="utf-8")
    kernels = [resources.kernel(name) for name in Artifact.read(artifact).kernels]
    own = [artifact / "src" / name for name in ("model.c", "weights.S")]
    sources = [main, *own, *sorted((artifact / "src").glob("operators_*.c")), *kernels]
    places = (artifact / "include", artifact / "src", resources.folder("firmware"), resources.kernel_folder())
    if not is_built(compiler, places, sources, executable):
        console.note(f"the C was not compared: {compiler} of this computer does not build it.")
        return None
    return executable


def is_built(compiler: str, includes: Sequence[Path], sources: Sequence[Path], executable: Path) -> bool:
    """Whether a compiler of this computer makes a program of C files, in time."""
    places = [f"-I{place}" for place in includes]
    try:
        done = called([compiler, *_FLAGS, *places, *map(str, sources), "-o", str(executable), "-lm"])
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(executable: Path, pixels: np.ndarray) -> np.ndarray | None:
    """The output's bytes; None where the program ends badly. Raises as `called` does."""
    done = called([str(executable), str(pixels.shape[1])], np.ascontiguousarray(pixels).tobytes())
    return None if done.returncode else np.frombuffer(done.stdout, np.uint8)


def called(words: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A finished program. It sees no flags of the environment.

    Raises OSError when it cannot be started, TimeoutExpired when it does not end in time.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    pipe = subprocess.PIPE
    with processes.running(words, env=kept, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        output, complaints = process.communicate(given, TIME_LIMIT_S)
    return subprocess.CompletedProcess(words, process.returncode, output, complaints)


def _agree(
    output: np.ndarray, program: Program, model: onnx.ModelProto, normalisation: Normalisation, pixels: np.ndarray
) -> bool:
    if program.precision == "int8":
        computed = IntegerReference(program).run(IntegerReference(program).input_of(pixels))
        computed = np.ascontiguousarray(computed, program.output.dtype)
        return output.tobytes() == computed.tobytes()
    wanted = of_onnxruntime(model, normalisation.tensor(pixels, *program.input_size[1:]))
    return is_near(output.view(np.float32), wanted)


def is_near(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether float32 is ONNX Runtime's, but for rounding."""
    largest = max(1.0, float(np.abs(wanted).max()))
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(found - wanted.reshape(-1)) <= TOLERANCE * largest))


def of_onnxruntime(model: onnx.ModelProto, tensor: np.ndarray) -> np.ndarray:
    """ONNX Runtime's output. Raises InputError where it does not run the model, or gives no numbers."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = np.asarray(session.run(None, {session.get_inputs()[0].name: tensor})[0], np.float32)
    except Exception as trouble:  # of classes that its extension raises
        raise calibration.not_run(trouble) from trouble
    check_numbers(found)
    return found
