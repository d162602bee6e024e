"""Runs the fuzzers, each for so many seconds, and says what they did: `make fuzz SECONDS=600`.

    python -m tests.fuzz.run [--seconds 600] [--work DIR] [NAME...]

What they learn is kept in the working folder, so that the next run goes on from there. Ends with status 1 where one has
found something; the input that shows it is kept and named, and `NAME FILE` on the same command line runs it again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = REPOSITORY / "firmware" / "fuzz"
IN_C = (
    "fuzz_image_file", "fuzz_frames", "fuzz_program", "fuzz_decode", "fuzz_npu", "fuzz_page", "fuzz_page_program",
    "fuzz_weights",
)  # fmt: skip
IN_PYTHON = (
    "fuzz_uart", "fuzz_records", "fuzz_binaries", "fuzz_pictures", "fuzz_models", "fuzz_dictionaries",
    "fuzz_checkpoints", "fuzz_programs", "fuzz_archives", "fuzz_restrictions", "fuzz_live", "fuzz_logs",
)  # fmt: skip
LIMITS = ["-rss_limit_mb=3000", "-timeout=20", "-max_len=8192", "-print_final_stats=1"]
COMPILERS = ("clang-19", "clang")


class CannotFuzzError(Exception):
    """What a fuzzer needs is not on this machine; the text says what."""


@dataclass(frozen=True)
class Outcome:
    """What a fuzzer did in its time."""

    name: str
    executions: int
    seconds: int
    covered: int  # edges of the code that guide it
    corpus: int  # inputs that each reach something of their own
    finding: Path | None
    printed: str


def build(work: Path) -> Path:
    """Build the fuzzers in C; return their folder. Raises CannotFuzzError where no compiler has libFuzzer."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None or not shutil.which("cmake") or not shutil.which("ninja"):
        raise CannotFuzzError("clang-19, cmake or ninja is not installed")
    folder = work / "build"
    configure = ["cmake", "-S", str(SOURCES), "-B", str(folder), "-G", "Ninja", f"-DCMAKE_C_COMPILER={compiler}"]
    configure.append(f"-DPython3_EXECUTABLE={sys.executable}")
    for command in (configure, ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    if "OCRM55_HAVE_LIBFUZZER:INTERNAL=1" not in (folder / "CMakeCache.txt").read_text():
        raise CannotFuzzError(f"{compiler} lacks its sanitizer runtime: sudo apt-get install libclang-rt-19-dev")
    return folder


def command_of(name: str, work: Path) -> list[str]:
    """How the fuzzer is called, without what it is to do."""
    if name in IN_PYTHON:
        if importlib.util.find_spec("atheris") is None:
            raise CannotFuzzError("atheris is not installed: pip install atheris")
        return [sys.executable, "-m", f"{__package__}.{name}"]
    dictionary = SOURCES / name.replace("fuzz_", "", 1)
    words = [f"-dict={file}"] if (file := dictionary.with_suffix(".dict")).is_file() else []
    return [str(build(work) / name), *words]


def corpus(name: str, work: Path) -> list[Path]:
    """The folder that the fuzzer adds to, and those that it starts from."""
    own = work / "corpus" / name
    own.mkdir(parents=True, exist_ok=True)
    if name not in IN_PYTHON:
        return [own, SOURCES / "corpus" / name]
    for seed in importlib.import_module(f"{__package__}.{name}").seeds():
        (own / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    return [own]


def fuzz(name: str, seconds: int, work: Path, seed: int = 0) -> Outcome:
    """Run one fuzzer; seed 0 is another one each time. Raises CannotFuzzError where this machine cannot."""
    command = command_of(name, work)
    folders = corpus(name, work)
    findings = work / "findings"
    findings.mkdir(exist_ok=True)
    before = set(findings.iterdir())
    words = [f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={findings}/{name}-", *LIMITS]
    environment = os.environ | {"ASAN_OPTIONS": "quarantine_size_mb=16:allocator_may_return_null=1"}
    done = subprocess.run(
        [*command, *words, *map(str, folders)],
        cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    printed = done.stdout.decode(errors="replace")
    new = sorted(file for file in set(findings.iterdir()) - before if "slow-unit" not in file.name)
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", printed)
    took = re.findall(r"Done \d+ runs in (\d+) second", printed)
    covered = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)", printed)
    if done.returncode and not new:
        raise RuntimeError(f"{name} ended with status {done.returncode}:\n{printed[-3000:]}")
    return Outcome(
        name, int(executed[-1]) if executed else 0, int(took[-1]) if took else 0,
        int(covered[-1][0]) if covered else 0, int(covered[-1][1]) if covered else 0,
        new[0] if new else None, printed,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="of each fuzzer")
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(IN_C + IN_PYTHON)}; then a FILE")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    work = chosen.work.resolve()
    if len(chosen.names) == 2 and Path(chosen.names[1]).is_file():
        command = [*command_of(chosen.names[0], work), str(Path(chosen.names[1]).resolve())]
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    found = 0
    for name in chosen.names or IN_C + IN_PYTHON:
        try:
            outcome = fuzz(name, chosen.seconds, work)
        except CannotFuzzError as missing:
            print(f"{name:16} not run: {missing}", flush=True)
            continue
        verdict = "nothing found"
        if outcome.finding:
            found += 1
            verdict = f"FOUND {outcome.finding}"
            print(outcome.printed[-3000:])
        print(
            f"{name:16} {outcome.executions:>12,} executions in {outcome.seconds} s, {outcome.covered} edges, "
            f"{outcome.corpus} inputs: {verdict}",
            flush=True,
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
