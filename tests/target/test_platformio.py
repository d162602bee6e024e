"""The package as a library of PlatformIO, built by it without a network, for this machine and for a bare Cortex-M55.

It runs where `pio` is, with SCons in the same Python (pip install platformio scons). Its platforms are ours, in
platformio/; PlatformIO would fetch them, and the SCons of its own, from its registry.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.target import test_package
from tests.target.programs import require

BUILDERS = Path(__file__).parent / "platformio"
SCONS = "from SCons.Script import main\nmain()\n"
OFFLINE = {"ENABLE_TELEMETRY": "no", "CHECK_PLATFORMIO_INTERVAL": "9999", "CHECK_PRUNE_SYSTEM_THRESHOLD": "0"}
NAMED = """
import json
from platformio.dependencies import get_core_dependencies
import SCons
print(json.dumps(get_core_dependencies()["tool-scons"].lstrip("~^")))
"""
VALID = """
import json, sys
from platformio.package.manifest.parser import ManifestParserFactory
from platformio.package.manifest.schema import ManifestSchema
values = ManifestParserFactory.new_from_file(sys.argv[1]).as_dict()
assert values.pop("license") == "Apache-2.0"  # else it asks the web for the names of licences
print(ManifestSchema().load_manifest(values)["name"])
"""

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def python() -> Path:
    """The Python that has PlatformIO, with SCons."""
    require("pio")
    found = Path(shutil.which("pio") or "").resolve().with_name("python")
    done = subprocess.run([found, "-c", NAMED], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("the Python of pio has no SCons")
    return found


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """PlatformIO's own folder: SCons, and our platforms, as if they were installed."""
    version = json.loads(test_package.command([python(), "-c", NAMED]))
    folder = tmp_path / "core"
    tool = folder / "packages" / "tool-scons"
    installed(tool, "tool", "package.json", "tool-scons", version)
    (tool / "scons.py").write_text(SCONS)
    for name in ("native", "bare"):
        platform = folder / "platforms" / name
        installed(platform, "platform", "platform.json", name, "1.0.0")
        (platform / "builder").mkdir()
        shutil.copy(BUILDERS / f"{name}.py", platform / "builder" / "main.py")
    return folder


def installed(folder: Path, kind: str, manifest: str, name: str, version: str) -> None:
    folder.mkdir(parents=True)
    values = {"name": name, "version": version, "title": name, "description": name}
    (folder / manifest).write_text(json.dumps(values))
    spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
    (folder / ".piopm").write_text(json.dumps({"type": kind, "name": name, "version": version, "spec": spec}))


def pio(core: Path, project: Path, *words: str) -> str:
    settings = {f"PLATFORMIO_SETTING_{name}": value for name, value in OFFLINE.items()}
    environment = {**os.environ, "PLATFORMIO_CORE_DIR": str(core), "PLATFORMIO_NO_ANSI": "true", **settings}
    done = subprocess.run(
        [python(), "-m", "platformio", "run", "-d", project, *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_project_reads_on_this_machine(build_dir: Path, core: Path, tmp_path: Path) -> None:
    package = test_package.package(tmp_path / "package", build_dir)
    said = pio(core, package / "examples" / "platformio", "-t", "exec")
    assert "text: Cambridge, score: 0.99" in said
    assert test_package.command([python(), "-c", VALID, package / "library.json"]).strip() == "ocrm55_en_ppocrv3_rec"


def test_a_project_reads_on_the_board(build_dir: Path, core: Path, tmp_path: Path, models: Path) -> None:
    """The bits are those of the same package, built by CMake on this machine."""
    package = test_package.package(tmp_path / "package", build_dir)
    (tmp_path / "pictures").mkdir()
    headers = test_package.write_pictures(tmp_path / "pictures", models)
    on_host = test_package.run(test_package.build(package, headers, tmp_path / "host") / "bare_own", [])
    project = tmp_path / "project"
    project.mkdir()
    (project / "platformio.ini").write_text(
        f"""\
[platformio]
src_dir = {test_package.PROJECT}
[env:an547]
platform = bare
board_build.ldscript = {test_package.PROJECT / "board.ld"}
build_src_filter = +<main.c> +<board.c>
build_flags = -I{headers}
lib_deps = symlink://{package}
"""
    )
    pio(core, project)
    assert test_package.run(project / ".pio" / "build" / "an547" / "program") == on_host
