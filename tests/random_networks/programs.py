"""Many compiled networks as one program of the host, under sanitizers.

Each network is one C file: its header, its operators and its model.c, behind names of its own. The arena comes from the
heap, as large as the header says, so that the address sanitizer sees whatever lies outside of it. It starts as NaNs, so
that a value that is read before it is written shows. CMSIS-NN is built from the source tree that CMSIS_NN_ROOT names;
without one, networks that call it are not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import libraries, resources
from ocrm55.compiler.codegen import driver, interface
from ocrm55.compiler.memory.planner import ALIGN, MemoryPlan
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.targets.c import target

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# TVM leaves conditions that never hold, where a slice takes nothing of a border.
FLAGS = ["-std=c11", "-O0", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-tautological-compare"]
_VECTORS = Path(target.__file__).parent  # of ocrm55_vec.h
_LIBRARY_FLAGS = ["-w", "-DCMSIS_NN_USE_SINGLE_ROUNDING"]  # as the firmware builds it

_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ocrm55_network.h"
struct place { const struct ocrm55_network *network; unsigned arena, input, values, pictures; };
%s
static const struct place places[] = {
%s};
static void count(void *context, unsigned op) { if (*(unsigned *)context == op) ++*(unsigned *)context; }
static size_t picture_bytes(const struct ocrm55_network *n) {
    return (size_t)(n->input_height * n->input_width * n->input_channels);
}
static const struct ocrm55_network *asking;
static void read_row(void *context, int32_t row, uint8_t *bgr) {
    const int32_t bytes = asking->input_width * asking->input_channels;
    memcpy(bgr, (const uint8_t *)context + row * bytes, (size_t)bytes);
}
/* A picture, in one piece and row by row; whether both give the same. */
static int run_picture(const struct place *p, uint8_t *arena, uint8_t *picture, unsigned *next) {
    const size_t row_bytes = (size_t)(p->network->input_width * p->network->input_channels);
    float *first = malloc(p->values * sizeof(float));
    uint8_t *row = malloc(row_bytes);
    const struct ocrm55_rows rows = {.read = read_row, .context = picture};
    p->network->set_image(arena, picture, p->network->input_width);
    p->network->run(arena, NULL, NULL);
    memcpy(first, p->network->output(arena), p->values * sizeof(float));
    memset(arena, 0xff, p->arena);
    asking = p->network;
    p->network->run_rows(arena, row, &rows, count, next);
    const int same = !memcmp(first, p->network->output(arena), p->values * sizeof(float));
    free(first);
    free(row);
    return same;
}
int main(int argc, char **argv) {
    for (int i = 1; i < argc; ++i) {
        const struct place *p = &places[atoi(argv[i])];
        uint8_t *arena = aligned_alloc(16, p->arena);
        unsigned next = 0;
        printf("%%s\\n", argv[i]);
        fflush(stdout);
        char name[32];
        snprintf(name, sizeof name, "%%s.in", argv[i]);
        FILE *in = fopen(name, "rb");
        snprintf(name, sizeof name, "%%s.out", argv[i]);
        FILE *out = fopen(name, "wb");
        for (;;) {
            memset(arena, 0xff, p->arena);
            if (p->pictures) {
                const size_t bytes = picture_bytes(p->network);
                uint8_t *picture = malloc(bytes);
                const size_t read = fread(picture, 1, bytes, in);
                if (read == bytes && !run_picture(p, arena, picture, &next)) return 4;
                free(picture);
                if (read != bytes) break;
                fwrite(p->network->output(arena), sizeof(float), p->values, out);
                continue;
            }
            if (fread(arena + p->input, 1, p->network->input_bytes, in) != p->network->input_bytes) break;
            next = 0;
            p->network->run(arena, count, &next);
            if (next != p->network->operator_count) return 3;
            fwrite(p->network->output(arena), sizeof(float), p->values, out);
        }
        fclose(in);
        fclose(out);
        free(arena);
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Planned:
    """A network that is ready to be written as C, and the bytes of its inputs, one after the other.

    pictures: whether the inputs are pictures, uint8 [height, width, channels], that the C turns into input tensors.
    """

    program: Program
    plan: MemoryPlan
    inputs: Sequence[np.ndarray]
    pictures: bool = False


@dataclass(frozen=True)
class Ran:
    """What a network gave: an output for each input; or what the sanitizers said, and no output."""

    outputs: list[np.ndarray]
    trouble: str = ""


def source(planned: Planned) -> str:
    """A network's C as one file. Its names begin with the program's prefix, which must be its own."""
    program, plan = planned.program, planned.plan
    weights = driver.weight_image(program)
    network = driver.interface_of(program, plan, weights)
    files = driver.operator_files(program)
    written = interface.headers(network)
    parts = [written[f"{program.prefix}.h"], files.pop("operators.h"), driver.weight_files(weights)["weights.h"]]
    parts += [driver.model_source(program, plan, weights, network), *files.values()]
    body = re.sub(rf'#include "({program.prefix}|operators|weights).h"\n', "", "\n".join(parts))
    values = ",".join(map(str, weights.data))
    return f"{body}\nconst uint8_t {program.prefix}_weights[] __attribute__((aligned(16))) = {{{values}}};\n"


def _row(planned: Planned) -> tuple[str, str]:
    """The declaration of a network and its row of the table."""
    program, plan = planned.program, planned.plan
    arena, offset = -(-plan.arena_bytes // ALIGN) * ALIGN, plan.offsets[program.input.name]
    declared = f"extern const struct ocrm55_network {program.prefix};\n"
    return declared, f"    {{&{program.prefix}, {arena}, {offset}, {program.output.size}, {int(planned.pictures)}}},\n"


class Builder:
    """Builds programs in a folder; the kernels are built once."""

    def __init__(self, folder: Path, compiler: str = "", flags: Sequence[str] = (*FLAGS, *SANITIZE)) -> None:
        self._folder = folder
        self._command = [compiler or fastest(), *flags]
        self._includes = ["-I", resources.kernel_folder(), "-I", resources.folder("firmware") / "include"]
        self._includes += ["-I", _VECTORS]
        self._objects: list[Path] = []
        self._count = 0

    def builds(self, planned: Planned) -> bool:
        """Whether a network's C can be built here: CMSIS-NN has to be there where it is called."""
        return not _calls_library(planned) or _library_sources() is not None

    def _built_kernels(self) -> list[Path]:
        if not self._objects:
            sources = list(resources.kernels().values())
            _checked([*self._command, "-c", *self._includes, *sources], self._folder)
            self._objects = [self._folder / f"{file.stem}.o" for file in sources]
        return self._objects

    def _built_library(self) -> Path:
        archive, sources = self._folder / "libcmsis-nn.a", _library_sources()
        if not archive.exists():
            assert sources is not None, "asked by `builds`"
            place = self._folder / "cmsis-nn"
            place.mkdir()
            _checked([*self._command, *_LIBRARY_FLAGS, "-c", *_library_includes(), *sources], place)
            _checked(["ar", "rcs", archive, *sorted(place.glob("*.o"))], place)
        return archive

    def run(self, networks: Sequence[Planned]) -> list[Ran]:
        """Build the networks as one program and run each. Raises RuntimeError for C that does not compile."""
        kernels, includes = self._built_kernels(), self._includes
        if any(map(_calls_library, networks)):
            kernels, includes = [*kernels, self._built_library()], [*includes, *_library_includes()]
        self._count += 1
        place = self._folder / f"program{self._count}"
        place.mkdir()
        rows = []
        for number, planned in enumerate(networks):
            (place / f"n{number}.c").write_text(source(planned))
            (place / f"{number}.in").write_bytes(b"".join(each.tobytes() for each in planned.inputs))
            rows.append(_row(planned))
        declared, table = ("".join(column) for column in zip(*rows, strict=True))
        (place / "main.c").write_text(_MAIN % (declared, table))
        sources = [f"n{number}.c" for number in range(len(networks))]
        _checked([*self._command, *includes, *sources, "main.c", *kernels, "-o", "program", "-lm"], place)
        return _run_all(place, networks)


def _calls_library(planned: Planned) -> bool:
    return any(operator.target == libraries.LIBRARY for operator in planned.program.calls)


def _library_sources() -> list[Path] | None:
    """CMSIS-NN's sources; None without a source tree."""
    named = os.environ.get(libraries.VARIABLE)
    return sorted(Path(named, "Source").rglob("*.c")) or None if named else None


def _library_includes() -> list[str]:
    return ["-isystem", f"{os.environ[libraries.VARIABLE]}/Include"]


def fastest() -> str:
    """Clang, if it is there with its sanitizers: it takes half as long as GCC."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.c"
        file.write_text("int main(void) { return 0; }\n")
        for name in ("clang", "clang-19"):
            command = [name, *SANITIZE, str(file), "-o", f"{folder}/empty"]
            if shutil.which(name) and not subprocess.run(command, capture_output=True, check=False).returncode:
                return name
    return "cc"


def _run_all(place: Path, networks: Sequence[Planned]) -> list[Ran]:
    """Run each network; one that ends the program is left out, and the others follow in a new one."""
    found: dict[int, Ran] = {}
    while len(found) < len(networks):
        left = [str(number) for number in range(len(networks)) if number not in found]
        done = subprocess.run(["./program", *left], cwd=place, capture_output=True, timeout=300, check=False)
        started = [int(line) for line in done.stdout.split()]
        for number in started[:-1] if done.returncode else started:
            values = np.fromfile(place / f"{number}.out", np.float32)
            shape = networks[number].program.output.shape
            found[number] = Ran([each.reshape(shape) for each in np.split(values, len(networks[number].inputs))])
        if done.returncode:
            said = done.stderr.decode(errors="replace")
            found[started[-1]] = Ran([], f"status {done.returncode}: {said[:3000]}")
    return [found[number] for number in range(len(networks))]


def _checked(command: Sequence[object], place: Path) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"the C does not compile: {done.stderr[:3000]}")
