"""`--target=ethos-u,c`: regions go to the NPU as command streams, handed to TVM's launch function.

The C runs on the host; the launch function of the test writes what it was given to a file, and the functional model of
the NPU computes it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import QuantType

from ocrm55.tvmc import program, settings
from ocrm55.tvmc.arguments import parse
from tests.unit.tvmc.mlf import ONLY, WARNINGS, Unpacked, reference, small_network, unpack
from tests.unit.tvmc.quantised import INSIDE, SHAPE, quantised

TARGET = ("--target=ethos-u,cmsis-nn,c", "--target-ethos-u-accelerator_config=ethos-u55-128")
needs_vela = pytest.mark.skipif(importlib.util.find_spec("ethosu") is None, reason="needs ethos-u-vela")

# Counts, the stream, weights and workspace go to a file; the model's answer is the workspace.
LAUNCH = """
#include <stdio.h>
#include <stdlib.h>
int32_t TVMEthosULaunch(void *driver, void *stream, size_t stream_bytes, uint64_t *bases, size_t *sizes, int count);
int32_t TVMEthosULaunch(void *driver, void *stream, size_t stream_bytes, uint64_t *bases, size_t *sizes, int count) {
    const uint64_t lengths[3] = {stream_bytes, sizes[0], sizes[1]};
    if (driver != (void *)lengths_seen || count != 2 || ((uintptr_t)stream | bases[0] | bases[1]) % 16 != 0) return -1;
    FILE *file = fopen("FOLDER/region", "wb");
    fwrite(lengths, sizeof lengths, 1, file);
    fwrite(stream, 1, stream_bytes, file);
    fwrite((void *)(uintptr_t)bases[0], 1, sizes[0], file);
    fwrite((void *)(uintptr_t)bases[1], 1, sizes[1], file);
    fclose(file);
    if (system("COMMAND") != 0) return -1;
    file = fopen("FOLDER/region", "rb");
    const size_t read = fread((void *)(uintptr_t)bases[1], 1, sizes[1], file);
    fclose(file);
    return read == sizes[1] ? 0 : -1;
}
"""
MODEL = """
import sys
import numpy as np
from ocrm55.npu_model import machine, vela_files
data = open(sys.argv[1], "rb").read()
stream, weights, arena = np.frombuffer(data[:24], "<u8").tolist()
payload, rest = data[24 : 24 + stream], np.frombuffer(data[24 + stream :], np.uint8).copy()
commands, accelerator = vela_files.unpack_payload(payload, "region")
regions = {0: rest[:weights], 1: rest[weights : weights + arena]}
machine.run(commands, regions, accelerator)
open(sys.argv[1], "wb").write(regions[1].tobytes())
"""


def with_launch(library: Unpacked, main: str) -> str:
    """A main program that brings the launch function, and hands over a device."""
    script = library.folder / "npu.py"
    script.write_text(MODEL)
    launch = LAUNCH.replace("COMMAND", f"{sys.executable} {script} {library.folder}/region")
    launch = launch.replace("FOLDER", str(library.folder)).replace("(void *)lengths_seen", "(void *)&device")
    main = main.replace("&outputs", "&outputs, DEVICES", 1) if "pools){" not in main else main
    main = main.replace("workspace.workspace})", "workspace.workspace}, DEVICES)")
    devices = "&(struct tvmgen_net_devices){.ethos_u = &device}"
    return "#include <stdint.h>\nstatic int device;\n" + launch + main.replace("DEVICES", devices)


@needs_vela
@pytest.mark.parametrize("kind", ["inside", "asked", "pool"])
def test_regions_run_on_the_model_of_the_npu(kind: str, tmp_path: Path) -> None:
    arguments = {"inside": INSIDE, "asked": (), "pool": ("--workspace-pools=sram",)}[kind]
    model = quantised(tmp_path, QuantType.QInt8, per_channel=True)
    library = unpack(tmp_path, model, *arguments, *TARGET)
    module = library.metadata["modules"]["net"]
    assert module["ocrm55"]["npu"]["accelerator"] == "ethos-u55-128"
    assert "ethos_u_core_driver" in [each["short_name"] for each in module["external_dependencies"]]
    assert "ethos-u55" in {operator["target"] for operator in module["ocrm55"]["operators"]}
    built = library.build(with_launch(library, library.main(kind)), "gcc")
    image = np.random.default_rng(6).uniform(-1, 1, SHAPE).astype(np.float32)
    np.testing.assert_allclose(library.run(built, image), reference(model, image), atol=0.0083)


@needs_vela
def test_a_failure_of_the_npu_is_the_run_functions(tmp_path: Path) -> None:
    library = unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE, *TARGET)
    main = with_launch(library, library.main()).replace("count != 2", "count == 2")
    done = library.build(main, "gcc")
    with pytest.raises(AssertionError, match=r"^\(3"):  # the program's status for a run function that failed
        library.run(done, np.zeros(SHAPE, np.float32))


@needs_vela
def test_the_launch_function_in_the_archive_calls_arms_driver(tmp_path: Path) -> None:
    """Against a header with the two lines of Arm's that it uses."""
    library = unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE, *TARGET)
    (tmp_path / "ethosu_driver.h").write_text(
        "#include <stddef.h>\n#include <stdint.h>\nstruct ethosu_driver;\n"
        "int ethosu_invoke(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,"
        " uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr);\n"
    )
    source = library.folder / "runtime/src/runtime/contrib/ethosu/bare_metal/tvm_ethosu_runtime.c"
    words = ["gcc", *WARNINGS, f"-I{tmp_path}", "-c", str(source), "-o", str(tmp_path / "runtime.o")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_float32_model_leaves_the_npu_idle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = unpack(tmp_path, small_network(), *INSIDE, *TARGET)
    assert "the NPU computes int8 and the model is float32" in capsys.readouterr().err.replace("\n", " ")
    assert "devices" not in (library.folder / "codegen/host/include/tvmgen_net.h").read_text()


def test_the_ethos_u65_is_not_compiled_for(tmp_path: Path) -> None:
    onnx.save(small_network(), str(tmp_path / "net.onnx"))
    line = [*ONLY[1:], "--target=ethos-u,c", "--target-ethos-u-accelerator_config=ethos-u65-256"]
    wanted = settings.from_arguments(*parse([*line, str(tmp_path / "net.onnx")], "tvmc compile"))
    assert wanted.accelerator == ""
    assert "only the Ethos-U55" in " ".join(wanted.remarks)
    program.run(["compile", *line, "-o", str(tmp_path / "net.tar"), str(tmp_path / "net.onnx")])
