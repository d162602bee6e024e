"""The model against LiteRT: a short, fixed selection of what `python -m tests.npu_networks.judge` draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, the reference, is not installed")

from ocrm55.errors import InputError
from ocrm55.npu_model.accelerators import by_name
from tests.npu_networks.judge import cases, compile_network, judge_one, main
from tests.npu_networks.networks import draw_network
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


@pytest.mark.parametrize("accelerator", ["ethos-u65-256", "ethos-u65-512"])
@pytest.mark.parametrize("core", [[], ["--debug-force-legacy-core"]], ids=["core", "older core"])
@pytest.mark.parametrize("last", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "MAX_POOL_2D"])
def test_ethos_u65(last: str, core: list[str], accelerator: str) -> None:
    """The -512 has two cores; each has weights and scales of every second channel."""
    recipe = next(r for r in RECIPES if r.name == last)
    verdict = judge_one(2, SEED, recipe, accelerator, core)
    assert verdict.elements and verdict.accepted


def test_a_stream_for_two_cores_is_refused_for_one() -> None:
    recipe = next(r for r in RECIPES if r.name == "CONV_2D")
    network = draw_network(np.random.default_rng(5), [recipe], recipe)
    program = compile_network(network.data, "ethos-u65-512")
    assert program.accelerator.name == "ethos-u65-512"
    with pytest.raises(InputError, match=r"is for 2 cores; the ethos-u55-256 has 1\."):
        replace(program, accelerator=by_name("ethos-u55-256")).run(network.inputs)


def test_the_command_prints_a_table_and_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--networks", "3", "--operator", "RELU", "--operator", "PAD"]) == 0
    printed = capsys.readouterr().out
    assert "PAD" in printed and "RELU" in printed
    assert "3 networks: 3 equal bit for bit, 0 within the documented step, 0 beyond it, 0 not judged." in printed
