"""`ocrm55 live` without what it needs: one sentence, before anything is built."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import cli, firmware, live


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ocrm55.live.run", raising=False)
    monkeypatch.delattr(live, "run", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(cli.app, ["live", "--build-dir", str(tmp_path / "build")])
    assert done.exit_code == 4
    assert "ocrm55[live]" in done.output
    assert not (tmp_path / "build").exists()


def test_without_a_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("uvicorn", reason="the extra `live` is not installed")
    monkeypatch.setattr(firmware, "host_compiler", lambda: None)
    done = CliRunner().invoke(cli.app, ["live", "--build-dir", str(tmp_path / "build")])
    assert done.exit_code == 4
    assert "no C compiler" in done.output
