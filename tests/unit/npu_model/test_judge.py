"""The model against LiteRT: a short, fixed selection of what `python -m tests.npu_networks.judge` draws."""

from __future__ import annotations

import pytest

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, the reference, is not installed")

from tests.npu_networks.judge import cases, judge_one, main
from tests.npu_networks.recipes import RECIPES

SEED = 2026


@pytest.mark.parametrize(
    ("number", "last", "accelerator"), list(cases(len(RECIPES))), ids=lambda value: getattr(value, "name", value)
)
def test_the_model_equals_the_reference(number: int, last, accelerator: str) -> None:
    verdict = judge_one(number, SEED, last, accelerator)
    assert verdict.elements
    assert verdict.accepted, f"{' '.join(verdict.names)}: {verdict.different} values differ, by {verdict.largest}"


def test_striped_networks_in_little_memory() -> None:
    """Convolutions in a row: Vela keeps only some rows of the feature maps between them, in rolling buffers."""
    recipe = next(r for r in RECIPES if r.name == "CONV_2D")
    for number in range(4):
        assert judge_one(number, 7, recipe, "ethos-u55-128", ["--optimise", "Size"]).exact


def test_velas_older_core_is_understood_too() -> None:
    """It writes other streams for the same operators: per-channel scaling in pools, zero points in 32-bit maps."""
    for name in ("SOFTMAX", "MEAN", "AVERAGE_POOL_2D", "MUL"):
        recipe = next(r for r in RECIPES if r.name == name)
        assert judge_one(1, 3, recipe, "ethos-u55-256", ["--debug-force-legacy-core"]).exact, name


def test_the_command_prints_a_table_and_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--networks", "3", "--operator", "RELU", "--operator", "PAD"]) == 0
    printed = capsys.readouterr().out
    assert "PAD" in printed and "RELU" in printed
    assert "3 networks: 3 equal bit for bit, 0 within the documented step, 0 beyond it, 0 not judged." in printed
