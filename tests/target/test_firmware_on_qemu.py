"""The firmware's promise, kept on QEMU with a hand-made model: text, score, status, a clear word a failure."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import TargetError
from ocrm55.firmware import build
from ocrm55.simulators import Request, base, find_simulator
from tests.target import fake_artifact as fake

pytestmark = pytest.mark.qemu


def run(elf: Path, images: list[np.ndarray], **options: object) -> base.Run:
    return find_simulator("qemu").run(Request(elf, images, timeout_s=30, row=97, **options))  # type: ignore[arg-type]


def bare(elf: Path, folder: Path, words: str, *, semihosting: bool = True) -> tuple[str, int]:
    """QEMU without our runner: UART and exit status. Without semihosting, stopped at the firmware's EOT."""
    command = ["qemu-system-arm", "-M", "mps3-an547", "-display", "none", "-monitor", "none", "-serial", "stdio"]
    if semihosting:
        handed = "".join(f",arg={word}" for word in words.split(" "))
        command += ["-semihosting-config", f"enable=on,target=native{handed}"]
    command = ["timeout", "20", *command, "-kernel", str(elf)]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        uart = b""
        while byte := process.stdout.read(1):
            uart += byte
            if byte == b"\x04":
                process.terminate()
    return uart.decode(), process.returncode


def test_reads_text_and_score(fake_elf: Path) -> None:
    result = run(fake_elf, [fake.image(frames=fake.text_frames("Hello, world", 60000))])
    assert result.results[0].text == "Hello, world"
    assert result.results[0].score == 0.915527
    assert result.exit_status == 0
    assert result.identity is not None
    assert result.identity.shape == (1, 3, 48, 320)
    assert result.uart.splitlines()[-2:] == ["text: Hello, world, score: 0.915527", "exit status 0"]


def test_text_is_utf8_and_may_hold_anything(fake_elf: Path) -> None:
    texts = ['é", score: 1', "image 1/3", "text: a b"]
    result = run(fake_elf, [fake.image(frames=fake.text_frames(text)) for text in texts])
    assert [one.text for one in result.results] == texts


def test_blank_image_gives_empty_text_and_zero(fake_elf: Path) -> None:
    result = run(fake_elf, [fake.image()])
    assert (result.results[0].text, result.results[0].score) == ("", 0.0)
    assert "text: , score: 0.000000" in result.uart


def test_probabilities_come_back(fake_elf: Path) -> None:
    frames = [(label % 97, label * 1000) for label in range(1, 41)]
    images = [fake.image(frames=frames), fake.image()]
    result = run(fake_elf, images, want_probabilities=True)
    assert result.probabilities is not None
    assert result.probabilities.shape == (2, 40, 97)
    expected = np.zeros((40, 97), np.float32)
    for step, (label, probability) in enumerate(frames):
        expected[step, label] = probability / 65536
    np.testing.assert_array_equal(result.probabilities[0], expected)
    assert result.probabilities[1].max() == 0


def test_widths_up_to_the_models(fake_elf: Path) -> None:
    widths = [1, 2, 3, 41, 319, 320]
    result = run(fake_elf, [fake.image(width=width) for width in widths])
    assert len(result.results) == len(widths)


def test_instructions_are_counted_and_repeat(fake_elf: Path) -> None:
    images = [fake.image(frames=fake.text_frames("count"))] * 2
    first, second = (run(fake_elf, images, stats=True) for _ in range(2))
    assert first.uart == second.uart  # exact, whatever the host is doing
    one = first.results[0]
    assert len(one.operator_instructions) == 3
    assert one.inference_instructions is not None
    assert 0 <= one.inference_instructions - sum(one.operator_instructions) < 200
    assert first.stack_bytes is not None
    assert 100 < first.stack_bytes < 4096
    assert run(fake_elf, images).results[0].inference_instructions is None


@pytest.mark.parametrize(
    ("order", "words", "status"),
    [
        (fake.UNDEFINED, "undefined instruction (CFSR.UNDEFINSTR)", 70),
        (fake.BAD_READ, "address 0x4a000000", 69),
        (fake.BAD_WRITE, "address 0x4a000000", 69),
        (fake.BAD_CALL, "called from obey at model.c", 68),
        (fake.DIVISION, "division by zero", 70),
        (fake.RECURSION, "stack overflow (CFSR.STKOF)", 70),
        (fake.LARGE_FRAME, "in large_frame at model.c", 70),
        (fake.NULL_WRITE, "memory protection forbids (CFSR.DACCVIOL), address 0x00000000", 68),
        (fake.BREAKPOINT, "breakpoint with no debugger", 67),
        (fake.INTERRUPT, "interrupt 5", 80),
    ],
)
def test_faults_say_what_where_and_why(fake_elf: Path, order: int, words: str, status: int) -> None:
    with pytest.raises(TargetError) as caught:
        run(fake_elf, [fake.image(order)])
    assert words in caught.value.sentence
    assert "during operator fake.middle" in caught.value.sentence
    assert f"exit status {status}" in caught.value.sentence


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (fake.LOCKUP, "locked up"),
        (fake.SILENT_EXIT, "output was lost"),
        (fake.GARBAGE, "cannot be understood: `?`"),
    ],
)
def test_other_ends_have_their_own_error(fake_elf: Path, order: int, words: str) -> None:
    with pytest.raises(TargetError, match=words.replace("?", r"\?")):
        run(fake_elf, [fake.image(order)])


def test_hang_meets_the_time_limit(fake_elf: Path) -> None:
    with pytest.raises(TargetError, match=r"did not end within 1 s .* `image 2/2`"):
        find_simulator("qemu").run(Request(fake_elf, [fake.image(), fake.image(fake.HANG)], timeout_s=1))


GOOD = fake.ocri([fake.image(width=50), fake.image(width=51)])


@pytest.mark.parametrize(
    ("content", "words", "status"),
    [
        (None, "cannot be opened", 12),
        (b"", "has 0 bytes, its header alone has 16", 20),
        (GOOD[:15], "has 15 bytes, its header alone has 16", 20),
        (b"OCRJ" + GOOD[4:], "does not begin with OCRI", 21),
        (fake.ocri([fake.image()], version=2), "has version 2, this firmware reads version 1", 22),
        (fake.ocri([]), "it holds no images", 23),
        (GOOD[:-1] + b"\1", "is damaged: its CRC is 0x", 24),
        (GOOD[:-100], "is damaged", 24),
        (fake.ocri([fake.image()], count=2), "image 2 is cut off: 0 bytes are left of 12", 25),
        (fake.ocri([np.zeros((47, 50, 3), np.uint8)]), "image 1 is 47 pixels high, the model takes 48", 26),
        (fake.ocri([fake.image(), fake.image(width=321)]), "image 2 is 321 pixels wide, the model takes 1 to 320", 27),
        (fake.ocri([fake.image()] * 2, count=1), "bytes after the last image", 29),
    ],
)
def test_damaged_image_files(fake_elf: Path, tmp_path: Path, content: bytes | None, words: str, status: int) -> None:
    if content is not None:
        (tmp_path / "i.bin").write_bytes(content)
    uart, returncode = bare(fake_elf, tmp_path, "ocrm55 images=i.bin")
    assert "error: the file of images i.bin" in uart
    assert words in uart
    assert uart.endswith(f"exit status {status}\n")
    assert returncode == status
    assert "image 1/" not in uart  # nothing is recognised before everything is checked


def test_no_image_at_all(fake_elf: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no image: the command line names none"):
        run(fake_elf, [])
    uart, _ = bare(fake_elf, tmp_path, "", semihosting=False)  # nobody to ask for the end, so QEMU is stopped
    assert "error: no image" in uart
    assert "exit status 11\nEXITTHESIM\n\x04" in uart


def test_unknown_word_on_the_command_line(fake_elf: Path, tmp_path: Path) -> None:
    for word in ("pictures=i.bin", "stats=2", "images=", "images"):
        uart, returncode = bare(fake_elf, tmp_path, f"ocrm55 {word}")
        assert f"error: unknown word on the command line: {word}\n" in uart
        assert returncode == 10


def test_probabilities_that_cannot_be_written(fake_elf: Path, tmp_path: Path) -> None:
    (tmp_path / "i.bin").write_bytes(GOOD)
    uart, returncode = bare(fake_elf, tmp_path, "ocrm55 images=i.bin probabilities=no/such/folder")
    assert "error: cannot write probabilities to no/such/folder" in uart
    assert returncode == 15


def test_image_that_is_compiled_in(tmp_path: Path) -> None:
    for program in ("arm-none-eabi-gcc", "cmake", "ninja", "qemu-system-arm"):
        if not shutil.which(program):
            pytest.skip(f"{program} not installed")
    inside = fake.image(frames=fake.text_frames("inside"))
    elf = build(fake.write(tmp_path / "artifact", compiled_in=inside), tmp_path / "firmware").elf
    assert run(elf, []).results[0].text == "inside"
    # A file of images goes before it.
    assert run(elf, [fake.image(frames=fake.text_frames("outside"))]).results[0].text == "outside"
    uart, _ = bare(elf, tmp_path, "", semihosting=False)  # a board with no host
    assert "text: inside, score: 0.915527\nexit status 0\nEXITTHESIM" in uart


def test_awkward_folder_names(fake_elf: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a folder, with commas = and ümläuts"
    odd.mkdir()
    shutil.copy(fake_elf, odd / "odd name.elf")
    assert run(odd / "odd name.elf", [fake.image(frames=fake.text_frames("odd"))]).results[0].text == "odd"


def test_the_model_may_say_where_it_wants_to_be(fake_elf: Path, tmp_path: Path) -> None:
    artifact = fake.write(tmp_path / "artifact")
    with (artifact / "sources.cmake").open("a") as file:
        file.write("set(OCRM55_MODEL_ARENA_REGION DTCM)\nset(OCRM55_MODEL_WEIGHTS_REGION SRAM)\n")
    built = build(artifact, tmp_path / "firmware")
    assert {use.region.name: use.used for use in built.regions}["SRAM"] == 16
    built = build(artifact, tmp_path / "firmware", defines={"OCRM55_WEIGHTS_REGION": "DDR"})
    used = {use.region.name: use.used for use in built.regions}
    assert (used["SRAM"], used["DDR"], used["ISRAM"]) == (0, 16, 0)
    assert run(built.elf, [fake.image(frames=fake.text_frames("here"))]).results[0].text == "here"


def test_many_images_in_one_run(fake_elf: Path) -> None:
    texts = [f"n{number}" for number in range(200)]
    result = run(fake_elf, [fake.image(frames=fake.text_frames(text)) for text in texts], want_probabilities=True)
    assert [one.text for one in result.results] == texts


@pytest.mark.parametrize(
    "defines",
    [
        {"OCRM55_ARENA_REGION": "DTCM", "OCRM55_WEIGHTS_REGION": "SRAM"},
        {"OCRM55_ARENA_REGION": "SRAM", "OCRM55_WEIGHTS_REGION": "DTCM", "OCRM55_IMAGES_REGION": "ISRAM"},
        {"OCRM55_ARENA_REGION": "DDR", "OCRM55_STACK_BYTES": "65536"},
    ],
)
def test_other_placements(fake_elf: Path, tmp_path: Path, defines: dict[str, str]) -> None:
    built = build(fake.write(tmp_path / "artifact"), tmp_path / "firmware", defines=defines)
    result = run(built.elf, [fake.image(frames=fake.text_frames("moved")), fake.image()], stats=True)
    assert result.results[0].text == "moved"
    used = {use.region.name: use.used for use in built.regions}
    assert used[defines["OCRM55_ARENA_REGION"]] >= 65536
    assert used["ISRAM"] == 0
    with pytest.raises(TargetError, match="stack overflow"):
        run(built.elf, [fake.image(fake.RECURSION)])
