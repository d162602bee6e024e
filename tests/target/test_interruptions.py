"""Ctrl-C and SIGTERM in the middle of every stage: the right status, nothing half-written, no process left, and the
next run works. Two runs at once in one folder: both are right.
"""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from ocrm55.tasks.recognizer.model import BUNDLED
from tests.target.ocrm55_process import Ocrm55, leftovers

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

SAMPLES = Path(__file__).resolve().parents[2] / "models" / "samples"
PICTURE, OTHER = SAMPLES / "digit.png", SAMPLES / "word_capital.png"
TEXTS = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
MANY = [PICTURE] * 40  # so many that the run takes some seconds

# In the middle of which stage, told by what was printed last, and by which signal.
MOMENTS = [
    ("export ", 0.0, signal.SIGINT),
    ("compile ", 2.0, signal.SIGTERM),
    ("$ cmake --build", 0.4, signal.SIGINT),
    ("run ", 0.0, signal.SIGHUP),
    ("$ /", 0.7, signal.SIGTERM),
]


# Other commands that take long, and the line after which they are interrupted. Names in capitals are places: LINES of
# labelled images, NET of a model, FRESH a build folder with nothing in it.
COMMANDS = {
    "eval LINES --on target --simulator qemu --build-dir BUILD": ("$ /", signal.SIGINT),
    "agree LINES --build-dir FRESH": ("compile ", signal.SIGTERM),
    "report PICTURE --out OUT --build-dir BUILD": ("$ /", signal.SIGINT),
    "package --out OUT --build-dir FRESH": ("compile ", signal.SIGINT),
    "tvmc compile --target=c NET --output OUT": ("tvmc:", signal.SIGTERM),
}

# Commands that are killed, and the line after which, or the number of processes; PAGE is a picture of a page.
KILLED = {
    "compile --build-dir FRESH": "compile ",  # paddle2onnx runs
    "read PAGE --hocr OUT --build-dir FRESH": "compile ",
    "live --build-dir FRESH": "compile ",
    "eval LINES --on reference --workers 2 --build-dir BUILD": 3,
    "finetune LINES --name killed --build-dir FRESH": "export ",
}


def texts(output: str) -> list[str]:
    return [row["text"] for row in json.loads(output)]


@pytest.fixture(scope="module")
def folder(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of this file work, one after the other; it needs the programs that `build_dir` needs."""
    return tmp_path_factory.mktemp("interrupted")


@pytest.fixture
def built(folder: Path) -> Path:
    """The same with a model compiled in its build folder, whichever tests ran before in this process."""
    if not (folder / "build" / BUNDLED / "int8").is_dir():
        run = Ocrm55(folder, "run-fvp", PICTURE, "--build-dir", folder / "build")
        assert run.end()[0] == 0, run.said
    return folder


def test_every_stage_can_be_interrupted_and_the_next_run_works(folder: Path) -> None:
    build = folder / "build"
    for stage, delay_s, number in MOMENTS:
        run = Ocrm55(folder, "run-fvp", *MANY, "--build-dir", build)
        run.wait_for(stage)
        time.sleep(delay_s)
        run.send(number)
        status, output = run.end()
        what = f"{number.name} {delay_s} s into `{stage}`: {run.said}"
        assert status == 128 + number, what
        assert run.lines[-2:] == ["interrupted", ""], what
        assert "Traceback" not in run.said, what
        assert run.survivors() == [], what
        assert list(run.temporary.iterdir()) == [], what
        assert leftovers(build) == [], what
        assert "text: 7" not in output, what
    run = Ocrm55(folder, "run-fvp", "--json", PICTURE, "--build-dir", build)
    status, output = run.end()
    assert (status, texts(output)) == (0, ["7"]), run.said


def places_in(folder: Path) -> dict[str, Path]:
    """The words in capitals of COMMANDS and KILLED."""
    places = {"LINES": folder / "lines", "OUT": folder / "out", "BUILD": folder / "build", "FRESH": folder / "fresh"}
    places |= {"PICTURE": PICTURE, "NET": places["BUILD"] / BUNDLED / "int8" / "model.onnx"}
    places |= {"PAGE": SAMPLES.parent / "calibration_pages" / "page_00.jpg"}
    places["LINES"].mkdir(exist_ok=True)
    shutil.copy(PICTURE, places["LINES"])
    (places["LINES"] / "labels.tsv").write_text(f"{PICTURE.name}\t7\n" * 40, encoding="utf-8")
    return places


@pytest.mark.parametrize("command", COMMANDS)
def test_other_commands_can_be_interrupted(built: Path, command: str) -> None:
    folder, places = built, places_in(built)
    moment, number = COMMANDS[command]
    run = Ocrm55(folder, *(places.get(word, word) for word in command.split()))
    run.wait_for(moment)
    time.sleep(0.4)
    run.send(number)
    status, _ = run.end()
    assert status == 128 + number, run.said
    assert run.lines[-2:] == ["interrupted", ""], run.said
    assert "Traceback" not in run.said
    assert run.survivors() == []
    assert list(run.temporary.iterdir()) == []
    assert not places["OUT"].exists()
    assert leftovers(places["BUILD"]) + leftovers(places["FRESH"]) == []


@pytest.mark.parametrize("command", KILLED)
def test_killed_commands_leave_nothing_after_the_next_start(built: Path, command: str) -> None:
    needed = {"finetune": "torch", "live": "uvicorn"}.get(command.split(maxsplit=1)[0])
    if needed is not None:
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    places = places_in(built)
    run = Ocrm55(built, *(places.get(word, word) for word in command.split()))
    moment = KILLED[command]
    if isinstance(moment, int):
        run.wait_for_processes(moment)
    else:
        run.wait_for(moment)
    time.sleep(2)
    run.send(signal.SIGKILL)
    assert run.end()[0] == -signal.SIGKILL, run.said
    assert run.survivors() == []
    left = run.temporary
    assert Ocrm55(built, "boards", environment={"TMPDIR": str(left)}).end()[0] == 0
    assert list(left.iterdir()) == []
    assert not places["OUT"].exists()


def test_two_runs_at_once_in_one_folder(built: Path) -> None:
    """Both find the compiled model missing; a third one builds the firmware anew all the while."""
    folder, build = built, built / "build"
    variant = build / BUNDLED / "int8"
    shutil.rmtree(variant)
    runs = [Ocrm55(folder, "run-fvp", "--json", picture, "--build-dir", build) for picture in (PICTURE, OTHER)]
    builder = Ocrm55(folder, "build", "--force", "--build-dir", build)
    for run, picture in zip(runs, (PICTURE, OTHER), strict=True):
        status, output = run.end()
        assert (status, texts(output)) == (0, [TEXTS[picture.name]]), run.said
        assert run.survivors() == []
    assert builder.end()[0] == 0, builder.said
    said = "\n".join(run.said for run in (*runs, builder))
    assert "waiting for another ocrm55" in said
    assert leftovers(build) == []


def test_a_killed_run_leaves_no_simulator_and_what_it_was_writing_goes_with_the_next_one(built: Path) -> None:
    folder, build = built, built / "build"
    run = Ocrm55(folder, "run-fvp", *MANY, "--build-dir", build)
    run.wait_for("$ /")
    run.send(signal.SIGKILL)
    run.end()
    assert run.survivors() == []
    half = build / BUNDLED / ".int8.ocrm55-abcdefgh"
    (half / "src").mkdir(parents=True)
    left = run.temporary
    assert len(list(left.iterdir())) == 1  # the run's own folder
    run = Ocrm55(folder, "run-fvp", "--json", PICTURE, "--build-dir", build, environment={"TMPDIR": str(left)})
    assert texts(run.end()[1]) == ["7"]
    assert not half.exists()
    assert list(left.iterdir()) == []
