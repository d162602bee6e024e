"""The distribution `ethosu-model`: the model's files with imports of their own, which work where ocrm55 is not."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[3]
FOLDER = REPOSITORY / "toolkit" / "ethosu_model"
ALONE = "import sys; sys.modules['ocrm55'] = sys.modules['tests'] = None; "  # an import of them fails


@pytest.fixture(scope="module")
def gather() -> ModuleType:
    pytest.importorskip("hatchling", reason="building a wheel needs the extra `dev`")
    spec = importlib.util.spec_from_file_location("gather", FOLDER / "gather.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(gather: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the wheel, as pip lays them down."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in gather.gathered().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def alone(site: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program that sees the distribution, and cannot import ocrm55."""
    words = [sys.executable, "-c", f"{ALONE}{program}"]
    return subprocess.run(
        words, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, cwd=site, check=False
    )


def test_no_file_is_left_out_and_none_imports_ocrm55(gather: ModuleType) -> None:
    files = gather.gathered()
    ours = {path.name for path in (REPOSITORY / "toolkit" / "ocrm55" / "npu_model").glob("*.py")}
    assert {f"ethosu_model/{name}" for name in ours} <= set(files)
    imports = re.compile(r"^\s*(?:from|import) (\w+)", re.M)
    found = {name for path, text in files.items() if path.endswith(".py") for name in imports.findall(text)}
    assert not found & {"ocrm55", "tests"}


def test_a_file_that_needs_more_is_refused(gather: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "changed", lambda text: text + "\nfrom ocrm55 import boards\n")
    with pytest.raises(ValueError, match="imports what the distribution has not"):
        gather.gathered()


def test_it_runs_a_stream_without_ocrm55(site: Path) -> None:
    done = alone(site, "import ethosu_model; print(sorted(ethosu_model.ACCELERATORS)); import ethosu_model.__main__")
    assert done.returncode == 0, done.stderr
    assert "ethos-u55-128" in done.stdout


def test_it_has_the_npu_beside_qemu_without_ocrm55(site: Path, tmp_path: Path) -> None:
    words = [str(tmp_path / "absent.elf"), "--qemu", sys.executable]
    done = alone(site, f"from ethosu_model.qemu.npu_firmware import main; sys.exit(main({words}))")
    assert done.returncode == 3, done.stderr
    assert "absent.elf is not there" in done.stderr


def test_it_judges_networks_without_ocrm55(site: Path) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed")
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, the reference, is not installed")
    words = ["--networks", "3", "--operator", "RELU", "--operator", "PAD"]
    done = alone(site, f"from ethosu_model.judging.judge import main; sys.exit(main({words}))")
    assert done.returncode == 0, done.stderr
    assert "3 networks: 3 equal bit for bit" in done.stdout


def test_its_page_says_what_ours_says_of_vela() -> None:
    rows = [
        re.findall(r"^\| .* \|$", path.read_text(encoding="utf-8").partition("that are wrong")[2], re.M)
        for path in (FOLDER / "README.md", REPOSITORY / "docs" / "npu_model.md")
    ]
    assert rows[0] == rows[1] and len(rows[0]) > 5


@pytest.mark.slow
def test_the_wheel_is_built(tmp_path: Path) -> None:
    pytest.importorskip("build", reason="building a wheel needs the extra `dev`")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(FOLDER)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("ethosu_model-*.whl")
    inside = zipfile.ZipFile(wheel)
    assert {"ethosu_model/machine.py", "ethosu_model/judging/judge.py", "ethosu_model/qemu/npu_firmware.py"} <= set(
        inside.namelist()
    )
    metadata = next(inside.read(name).decode() for name in inside.namelist() if name.endswith("METADATA"))
    assert "ocrm55" not in re.findall(r"^Requires-Dist: ([\w-]+)", metadata, re.M)
