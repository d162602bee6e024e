"""The last look at an archive: what its C computes against ONNX Runtime, on three inputs, as `ocrm55 compile` looks.

The program in int8 is compared operator by operator. Then the C of the archive is built by this computer's compiler and
run: int8 must have the program's bits, float32 ONNX Runtime's numbers to a tolerance. C that calls a library or an NPU
is not run, because neither is there.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from ocrm55 import console, temporary
from ocrm55.compiler import check, host_check
from ocrm55.compiler.onnx_graph import inference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import MiscompiledError
from ocrm55.tvmc import library, sources
from ocrm55.tvmc.library import Library

INPUTS = 3
_MAIN = """\
#include <stdio.h>
#include <string.h>
#include <tvm/runtime/c_backend_api.h>
#include <{prefix}.h>

static _Alignas(64) uint8_t memory[{macro}_WORKSPACE_SIZE + 64];
static uint8_t in[{macro}_{input}_SIZE], out[{macro}_OUTPUT_SIZE];

void *TVMBackendAllocWorkspace(int type, int id, uint64_t bytes, int code, int bits) {{
    (void)type, (void)id, (void)code, (void)bits;
    return bytes <= sizeof memory ? memory : NULL;
}}

int TVMBackendFreeWorkspace(int type, int id, void *pointer) {{
    (void)type, (void)id, (void)pointer;
    return 0;
}}

/* An input from stdin, the output to stdout. */
int main(void) {{
    struct {prefix}_inputs inputs = {{.{member} = in}};
    struct {prefix}_outputs outputs = {{.output = out}};
    memset(memory, 0xff, sizeof memory);
    if (fread(in, 1, sizeof in, stdin) != sizeof in) return 2;
    if ({prefix}_run(&inputs, &outputs{pools}) != 0) return 3;
    return fwrite(out, 1, sizeof out, stdout) == sizeof out ? 0 : 4;
}}
"""


def compare(built: Library) -> None:
    """Raise MiscompiledError where a library that is not written yet computes other numbers than its model."""
    chosen = _inputs(built)
    if built.program.precision == "int8":
        typed = inference.infer_shapes(built.model)  # with the types of what is watched
        check.check_tensors(built.program, typed, chosen, lambda place: _quantised(built, chosen[place]), built.plan)
    compiler = host_check.host_compiler()
    if compiler is None or built.libraries or sources.attempts(built.program):
        return
    with console.progress("comparing the C", 1 + len(chosen)) as bar, temporary.folder() as folder:
        executable = _program(compiler, built, folder)
        for tensor in chosen if executable is not None else []:
            bar.advance(bar.task_ids[0])
            try:
                done = host_check.called([str(executable)], tensor.tobytes())
            except (OSError, subprocess.TimeoutExpired) as trouble:  # no programs run in TMPDIR, or a busy computer
                console.note(f"tvmc: the C was not compared: {type(trouble).__name__} of its program.")
                return
            if done.returncode or not _agrees(built, tensor, done.stdout):
                raise MiscompiledError(host_check.OTHER_NUMBERS, host_check.TRIES)


def _inputs(built: Library) -> list[np.ndarray]:
    """Three inputs, always the same: noise, a soft slope, and noise in a part of it."""
    (port,), _ = built.ports
    known = port.inner.quantization
    reach = 1.0 if known is None else 127 * known.step
    noise = np.random.default_rng(0).uniform(-reach, reach, port.shape).astype(np.float32)
    places = np.arange(noise.size).reshape(port.shape)
    slope = (reach * np.sin(places / 9.0)).astype(np.float32)
    return [noise, slope, np.where(places % 3 == 0, noise, np.float32(0))][:INPUTS]


def _quantised(built: Library, tensor: np.ndarray) -> np.ndarray:
    """An input as the archive's C makes int8 of it."""
    known = built.program.input.quantization
    assert known is not None, "checked with the ports"
    values = np.rint(tensor / np.float32(known.step)) + known.zero_point
    return np.clip(values, -128, 127).astype(np.int8).transpose(0, 2, 3, 1)


def _program(compiler: str, built: Library, folder: Path) -> Path | None:
    """The program of this computer; None, with a note, where its compiler does not build it."""
    for path, content in library.contents(built):
        if path.startswith(("codegen/", "runtime/include")):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    main, executable, prefix = folder / "main.c", folder / "program", sources.prefix(built.settings.name)
    pool = built.settings.workspace.pool
    pools = f", &(struct {prefix}_workspace_pools){{.{pool} = memory}}" if pool else ""
    member = built.ports[0][0].member
    named = {"prefix": prefix, "macro": prefix.upper(), "member": member, "input": member.upper(), "pools": pools}
    main.write_text(_MAIN.format(**named), encoding="utf-8")
    host = folder / "codegen" / "host"
    includes = [host / "include", host / "src", folder / "runtime" / "include"]
    if not host_check.is_built(compiler, includes, [main, *sorted((host / "src").glob("*.c"))], executable):
        console.note(f"tvmc: the C was not compared: {compiler} of this computer does not build it.")
        return None
    return executable


def _agrees(built: Library, tensor: np.ndarray, output: bytes) -> bool:
    if built.program.precision == "int8":
        computed = IntegerReference(built.program).run(_quantised(built, tensor))
        return output == np.ascontiguousarray(computed, built.program.output.dtype).tobytes()
    return host_check.is_near(np.frombuffer(output, np.float32), host_check.of_onnxruntime(built.model, tensor))
