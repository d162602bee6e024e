"""The fuzzers, a moment each: that they build and run, and that nothing is found at once. `make fuzz` takes longer."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55.compiler.onnx_graph import bounds, entrance
from tests.fuzz import run as fuzzing

SECONDS = 3
LEAST = {"fuzz_models": 20, "fuzz_dictionaries": 100}  # that compile, or read a whole model's folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", [*fuzzing.IN_C, *fuzzing.IN_PYTHON])
def test_fuzzer(name: str, work: Path) -> None:
    try:
        outcome = fuzzing.fuzz(name, SECONDS, work, seed=1)  # the same inputs each time
    except fuzzing.CannotFuzzError as missing:
        pytest.skip(str(missing))
    assert outcome.finding is None, outcome.printed[-3000:]
    assert outcome.executions > LEAST.get(name, 500)
    assert outcome.corpus > 3


@pytest.mark.parametrize("name", fuzzing.IN_PYTHON)
def test_seeds_without_a_fuzzer(name: str) -> None:
    """Where atheris is not to be had, at least the files that it would begin with."""
    module = importlib.import_module(f"tests.fuzz.{name}")
    before = limits()
    count = 0
    for seed in module.seeds():
        module.one_input(seed)
        module.one_input(seed[: len(seed) // 2])
        count += 1
    assert count >= 5
    assert limits() == before  # the tests after this one share the process


def limits() -> tuple[int, ...]:
    """What fuzz_models lowers, for its own models alone."""
    return entrance.MOST_OPERATORS, entrance.MOST_VALUES, bounds.MOST_VALUES


def test_seeds_of_the_fuzzers_in_c_with_another_compiler(tmp_path: Path) -> None:
    """GCC has no libFuzzer, and other sanitizers: the corpora run through programs that read files."""
    missing = [program for program in ("gcc", "cmake", "ninja") if not shutil.which(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    build = tmp_path / "build"
    configure = ["cmake", "-S", fuzzing.SOURCES, "-B", build, "-G", "Ninja", "-DCMAKE_C_COMPILER=gcc"]
    configure.append(f"-DPython3_EXECUTABLE={sys.executable}")
    for command in (configure, ["cmake", "--build", build]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if "cannot find -lasan" in done.stdout + done.stderr or "cannot find -lubsan" in done.stdout + done.stderr:
            pytest.skip("gcc lacks its sanitizer runtime")
        assert done.returncode == 0, done.stdout + done.stderr
    for name in fuzzing.IN_C:
        files = sorted((fuzzing.SOURCES / "corpus" / name).iterdir())
        done = subprocess.run([build / name, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{len(files)} files\n"
