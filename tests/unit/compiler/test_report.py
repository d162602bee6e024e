"""The table of `ocrm55 compile`."""

from __future__ import annotations

import pytest

from ocrm55.artifact import Artifact
from ocrm55.report import compiled, names


def test_the_table_names_every_layer_and_the_sums(whole_network, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it, and names would be wrapped
    compiled.show(Artifact.read(whole_network.directory))
    printed = capsys.readouterr().out
    for operator in whole_network.program.steps:
        assert names.readable(operator.layer) in printed
    assert f"{whole_network.arena_bytes:,} bytes" in printed
    assert f"{whole_network.weight_bytes:,} bytes" in printed
    assert f"{whole_network.program.macs:,}" in printed
