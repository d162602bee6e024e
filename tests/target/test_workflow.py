"""The GitHub workflow: GitHub's own schema and linters like it, and each step's script runs here, with the stand-in for
the FVP where Arm's cannot be had.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
READ: dict[str, Any] = {name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in WORKFLOWS.items()}
JOBS: dict[str, Any] = {job: content for workflow in READ.values() for job, content in workflow["jobs"].items()}
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]  # what GitHub makes of `shell: bash`
# Run elsewhere or not at all: the tests would run themselves, and a container needs a daemon (test_docker.py).
NOT_HERE = {
    "test": "make test",
    "docker": "docker ",
    "cmsis-nn": ".venv/bin/pytest",
    "zephyr": "west init",  # and what it gets: Zephyr, from GitHub
    "build": "make test",  # of a release, and its wheels: test_wheel.py
    "publish": "gh release",
}


def scripts() -> Iterator[tuple[str, str]]:
    """Job and script of every step that has one."""
    for job, content in JOBS.items():
        for step in content["steps"]:
            if "run" in step:
                yield job, step["run"]


def program(name: str) -> str:
    """A linter, from the environment of the tests or from PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} not installed")
    return found


@pytest.mark.parametrize("file", WORKFLOWS.values(), ids=WORKFLOWS)
def test_schema(file: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_schema_of_dependabot() -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema not installed")
    file = ROOT / ".github" / "dependabot.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.dependabot", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", WORKFLOWS.values(), ids=WORKFLOWS)
def test_actionlint(file: Path) -> None:
    done = subprocess.run([program("actionlint"), str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_has_one_name_in_all_workflows() -> None:
    assert len(JOBS) == sum(len(workflow["jobs"]) for workflow in READ.values())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_others_publish_is_named_by_its_commit(name: str) -> None:
    """A tag can be moved to other code; the comment says which one the commit had."""
    uses = [line.strip() for line in WORKFLOWS[name].read_text().splitlines() if "uses:" in line]
    assert uses
    for line in uses:
        assert re.search(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    for content in READ[name]["jobs"].values():
        refs = [step["with"]["ref"] for step in content["steps"] if "ref" in step.get("with", {})]
        refs += content.get("strategy", {}).get("matrix", {}).get("ref", [])
        assert all(ref == "${{ matrix.ref }}" or re.fullmatch("[0-9a-f]{40}", ref) for ref in refs)


def test_one_commit_for_each_action() -> None:
    found: dict[str, set[str]] = {}
    for content in JOBS.values():
        for step in content["steps"]:
            action, _, commit = step.get("uses", "").partition("@")
            found.setdefault(action, set()).add(commit)
    assert all(len(commits) == 1 for commits in found.values())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_packages_are_installed_by_their_hashes(name: str) -> None:
    assert READ[name]["env"]["LOCKED"] == 1  # what make installs
    for content in READ[name]["jobs"].values():
        for step in content["steps"]:
            for line in step.get("run", "").replace("\\\n", " ").splitlines():
                assert "pip install" not in line or "--require-hashes" in line, line


def test_a_release_is_made_by_a_tag_and_written_by_a_job_that_runs_nothing_of_it() -> None:
    release = READ["release"]
    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML's `on`
    assert release["permissions"] == {"contents": "read"}
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert "permissions" not in build and publish["permissions"] == {"contents": "write"}
    assert publish["needs"] == "build" and not any("checkout" in step.get("uses", "") for step in publish["steps"])
    commands = "\n".join(step.get("run", "") for step in build["steps"])
    for part in ("make wheel", "fresh_root.sh", ".pack", "cyclonedx-py", "sha256sum", "NOTES.md"):
        assert part in commands


def test_notes_of_a_release_are_its_part_of_the_changelog(tmp_path: Path) -> None:
    script = next(script for _, script in scripts() if "CHANGELOG.md" in script)
    (tmp_path / "dist").mkdir()
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## Unreleased\n\n- new\n\n## 0.1.0\n\n- first\n\n## 0.0.1\n")
    own = os.environ | {"GITHUB_REF_NAME": "v0.1.0"}
    subprocess.run([*SHELL, "-c", script], cwd=tmp_path, env=own, check=True)
    assert (tmp_path / "dist" / "NOTES.md").read_text() == "\n- first\n\n"
    own["GITHUB_REF_NAME"] = "v0.2.0"
    assert subprocess.run([*SHELL, "-c", script], cwd=tmp_path, env=own, check=False).returncode != 0


@pytest.mark.parametrize(("job", "script"), list(scripts()))
def test_scripts_please_shellcheck(job: str, script: str) -> None:
    done = subprocess.run(
        [program("shellcheck"), "--shell=bash", "-"], input=script, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{job}:\n{done.stdout}"


def test_every_job_has_a_limit_and_what_it_caches_and_uploads_is_made_by_it() -> None:
    for job, content in JOBS.items():
        assert content["timeout-minutes"] <= 150, job
        text = "\n".join(script for name, script in scripts() if name == job)
        for step in content["steps"]:
            if step.get("uses", "").startswith("actions/upload-artifact"):
                for path in step["with"]["path"].split():
                    assert path in text or path.startswith("build/fuzz"), f"{job} uploads {path}"


def test_the_smoke_test_compares_every_build_on_both_simulators() -> None:
    script = next(script for _, script in scripts() if "smoke.py" in script)
    builds = re.search(r"--builds (\S+)", script)
    assert builds is not None
    assert set(builds[1].split(",")) == {"float32", "int8", "cmsis-nn", "npu"}
    assert "--simulators" not in script  # both are what it does when it is not told


@pytest.fixture
def checkout(tmp_path: Path, build_dir: Path, fvp_stand_in: Path) -> Path:
    """The repository as a job finds it after `make setup`, with stubs for what would change this machine."""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("Makefile", "cmake", "docker", "firmware", "fvp", "models", "pyproject.toml", "tests", "toolkit"):
        (place / name).symlink_to(ROOT / name)
    build_dir.mkdir(parents=True, exist_ok=True)
    (place / "build").symlink_to(build_dir)
    home = tmp_path / "home" / ".local" / "share" / "ocrm55"
    home.mkdir(parents=True)
    (home / "fvp").symlink_to(fvp_stand_in.parents[2])  # as the cache has restored it
    environment = place / ".venv" / "bin"
    environment.mkdir(parents=True)
    for name in ("ocrm55", "python"):
        module = "-m ocrm55.cli" if name == "ocrm55" else ""
        _script(environment / name, f'[ "$1 $2" = "-m pip" ] && exit 0\nexec "{sys.executable}" {module} "$@"')
    for stamp in (".installed", ".installed-dev"):
        (place / ".venv" / stamp).touch()
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("sudo", "apt-get", "pip"):
        _script(stubs / name, f'echo "{name} $*" >> "{tmp_path}/stubs.log"')
    return place


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _environment(checkout: Path, job: str) -> dict[str, str]:
    base = {key: value for key, value in os.environ.items() if key not in ("FVP_PATH", "XDG_DATA_HOME")}
    own = {
        "HOME": str(checkout.parent / "home"),
        "PATH": f"{checkout.parent / 'stubs'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "toolkit"),
        "GITHUB_STEP_SUMMARY": str(checkout.parent / "summary.md"),
        "GITHUB_WORKSPACE": str(checkout),
        "SECONDS_OF_EACH": "1",
    }
    for name, value in JOBS[job].get("env", {}).items():
        own[name] = str(value).replace("${{ github.workspace }}", str(checkout))
    if named := os.environ.get("CMSIS_NN_ROOT"):
        own["CMSIS_NN_ROOT"] = named
    return base | own


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize("job", [job for job in JOBS if job not in NOT_HERE])
def test_the_scripts_of_a_job_run_one_after_the_other(job: str, checkout: Path) -> None:
    missing = []
    for script in [script for name, script in scripts() if name == job]:
        assert "${{" not in script, "a value from GitHub belongs into env, not into a script"
        here = script
        if "cmsis-nn" in script and not os.environ.get("CMSIS_NN_ROOT"):
            here, missing = script.replace("cmsis-nn,", ""), ["CMSIS_NN_ROOT names no copy of CMSIS-NN"]
        if "npu" in script and importlib.util.find_spec("ethosu") is None:
            here, missing = here.replace(",npu", ""), [*missing, "ethos-u-vela is not installed"]
        done = subprocess.run(
            [*SHELL, "-c", here],
            cwd=checkout,
            env=_environment(checkout, job),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}"
    if job == "fvp":
        rows = (checkout / "smoke.txt").read_text().splitlines()
        builds = 4 - len(missing)
        assert len(rows) == builds * 2 * 4 and all(row.endswith(" ok") for row in rows)
        assert (checkout / "report.html").stat().st_size > 10_000
        assert "word_capital.png" in (checkout.parent / "summary.md").read_text()
        assert "apt-get install" in (checkout.parent / "stubs.log").read_text()
    if missing:
        pytest.skip(f"run without a part: {', '.join(missing)}")


def test_json_of_the_samples_is_what_the_container_reads() -> None:
    texts = json.loads((ROOT / "models" / "samples" / "samples.json").read_text(encoding="utf-8"))
    for _, script in scripts():
        for text in re.findall(r"grep -q 'text: ([^']*)'", script):
            assert text in texts.values()
