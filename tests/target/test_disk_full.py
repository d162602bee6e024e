"""A disk that fills up in the middle of a stage: one sentence, its exit status, and nothing half-written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.errors import OutputError

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

PICTURE = Path(__file__).resolve().parents[2] / "models" / "samples" / "digit.png"
PAGE = 4096
MEGABYTE = 1 << 20

# In a mount namespace of its own: a small file system at $1 of $2 bytes with a copy of what is in $3, then the command,
# then what it has left there.
_SCRIPT = """\
mount -t tmpfs -o size="$2" none "$1" && cp -a "$3/." "$1" || exit 99
small="$1"; shift 3
"$@"; status=$?
find "$small" -name '.*.ocrm55-*' -o -name 'ocrm55-*' -o -name 'tmp*' | sed 's/^/left: /'
exit $status
"""


def pages(folder: Path) -> int:
    """Bytes that a folder takes in memory."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE + PAGE for path in folder.rglob("*"))


def run(small: Path, size: int, content: Path, *words: object, **environment: str) -> tuple[int, str]:
    """Exit status and all that was printed. Skips where no file system can be mounted."""
    small.mkdir(exist_ok=True)
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    mounting = [*private, "mount", "-t", "tmpfs", "none", str(small)]
    if not shutil.which("unshare") or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here: it takes root, or user namespaces")
    script = [*private, "sh", "-c", _SCRIPT, "sh", str(small), str(size), str(content)]
    done = subprocess.run(
        [*script, sys.executable, "-m", "ocrm55.cli", *map(str, words)],
        env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def one_error(printed: str) -> bool:
    return len(re.findall(r"^error: ", printed, re.MULTILINE)) == 1 and "Traceback" not in printed


@pytest.fixture(scope="module")
def finished_build(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build folder with a model and a compiled model, no firmware."""
    options = stages.Options(build_dir=build_dir)
    stages.compiled(options)
    place = tmp_path_factory.mktemp("finished") / "build"
    for name in ("model", "int8"):
        root = place / options.folder.model
        shutil.copytree(options.folder.root / name, root / name)
        shutil.copy(options.folder.root / f"{name}.stamp.json", root)
    return place


@pytest.mark.parametrize(("stage", "room"), [("export", 4 * MEGABYTE), ("compile", MEGABYTE), ("build", 2 * MEGABYTE)])
def test_build_folder(stage: str, room: int, finished_build: Path, tmp_path: Path) -> None:
    content = tmp_path / "content"
    shutil.copytree(finished_build, content)
    root = next(content.iterdir())
    for name in {"export": ("model", "int8"), "compile": ("int8",), "build": ()}[stage]:
        shutil.rmtree(root / name)
    small = tmp_path / "small"
    status, printed = run(small, pages(content) + room, content, "build", "--build-dir", small)
    assert status == OutputError.exit_code, printed
    assert one_error(printed), printed
    assert any(words in printed for words in ("No space left on device", "no space left on device")), printed
    assert "left:" not in printed, printed
    assert f"\n{stage} " in f"\n{printed}"  # it was this stage that met it


@pytest.mark.parametrize("stage", ["compile", "run"])
def test_folder_for_temporary_files(stage: str, finished_build: Path, build_dir: Path, tmp_path: Path) -> None:
    empty, small, build = tmp_path / "empty", tmp_path / "small", tmp_path / "build"
    empty.mkdir()
    shutil.copytree(finished_build, build)
    if stage == "compile":
        shutil.rmtree(next(build.iterdir()) / "int8")
    words = ["run-fvp", PICTURE, "--build-dir", build if stage == "compile" else build_dir]
    status, printed = run(small, 32 * PAGE, empty, *words, TMPDIR=str(small))
    assert status == OutputError.exit_code, printed
    assert one_error(printed), printed
    assert "left:" not in printed, printed
