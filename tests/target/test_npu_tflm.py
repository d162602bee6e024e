"""TensorFlow Lite Micro and Arm's driver, as they are, run person detection on QEMU with the NPU's model beside it.

It needs what is not here, and says so:

    TFLM_ROOT           tensorflow/tflite-micro, after `make -f tensorflow/lite/micro/tools/make/Makefile
                        third_party_downloads` (flatbuffers, gemmlowp, ruy)
    ETHOSU_DRIVER_ROOT  Arm's driver, as Zephyr's module hal_ethos_u has it
    CPLUS_INCLUDE_PATH  the headers of Debian's libstdc++-arm-none-eabi-dev, if they are not installed
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ocrm55.npu_model import vela_files
from ocrm55.simulators import npu_firmware
from tests.npu_networks.judge import compile_network, reference

HERE = Path(__file__).parent
TFLM, ARM = (Path(os.environ.get(name, "/nowhere")) for name in ("TFLM_ROOT", "ETHOSU_DRIVER_ROOT"))
LITE = TFLM / "tensorflow" / "lite"
DOWNLOADS = LITE / "micro" / "tools" / "make" / "downloads"
INCLUDES = [
    TFLM, DOWNLOADS / "flatbuffers" / "include", DOWNLOADS / "gemmlowp", DOWNLOADS / "ruy", ARM / "include",
    ARM / "src", HERE.parents[1] / "firmware" / "npu" / "arm",
]  # fmt: skip
CORE = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-Os", "-ffunction-sections", "-fdata-sections", "-w")
CXX = ("-std=c++17", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics", "-DTF_LITE_STATIC_MEMORY")
SOURCES = (
    "lite/micro/*.cc", "lite/micro/arena_allocator/*.cc", "lite/micro/memory_planner/*.cc",
    "lite/micro/tflite_bridge/*.cc", "lite/micro/kernels/kernel_util.cc", "lite/micro/kernels/ethos_u/ethosu.cc",
    "lite/core/api/*.cc", "lite/core/c/common.cc", "lite/kernels/kernel_util.cc",
    "lite/kernels/internal/{name}.cc", "compiler/mlir/lite/schema/schema_utils.cc",
    "compiler/mlir/lite/core/api/error_reporter.cc",
)  # fmt: skip
INTERNAL = ("quantization_util", "common", "tensor_ctypes", "portable_tensor_utils", "runtime_shape")
NOT_FIRMWARE = ("_test", "test_help", "recording", "mock", "fake", "debug_log", "hexdump")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.skipif(not DOWNLOADS.is_dir(), reason="TFLM_ROOT names no TensorFlow Lite Micro with its downloads"),
    pytest.mark.skipif(not ARM.is_dir(), reason="ETHOSU_DRIVER_ROOT names no copy of Arm's driver"),
    pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm"),
]


@pytest.fixture(scope="module")
def network() -> bytes:
    """The published network. LiteRT 2.3 refuses biases, of one axis, that say they are quantised along axis 3."""
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, the reference, is not installed")
    model = pytest.importorskip("ethosu.vela.tflite.Model", reason="ethos-u-vela is not installed").Model
    data = bytearray((LITE / "micro" / "models" / "person_detect.tflite").read_bytes())
    graph = model.GetRootAs(data, 0).Subgraphs(0)
    for tensor in map(graph.Tensors, range(graph.TensorsLength())):
        quantization = tensor.Quantization()
        if quantization is not None and quantization.QuantizedDimension() >= tensor.ShapeLength():
            struct.pack_into("<i", data, quantization._tab.Pos + quantization._tab.Offset(16), 0)
    return bytes(data)


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.int8]]:
    """A person, none, and noise: int8 [1, 96, 96, 1]. Rows of a BMP go upwards."""
    found = []
    for name in ("person", "no_person"):
        data = (LITE / "micro" / "examples" / "person_detection" / "testdata" / f"{name}.bmp").read_bytes()
        (start,) = struct.unpack_from("<I", data, 10)
        grey = np.frombuffer(data, np.uint8, 96 * 96, start).reshape(1, 96, 96, 1)[:, ::-1]
        found.append((grey.astype(np.int16) - 128).astype(np.int8))
    return [*found, np.random.default_rng(1).integers(-128, 128, found[0].shape).astype(np.int8)]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """TensorFlow Lite Micro with the one operator `ethos-u`, and the driver."""
    folder = tmp_path_factory.mktemp("tflm")
    patterns = [row.format(name=name) for row in SOURCES for name in (INTERNAL if "{" in row else ("",))]
    files = [path for pattern in patterns for path in sorted((TFLM / "tensorflow").glob(pattern))]
    files = [path for path in files if not any(word in path.name for word in NOT_FIRMWARE)]
    files += [ARM / "src" / name for name in ("ethosu_driver.c", "ethosu_device_u55_u65.c", "ethosu_pmu.c")]
    out = [folder / f"{number}_{path.stem}.o" for number, path in enumerate(files)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compiled, files, out))
    return out


def compiled(source: Path, out: Path, *more: str) -> None:
    language = CXX if source.suffix == ".cc" else ("-DETHOSU55", "-DETHOSU_ARCH=u55")
    includes = [f"-I{place}" for place in INCLUDES]
    command = ["arm-none-eabi-g++" if source.suffix == ".cc" else "arm-none-eabi-gcc", *CORE, *language, *more]
    done = subprocess.run([*command, *includes, "-c", source, "-o", out], capture_output=True, text=True, check=False)
    if "No such file or directory" in done.stderr and "algorithm" in done.stderr:
        pytest.skip("libstdc++-arm-none-eabi-dev is not installed")
    assert done.returncode == 0, done.stderr


def firmware(folder: Path, objects: list[Path], vela: bytes, images: list[NDArray[np.int8]]) -> Path:
    text = f"alignas(16) static const unsigned char network[] = {{{','.join(map(str, vela))}}};\n"
    rows = ",\n".join(f"{{{','.join(map(str, image.reshape(-1).tolist()))}}}" for image in images)
    (folder / "network.h").write_text(f"{text}static const signed char images[][{images[0].size}] = {{\n{rows}}};\n")
    compiled(HERE / "npu_tflm" / "main.cc", folder / "main.o", f"-I{folder}")
    script = HERE / "npu_firmware" / "firmware.ld"
    command = ["arm-none-eabi-gcc", *CORE, "-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-T", script]
    command += ["-Wl,--gc-sections", folder / "main.o", *objects, "-lm", "-o", folder / "tflm.elf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "tflm.elf"


def outputs(said: str) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in said.splitlines()]


@pytest.mark.parametrize("accelerator", ["ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "theirs"])
def test_person_detection_says_what_litert_says(
    accelerator: str, network: bytes, images: list[NDArray[np.int8]], objects: list[Path], tmp_path: Path
) -> None:
    """`theirs`: as TensorFlow Lite Micro publishes it, compiled by an older Vela for ethos-u55-256."""
    vela = tmp_path / "person_detect_vela.tflite"
    if accelerator == "theirs":
        shutil.copy(LITE / "micro" / "models" / vela.name, vela)
    else:
        from ethosu.vela import vela as compiler

        (tmp_path / "person_detect.tflite").write_bytes(network)
        compiler.main([str(tmp_path / "person_detect.tflite"), "--output-dir", str(tmp_path),
                       "--accelerator-config", accelerator])  # fmt: skip
    size = vela_files.load(vela).accelerator.name
    assert size == ("ethos-u55-256" if accelerator == "theirs" else accelerator)
    finished = npu_firmware.run(firmware(tmp_path, objects, vela.read_bytes(), images), size)
    assert (finished.exit_status, finished.runs) == (0, len(images))
    assert outputs(finished.output) == [reference(network, [image])[0].reshape(-1).tolist() for image in images]


@pytest.mark.parametrize("accelerator", ["ethos-u65-256", "ethos-u65-512"])
def test_the_model_alone_says_it_for_the_ethos_u65(
    accelerator: str, network: bytes, images: list[NDArray[np.int8]]
) -> None:
    program = compile_network(network, accelerator)
    for image in images:
        (output,), _ = program.run([image])
        np.testing.assert_array_equal(output, reference(network, [image])[0])
