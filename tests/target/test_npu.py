"""The NPU's driver on QEMU with the NPU's model beside it: a region that Vela compiled gives LiteRT's bytes.

The network is npu_artifact's, so that neither this project's compiler nor its recognizer has a part in it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.target import fake_artifact as fake
from tests.target.programs import require

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, the reference, is not installed")

from ocrm55.errors import InputError, TargetError, ToolchainError
from ocrm55.firmware import build
from ocrm55.npu_model.commands import encode
from ocrm55.simulators import Request, Run, find_simulator, fvp
from ocrm55.simulators.npu_registers import Fault
from tests.once import Once
from tests.target import npu_artifact

pytestmark = pytest.mark.qemu

ACCELERATOR = "ethos-u55-128"
#: A time limit that a test can wait for, and our driver whatever the environment says.
QUICK = {"OCRM55_NPU_TIMEOUT_MS": "200", "OCRM55_ETHOSU_DRIVER": ""}


@pytest.fixture(scope="module")
def case(once: Once) -> npu_artifact.Case:
    return once("npu-case", lambda _: npu_artifact.draw(ACCELERATOR))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    return tmp_path


@pytest.fixture(scope="module")
def artifact(once: Once, case: npu_artifact.Case) -> Path:
    return once("npu-artifact", lambda place: npu_artifact.write(place / "artifact", case))


@pytest.fixture(scope="module")
def elf(once: Once, artifact: Path) -> Path:
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")
    return once("npu-firmware", lambda place: build(artifact, place / "firmware", defines=QUICK).elf)


@pytest.fixture(scope="module")
def fallback_elf(once: Once, case: npu_artifact.Case) -> Path:
    require("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm")

    def make(place: Path) -> Path:
        artifact = npu_artifact.write(place / "artifact", case, fallback=True)
        return build(artifact, place / "firmware", defines=QUICK).elf

    return once("npu-fallback", make)


def run(elf: Path, case: npu_artifact.Case, images: int = 1, npu: str | None = ACCELERATOR, **more: object) -> Run:
    request = Request(elf, [case.image] * images, want_probabilities=True, row=97, npu=npu, timeout_s=60, **more)  # type: ignore[arg-type]
    return find_simulator("qemu").run(request)


def outputs(done: Run, case: npu_artifact.Case) -> np.ndarray:
    """[images, values]: what the region gave."""
    assert done.probabilities is not None
    return done.probabilities.reshape(len(done.probabilities), -1)[:, : case.expected.size]


def test_the_region_gives_litert_s_bytes(elf: Path, case: npu_artifact.Case) -> None:
    done = run(elf, case, images=2)
    assert np.array_equal(outputs(done, case), [case.expected, case.expected])
    assert len(np.unique(case.expected)) > 50  # not by being constant
    assert "npu: ethos-u55-128, architecture 1.1.0\n" in done.uart


def test_instructions_are_counted_to_the_last(elf: Path, case: npu_artifact.Case) -> None:
    """The core stands still while the host plays the NPU: counts are the same from run to run."""
    first, second = (
        [(one.inference_instructions, one.operator_instructions) for one in run(elf, case, 2, stats=True).results]
        for _ in range(2)
    )
    assert first == second
    assert first[0] == first[1]


def test_without_its_interrupt(folder: Path, artifact: Path, elf: Path, case: npu_artifact.Case) -> None:
    polling = build(artifact, folder / "polling", defines=QUICK | {"OCRM55_NPU_POLL": "ON"}).elf
    assert np.array_equal(outputs(run(polling, case), case)[0], case.expected)
    assert np.array_equal(outputs(run(elf, case, npu_fault=Fault.NO_INTERRUPT), case)[0], case.expected)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.ABSENT, r"there is no NPU: ID 0x00000000, CONFIG 0x00000000 \(exit status 32\)"),
        (Fault.OTHER_SIZE, r"ethos-u55-32 is there, ethos-u55-128 is wanted \(exit status 34\)"),
        (Fault.NO_RESET, r"does not come out of its reset: ID 0x10104201.*\(exit status 35\)"),
        (Fault.BUS_ERROR, r"bus error, reading weights through port M1 \(region the region, .*exit status 38\)"),
        (Fault.STREAM_ERROR, r"refused a command \(region the region, STATUS 0x00000012, QREAD 64\)"),
        (Fault.ECC_ERROR, r"error that it cannot correct"),
        (Fault.HANG, r"did not end within its time limit \(region the region, STATUS 0x00000001"),
    ],
)
def test_what_the_firmware_says(
    elf: Path, fallback_elf: Path, case: npu_artifact.Case, fault: Fault, words: str
) -> None:
    with pytest.raises(TargetError, match=words):
        run(elf, case, npu_fault=fault)
    done = run(fallback_elf, case, npu_fault=fault)
    assert "; the CPU computes instead\n" in done.uart
    assert np.all(outputs(done, case) == npu_artifact.STAND_IN)


def test_on_a_board_without_an_npu(elf: Path, fallback_elf: Path, case: npu_artifact.Case) -> None:
    """QEMU alone, nobody beside it: its registers read 0."""
    with pytest.raises(TargetError, match="there is no NPU"):
        run(elf, case, npu=None)
    assert np.all(outputs(run(fallback_elf, case, npu=None), case) == npu_artifact.STAND_IN)


def test_an_npu_of_another_size(elf: Path, case: npu_artifact.Case) -> None:
    with pytest.raises(TargetError, match="ethos-u55-256 is there, ethos-u55-128 is wanted"):
        run(elf, case, npu="ethos-u55-256")


def test_what_the_model_refuses_is_an_error_of_the_stream(folder: Path, case: npu_artifact.Case, capfd) -> None:  # type: ignore[no-untyped-def]
    stream = np.array([*case.program.command_stream[:-1], 0x0000_03FF, *encode("NPU_OP_STOP", 0xFFFF)], np.uint32)
    artifact = npu_artifact.write(folder / "refused", case, stream=stream)
    with pytest.raises(TargetError, match=rf"refused a command .*STATUS 0x00000012, QREAD {(stream.size - 2) * 4}\)"):
        run(build(artifact, folder / "firmware-refused").elf, case)
    assert "the NPU's model refuses the command stream: command 0x3ff" in capfd.readouterr().err


def test_an_access_outside_all_memory_is_a_bus_error(folder: Path, case: npu_artifact.Case) -> None:
    stop = encode("NPU_OP_STOP", 0xFFFF)
    copy = [
        *encode("NPU_SET_DMA0_SRC_REGION", 1),
        *encode("NPU_SET_DMA0_DST_REGION", 1),
        *encode("NPU_SET_DMA0_SRC", payload=0),
        *encode("NPU_SET_DMA0_DST", payload=0x0800_0000),
        *encode("NPU_SET_DMA0_LEN", payload=16),
        *encode("NPU_OP_DMA_START", 0),
        *stop,
    ]
    artifact = npu_artifact.write(folder / "outside", case, stream=np.array(copy, np.uint32))
    with pytest.raises(TargetError, match="bus error, writing for a copy through port M0"):
        run(build(artifact, folder / "firmware-outside").elf, case)


def driver_copies() -> list[Path]:
    """Our stand-in for Arm's driver, and Arm's own where the environment names it."""
    named = [Path(os.environ["ETHOSU_DRIVER_ROOT"])] if os.environ.get("ETHOSU_DRIVER_ROOT") else []
    return [Path(__file__).with_name("ethosu_stand_in"), *named]


@pytest.mark.parametrize("root", driver_copies(), ids=["stand-in", "arm"][: len(driver_copies())])
def test_arm_s_driver_in_place_of_ours(folder: Path, artifact: Path, case: npu_artifact.Case, root: Path) -> None:
    """It loads and stores registers itself: they are caught at their addresses."""
    defines = QUICK | {"OCRM55_ETHOSU_DRIVER": str(root.resolve())}
    with_arms = build(artifact, folder / f"with-{root.name}", defines=defines).elf
    done = run(with_arms, case, images=2, stats=True)
    assert np.array_equal(outputs(done, case), [case.expected, case.expected])
    for fault, words in (
        (Fault.ABSENT, "there is no NPU"),
        (Fault.OTHER_SIZE, "ethos-u55-32 is there"),
        (Fault.BUS_ERROR, "bus error, reading weights through port M1"),
        (Fault.STREAM_ERROR, "refused a command"),
        (Fault.HANG, "did not end within its time limit"),
    ):
        with pytest.raises(TargetError, match=words):
            run(with_arms, case, npu_fault=fault)
    assert np.array_equal(outputs(run(with_arms, case, npu_fault=Fault.NO_INTERRUPT), case)[0], case.expected)


def test_memory_that_the_npu_does_not_reach_is_refused(folder: Path, artifact: Path) -> None:
    with pytest.raises(ToolchainError, match="OCRM55_ARENA_REGION=DTCM is coupled to the core alone"):
        build(artifact, folder / "unreachable", defines={"OCRM55_ARENA_REGION": "DTCM"})


def test_a_wrong_path_to_arm_s_driver_is_one_sentence(folder: Path, artifact: Path) -> None:
    with pytest.raises(
        ToolchainError, match=r"is no copy of Arm's ethos-u-core-driver.*it has no include/ethosu_driver"
    ):
        build(artifact, folder / "nowhere", defines={"OCRM55_ETHOSU_DRIVER": "/nowhere"})


def test_a_program_for_the_cpu_has_no_driver(fake_elf: Path, case: npu_artifact.Case) -> None:
    with pytest.raises(InputError, match="the program has no driver for the NPU"):
        find_simulator("qemu").run(Request(fake_elf, [fake.image()], npu=ACCELERATOR))


def test_the_fvp_gets_the_size_and_no_faults(elf: Path, fvp_stand_in: Path, case: npu_artifact.Case) -> None:
    board = fvp.Fvp(fvp_stand_in)
    request = Request(elf, [case.image], npu="ethos-u55-64")
    assert "ethosu.num_macs=64" in board.arguments("fw.elf", [], request)
    assert not any("num_macs" in word for word in board.arguments("fw.elf", [], Request(elf, [])))
    with pytest.raises(InputError, match="no faults to inject"):
        board.arguments("fw.elf", [], Request(elf, [], npu=ACCELERATOR, npu_fault=Fault.HANG))


def test_on_the_fvp_s_stand_in(elf: Path, fvp_stand_in: Path, case: npu_artifact.Case) -> None:
    """It has an NPU of the size that its parameter says, as the FVP has."""
    request = Request(elf, [case.image], want_probabilities=True, row=97, npu=ACCELERATOR, timeout_s=60)
    assert np.array_equal(outputs(find_simulator("fvp", fvp_stand_in).run(request), case)[0], case.expected)
    with pytest.raises(TargetError, match="ethos-u55-32 is there, ethos-u55-128 is wanted"):
        find_simulator("fvp", fvp_stand_in).run(Request(elf, [case.image], npu="ethos-u55-32", timeout_s=60))
