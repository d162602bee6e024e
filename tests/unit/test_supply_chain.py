"""What this repository fetches from elsewhere: named so that nobody can change it, and compared before it is used."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ocrm55.simulators import fvp_install

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each step of each workflow, and where it stands."""
    for file in WORKFLOWS:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            yield from ((f"{file.name}, {name}", step) for step in [job, *job.get("steps", ())])


def test_there_are_workflows() -> None:
    assert {file.name for file in WORKFLOWS} >= {"ci.yml", "release.yml"}
    assert sum("uses" in step for _, step in steps()) > 5


def test_actions_are_named_by_their_commits() -> None:
    used = [(place, str(step["uses"])) for place, step in steps() if "uses" in step]
    assert [entry for entry in used if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", entry[1])] == []


def test_what_is_checked_out_from_others_is_named_by_its_commit() -> None:
    for place, step in steps():
        given = step.get("with") or {}
        if "repository" in given:
            ref = str(given.get("ref", ""))
            matrix = yaml.safe_load((ROOT / ".github" / "workflows" / place.split(",")[0]).read_text())["jobs"]
            job = matrix[place.split(", ")[1]]
            refs = job["strategy"]["matrix"]["ref"] if ref == "${{ matrix.ref }}" else [ref]
            assert refs and all(re.fullmatch(r"[0-9a-f]{40}", each) for each in refs), place


def test_checkouts_keep_no_credentials_and_jobs_may_read_alone() -> None:
    for place, step in steps():
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, place
    for file in WORKFLOWS:
        assert yaml.safe_load(file.read_text())["permissions"] in ({"contents": "read"}, {}), file.name


def test_packages_are_installed_by_their_hashes() -> None:
    for place, step in steps():
        for install in re.findall(r"pip (?:install|wheel) [^\n&|;]*", str(step.get("run", ""))):
            local = re.search(r" (\.|dist/\S+|\S+\.whl|/?[\w./*-]*whl)( |$)", install)
            assert "--require-hashes" in install or (local and "--no-deps" in install), f"{place}: {install}"


@pytest.mark.parametrize("machine", fvp_install.RELEASES)
def test_the_checksum_of_the_fvp_stands_in_one_place(machine: str) -> None:
    known = fvp_install.RELEASES[machine].sha256
    assert known is not None and re.fullmatch("[0-9a-f]{64}", known)
    found = subprocess.run(["git", "grep", "-lF", known], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode > 1:
        pytest.skip("no git repository")
    assert found.stdout.split() == ["toolkit/ocrm55/simulators/fvp_install.py"]
