"""Gathers the files of the distribution `ethosu-model` from ocrm55, with imports of their own.

    ocrm55.npu_model       ethosu_model
    ocrm55.simulators      ethosu_model.qemu, of it the NPU beside QEMU
    ocrm55.errors, ...     ethosu_model.shared, the few modules that these need
    tests.npu_networks     ethosu_model.judging

There is one source of each file: what the tests of ocrm55 hold is what the distribution has. A source distribution has
the gathered files, so that a wheel is made of it alone.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
MODEL = CHECKOUT / "toolkit" / "ocrm55" / "npu_model"
JUDGE = CHECKOUT / "tests" / "npu_networks"
QEMU = tuple(f"npu_{name}" for name in ("access", "coupling", "firmware", "memory", "registers"))
SHARED = (
    "console",
    "elf",
    "errors",
    "files",
    "plain_json",
    "plain_pickle",
    "plain_text",
    "processes",
    "table_layout",
    "temporary",
)
_SHARED = "|".join(SHARED)
# What a file says -> what it says in the distribution, in this order.
CHANGES = (
    (r"\bocrm55\.npu_model\b", "ethosu_model"),
    (r"\bocrm55\.simulators\b", "ethosu_model.qemu"),
    (rf"\bocrm55\.({_SHARED})\b", r"ethosu_model.shared.\1"),
    (rf"\bfrom ocrm55 import ((?:{_SHARED})(?:, (?:{_SHARED}))*)$", r"from ethosu_model.shared import \1"),
    (r"\btests\.npu_networks\b", "ethosu_model.judging"),
    (r"pip install 'ocrm55\[(npu|test|dev)\]'", "pip install 'ethosu-model[judge]'"),
    (r"docs/npu_model\.md", "README.md"),
    (r', \["(ocrm55 build|compile with --npu|rebuild it with: ocrm55 build --force)"\]', ""),
)


def gathered() -> dict[str, str]:
    """The files of the distribution: path in it -> text. Raises ValueError where ocrm55 would still be imported."""
    found = {f"ethosu_model/{path.name}": path for path in sorted(MODEL.glob("*.py"))}
    found |= {f"ethosu_model/shared/{name}.py": MODEL.parent / f"{name}.py" for name in SHARED}
    for name in ("companion", "gdb_remote", *QEMU):
        found[f"ethosu_model/qemu/{name}.py"] = MODEL.parent / "simulators" / f"{name}.py"
    found |= {f"ethosu_model/judging/{path.name}": path for path in sorted(JUDGE.glob("*.py"))}
    texts = {name: changed(path.read_text(encoding="utf-8")) for name, path in found.items()}
    texts["ethosu_model/shared/__init__.py"] = '"""What the model shares with ocrm55: errors, files, the console."""\n'
    texts["ethosu_model/qemu/__init__.py"] = (
        '"""Runs firmware on QEMU with the NPU beside it; see npu_firmware.py."""\n'
    )
    texts["ethosu_model/py.typed"] = ""
    texts["ethosu_model/LICENSE"] = (CHECKOUT / "LICENSE").read_text(encoding="utf-8")
    for name, text in texts.items():
        if re.search(r"^\s*(from|import) (ocrm55|tests)\b", text, re.M):
            raise ValueError(f"{name} imports what the distribution has not")
    return texts


def changed(text: str) -> str:
    """A file's text with the names of the distribution."""
    for pattern, new in CHANGES:
        text = re.sub(pattern, new, text, flags=re.M)
    return text


def unpacked() -> dict[str, str]:
    """The same files where a source distribution was unpacked: they lie beside this file. Empty in a checkout."""
    found = sorted((HERE / "ethosu_model").rglob("*"))
    return {path.relative_to(HERE).as_posix(): path.read_text(encoding="utf-8") for path in found if path.is_file()}


class Gather(BuildHookInterface):
    """Hatch calls this before it writes the wheel, and the source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        for name, text in (unpacked() or gathered()).items():
            path = Path(self._folder.name) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            build_data["force_include"][str(path)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._folder.cleanup()
