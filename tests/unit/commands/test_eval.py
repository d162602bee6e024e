"""`ocrm55 eval --pages --json`: the figures as JSON, and nothing else on stdout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.evaluation import page_labels, page_metrics, page_specs, pages


def test_pages_are_said_in_json_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_labels, "load_pages", lambda *_, **__: [])
    monkeypatch.setattr(page_specs, "spec_of", lambda *_, **__: None)
    found = pages.PageEvaluation([], page_metrics.score([]))
    monkeypatch.setattr(pages, "evaluate_with_bar", lambda *_, **__: found)
    line = ["eval", "--pages", str(tmp_path), "--size", "96x64", "--json"]
    done = CliRunner().invoke(cli.app, line)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["data"], said["on"], said["size"]) == (str(tmp_path), "host", "96x64")
    assert said["pages"] == []
