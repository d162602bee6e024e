"""Compiling and feeding driver.c: the parts of the firmware that touch no board, with the host's sanitizers."""

import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compile_for_host(output: Path, files: Sequence[Path], includes: Sequence[Path]) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler for the host installed")
    command = [compiler, *FLAGS, *SANITIZERS, *(f"-I{folder}" for folder in includes), *map(str, files)]
    done = subprocess.run([*command, "-lm", "-o", str(output)], capture_output=True, text=True, check=False)
    if done.returncode and "sanitize" in done.stderr:
        pytest.skip("the host's compiler has no sanitizers")
    assert done.returncode == 0, done.stderr
    return output


def words(*values: int) -> bytes:
    """Unsigned 32-bit little-endian words."""
    return struct.pack(f"<{len(values)}I", *values)
