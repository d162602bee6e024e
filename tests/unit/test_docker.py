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
from types import ModuleType

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
    locks = {"docker/requirements.txt", "docker/requirements-build.txt"}
    assert admitted == needed | locks | {"pyproject.toml", build["project"]["readme"]}
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            source = rest.split()[0]
            assert source == "." or ({source, source.split("/")[0]} & admitted and (ROOT / source).exists())


def test_the_base_is_named_by_its_digest() -> None:
    base = dict(rest.split("=", 1) for word, rest in instructions() if word == "ARG")["BASE"]
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert {rest.split()[0] for word, rest in instructions() if word == "FROM"} == {"${BASE}"}


def test_packages_of_the_image_are_installed_by_their_hashes() -> None:
    for word, script in instructions():
        if word == "RUN":
            for install in re.findall(r"pip (?:install|wheel) [^&]*", script):
                assert "--require-hashes" in install or "--no-deps" in install
                assert "pip wheel" not in install or "--no-build-isolation" in install


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", ROOT / "docker" / "lock.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_locked_packages_fit_pyproject(lock: ModuleType) -> None:
    assert lock.misfits() == []


def test_locked_packages_agree_and_name_no_index(lock: ModuleType) -> None:
    versions: dict[str, str] = {}
    for name in lock.wanted():
        text = (ROOT / "docker" / name).read_text(encoding="utf-8")
        assert "://" not in text and "--index" not in text and "--find-links" not in text
        for package, (version, hashes) in lock.locked(text).items():
            assert hashes
            assert versions.setdefault(package, version) == version, package


def test_a_lock_that_does_not_fit_is_told(lock: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lock.PROJECT["project"], "dependencies", ["numpy>=99", "absent"])
    told = "\n".join(lock.misfits())
    assert "requirements.txt: numpy>=99 is wanted" in told and "absent is wanted, nothing is there" in told


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", True),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("a-1-cp38-abi3-manylinux_2_28_x86_64.whl", True),
        ("a-1-cp312-abi3-manylinux_2_28_x86_64.whl", False),
        ("a-1-cp312-cp312-manylinux_2_28_x86_64.whl", False),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", False),
        ("a-1-cp311-cp311-macosx_11_0_arm64.whl", False),
    ],
)
def test_which_wheels_are_locked(lock: ModuleType, wheel: str, fits: bool) -> None:
    assert lock._fits(wheel) is fits
