"""A firmware that has nothing of ocrm55 runs on QEMU with the NPU's model beside it, and computes LiteRT's values.

Its driver stands in for Arm's. Where ETHOSU_DRIVER_ROOT names a copy of Arm's, it runs with that one too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import TargetError
from ocrm55.npu_model import vela_files
from ocrm55.simulators import npu_firmware
from tests.npu_networks import judge
from tests.npu_networks.networks import draw_network
from tests.npu_networks.recipes import RECIPES

HERE = Path(__file__).parent
CORE = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-O2", "-ffunction-sections", "-Wl,--gc-sections")
STAND_IN = HERE / "ethosu_stand_in"
ARM = os.environ.get("ETHOSU_DRIVER_ROOT")
FOR_ARM = HERE.parents[1] / "firmware" / "npu" / "arm"  # what Arm's driver includes of CMSIS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, the reference, is not installed")
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def array(name: str, data: bytes) -> str:
    return f"static const unsigned char {name}[] __attribute__((aligned(16))) = {{{','.join(map(str, data))}}};\n"


def network(folder: Path, accelerator: str, last: str) -> None:
    """Write network.h: a network that Vela compiled, an input, and LiteRT's output."""
    from ethosu.vela import vela

    recipe = next(one for one in RECIPES if one.name == last)
    for seed in range(20):
        drawn = draw_network(np.random.default_rng([11, seed]), RECIPES, recipe)
        if len(drawn.inputs) > 1:
            continue
        try:
            judge.compile_network(drawn.data, accelerator)
            (expected,) = judge.reference(drawn.data, drawn.inputs, drawn.last.optimised)
        except (judge.NotPlacedError, ValueError):
            continue
        break
    (folder / "n.tflite").write_bytes(drawn.data)
    words = ["--output-dir", str(folder), "--accelerator-config", accelerator, "--output-format", "raw"]
    vela.main([str(folder / "n.tflite"), *words])
    program = vela_files.load(folder / "n_vela.npz")
    with np.load(folder / "n_vela.npz", allow_pickle=True) as raw:
        payload = raw["cmd_data"].tobytes()
    text = array("payload", payload) + array("weights", program.weights.tobytes() or b"\0")
    text += array("input", drawn.inputs[0].tobytes()) + array("expected", expected.tobytes())
    text += f"#define ARENA_BYTES {max(program.region_bytes.values())}\n"
    text += f"#define INPUT_AT {program.inputs[0].offset}\n#define OUTPUT_AT {program.outputs[0].offset}\n"
    (folder / "network.h").write_text(text)


def build(folder: Path, driver: Path, more: tuple[str, ...] = ()) -> Path:
    """The firmware with a driver, linked by GCC alone."""
    sources = [
        HERE / "npu_firmware" / "main.c",
        *(driver / "src" / name for name in ("ethosu_driver.c", "ethosu_device_u55_u65.c")),
    ]
    includes = [f"-I{place}" for place in (folder, driver / "include", driver / "src", FOR_ARM)]
    linking = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-T", HERE / "npu_firmware/firmware.ld"]
    command = ["arm-none-eabi-gcc", *CORE, *more, *includes, *sources, *linking, "-o", folder / "firmware.elf"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "firmware.elf"


@pytest.mark.parametrize(
    ("accelerator", "last"),
    [("ethos-u55-32", "CONV_2D"), ("ethos-u55-128", "DEPTHWISE_CONV_2D"), ("ethos-u55-256", "MAX_POOL_2D")],
)
def test_it_computes_what_litert_computes(
    accelerator: str, last: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network(tmp_path, accelerator, last)
    capfd.readouterr()
    elf = build(tmp_path, STAND_IN, ("-DOWN_SEMAPHORES",))
    assert npu_firmware.main([str(elf), "--accelerator", accelerator, "--trace"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[-1] == "the values are LiteRT's"
    assert any(line.startswith("0x") and "crc32" in line for line in said)


@pytest.mark.skipif(not ARM, reason="ETHOSU_DRIVER_ROOT names no copy of Arm's driver")
@pytest.mark.parametrize("accelerator", ["ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256"])
def test_it_does_with_arm_s_driver(accelerator: str, tmp_path: Path) -> None:
    network(tmp_path, accelerator, "CONV_2D")
    elf = build(tmp_path, Path(str(ARM)), ("-DETHOSU55", "-DETHOSU_ARCH=u55"))
    finished = npu_firmware.run(elf, accelerator)
    assert (finished.exit_status, finished.runs) == (0, 1)
    assert finished.output == "the values are LiteRT's\n"


def test_a_firmware_for_another_size_is_told_so_by_its_driver_or_computes_nothing(tmp_path: Path) -> None:
    network(tmp_path, "ethos-u55-256", "CONV_2D")
    elf = build(tmp_path, STAND_IN, ("-DOWN_SEMAPHORES",))
    finished = npu_firmware.run(elf, "ethos-u55-32")
    assert finished.exit_status != 0


def test_a_firmware_that_does_not_end(tmp_path: Path) -> None:
    network(tmp_path, "ethos-u55-128", "CONV_2D")
    elf = build(tmp_path, STAND_IN, ("-DOWN_SEMAPHORES",))
    with pytest.raises(TargetError, match=r"did not end within 0\.01 s"):
        npu_firmware.run(elf, "ethos-u55-128", timeout_s=0.01)
