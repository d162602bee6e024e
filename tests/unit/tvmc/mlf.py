"""Small networks, compiled by `tvmc compile`, unpacked, and built with a program around them."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocrm55.files import extract
from ocrm55.tvmc import program

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
ONLY = [
    "--target=c",
    "--runtime=crt",
    "--executor=aot",
    "--executor-aot-interface-api=c",
    "--executor-aot-unpacked-api=1",
    "--output-format=mlf",
]

# Reads the input from stdin twice over (a run must not spoil what the next one needs) and writes the output.
MAIN = """
#include <stdio.h>
#include <string.h>
#include <tvm/runtime/crt/platform.h>
#include <tvm/runtime/crt/stack_allocator.h>
#include <tvmgen_net.h>
static uint8_t memory[TVMGEN_NET_WORKSPACE_SIZE + 32];
static tvm_workspace_t workspace;
static unsigned asked;
void TVMPlatformAbort(tvm_crt_error_t code) { (void)code; for (;;) {} }
tvm_crt_error_t TVMPlatformMemoryAllocate(size_t bytes, DLDevice device, void **out) {
    ++asked;
    return device.device_type == kDLCPU ? StackMemoryManager_Allocate(&workspace, (int32_t)bytes, out)
                                        : kTvmErrorFunctionCallNotImplemented;
}
tvm_crt_error_t TVMPlatformMemoryFree(void *pointer, DLDevice device) {
    (void)device;
    return StackMemoryManager_Free(&workspace, pointer);
}
int TVMFuncRegisterGlobal(const char *name, TVMFunctionHandle function, int override) {
    (void)name, (void)function, (void)override;
    return 0;
}
int main(void) {
    static uint8_t in[TVMGEN_NET_X_SIZE + 1], out[TVMGEN_NET_OUTPUT_SIZE + 1];
    struct tvmgen_net_inputs inputs = {.x = in + 1}; /* nothing is said about alignment */
    struct tvmgen_net_outputs outputs = {.output = out + 1};
    memset(memory, 0xff, sizeof memory);
    StackMemoryManager_Init(&workspace, memory + 1, WORKSPACE);
    if (fread(in + 1, 1, TVMGEN_NET_X_SIZE, stdin) != TVMGEN_NET_X_SIZE) return 2;
    for (int run = 0; run < 2; ++run) {
        const int32_t status = RUN;
        if (status != 0) return 3;
    }
    if (asked != ASKED) return 4;
    return fwrite(out + 1, 1, TVMGEN_NET_OUTPUT_SIZE, stdout) == TVMGEN_NET_OUTPUT_SIZE ? 0 : 5;
}
"""


@dataclass(frozen=True)
class Unpacked:
    """An archive of `tvmc compile`, unpacked. `model` is what went in."""

    folder: Path
    model: onnx.ModelProto

    @property
    def metadata(self) -> dict[str, Any]:
        return json.loads((self.folder / "metadata.json").read_text())

    @property
    def sources(self) -> list[Path]:
        crt = self.folder / "runtime/src/runtime/crt"
        return [*sorted((self.folder / "codegen/host/src").glob("*.c")), *sorted(crt.rglob("*.c"))]

    def build(self, main: str, compiler: str, flags: Sequence[str] = (), standard: str = "gnu99") -> Path:
        """Build the C and a main program with the host's compiler, all warnings being errors."""
        compiler = next((name for name in (compiler, f"{compiler}-19") if shutil.which(name)), "")
        if not compiler:
            pytest.skip("compiler not installed")
        path, executable = self.folder / "main.c", self.folder / f"program-{compiler}"
        path.write_text(main)
        includes = ["-I", self.folder / "runtime/include", "-I", self.folder / "codegen/host/include"]
        words = [
            compiler,
            f"-std={standard}",
            *WARNINGS,
            *flags,
            *includes,
            *self.sources,
            path,
            "-o",
            executable,
            "-lm",
        ]
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return executable

    def run(self, executable: Path, values: np.ndarray) -> np.ndarray:
        done = subprocess.run([executable], input=values.tobytes(), capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (done.returncode, done.stderr.decode(errors="replace")[-3000:])
        shape = self.metadata["modules"]["net"]["memory"]["functions"]["main"][0]["outputs"]["output"]["shape"]
        return np.frombuffer(done.stdout, np.float32).reshape(shape)

    def main(self, kind: str = "inside", short_of: int = 0) -> str:
        """The main program for a kind of workspace, with so many bytes fewer than the header says."""
        run = "tvmgen_net_run(&inputs, &outputs)"
        if kind == "pool":
            run = "tvmgen_net_run(&inputs, &outputs, &(struct tvmgen_net_workspace_pools){.sram = workspace.workspace})"
        text = MAIN.replace("RUN;", f"{run};").replace("ASKED", "2" if kind == "asked" else "0")
        return text.replace("WORKSPACE)", f"TVMGEN_NET_WORKSPACE_SIZE - {short_of})", 1)


def reference(model: onnx.ModelProto, values: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: values})[0])


def small_network(shape: Sequence[int | str] = (1, 3, 9, 14), seed: int = 0, *, pool: bool = False) -> onnx.ModelProto:
    """Convolution, depthwise convolution, a mean over the height, a dense layer, softmax: x in, y out.

    pool: instead of the mean over the height, an average over windows, which exists in int8 as well.
    """
    random = np.random.default_rng(seed)
    weights = {
        "w1": random.normal(0, 0.4, (8, 3, 3, 3)),
        "b1": random.normal(0, 0.4, 8),
        "w2": random.normal(0, 0.4, (8, 1, 3, 3)),
        "w3": random.normal(0, 0.4, (8, 5)),
    }
    mean = helper.make_node("ReduceMean", ["c"], ["d"], name="mean", axes=[2], keepdims=0)
    squeeze = [helper.make_node("AveragePool", ["c"], ["p"], name="pool", kernel_shape=[9, 1], strides=[9, 1])]
    squeeze += [helper.make_node("Squeeze", ["p", "axis"], ["d"], name="squeeze")]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], name="first", pads=[1, 1, 1, 1], strides=[1, 2]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="second", pads=[1, 1, 1, 1], group=8),
        *(squeeze if pool else [mean]),
        helper.make_node("Transpose", ["d"], ["e"], name="turn", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["e", "w3"], ["f"], name="dense"),
        helper.make_node("Softmax", ["f"], ["y"], name="softmax", axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 7, 5] if shape[-1] == 14 else None)],
        [
            *(numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()),
            *([numpy_helper.from_array(np.array([2]), "axis")] if pool else []),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def unpack(folder: Path, model: onnx.ModelProto, *arguments: str, name: str = "net") -> Unpacked:
    """Compile a model and unpack the archive into the folder, as users do; the test looks at what it computes."""
    onnx.save(model, str(folder / f"{name}.onnx"))
    archive = folder / f"{name}.tar"
    program.run(
        ["compile", *ONLY, "--no-check", *arguments, f"--module-name={name}", "-o", str(archive),
         str(folder / f"{name}.onnx")]
    )  # fmt: skip
    with tarfile.open(archive) as tar:
        extract(tar, folder)
    return Unpacked(folder, model)


def symbols(folder: Path) -> list[str]:
    """The names that the linker sees in an unpacked archive's C."""
    if not (shutil.which("gcc") and shutil.which("nm")):
        pytest.skip("gcc or nm not installed")
    objects = folder / "objects"
    objects.mkdir()
    sources = sorted((folder / "codegen/host/src").glob("*.c"))
    subprocess.run(["gcc", "-c", "-I", folder / "codegen/host/include", *sources], cwd=objects, check=True)
    listed = subprocess.run(
        ["nm", "-g", "--defined-only", *objects.glob("*.o")], capture_output=True, text=True, check=True
    ).stdout
    return [line.split()[2] for line in listed.splitlines() if len(line.split()) == 3]
