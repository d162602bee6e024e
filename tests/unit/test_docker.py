"""The container's files, as far as they can be checked without building one: linters, and what each names is there.

`buildah bud --isolation chroot -f docker/Dockerfile .` builds it without a daemon.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE = ROOT / "docker" / "compose.yaml"


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each, continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def test_hadolint() -> None:
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    if not program:
        pytest.skip("hadolint not installed")
    done = subprocess.run([program, "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_compose_file() -> None:
    service = yaml.safe_load(COMPOSE.read_text())["services"]["ocrm55"]
    assert (COMPOSE.parent / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DOCKERFILE
    declared = {rest.split("=")[0] for word, rest in instructions() if word == "ARG"}
    assert set(service["build"]["args"]) <= declared
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_does_not_run_as_root() -> None:
    users = [rest for word, rest in instructions() if word == "USER"]
    assert users and all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)
    names = [word for word, _ in instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_nothing_that_a_layer_downloads_stays_in_it() -> None:
    for word, script in instructions():
        if word == "RUN" and "apt-get install" in script:
            assert "rm -rf /var/lib/apt/lists/*" in script
        if word == "RUN" and "pip install" in script:
            assert "--no-cache-dir" in script


def test_the_licence_is_accepted_by_whoever_builds() -> None:
    defaults = dict(rest.split("=", 1) for word, rest in instructions() if word == "ARG")
    assert defaults["FVP"] == "no"
    script = next(rest for word, rest in instructions() if "fvp install" in rest)
    case = re.search(r"accept-licence\)(.*?);;", script)
    assert case and "fvp install --accept-licence" in case[1]
    done = subprocess.run(["/bin/sh", "-c", script], env={"FVP": "yes"}, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "neither `no` nor `accept-licence`" in done.stderr


def test_the_context_holds_what_the_wheel_is_made_of_and_little_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    admitted = {line[1:] for line in lines if line.startswith("!")}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {name.split("/")[0] for name in (*wheel["packages"], *wheel["force-include"])}
    assert admitted == needed | {"pyproject.toml", build["project"]["readme"]}
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            source = rest.split()[0]
            assert source == "." or (source.split("/")[0] in admitted and (ROOT / source).exists())
