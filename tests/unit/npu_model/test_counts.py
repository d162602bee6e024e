"""What a run is said to have taken: against sums by hand, and against what Vela says of the same network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ocrm55.npu_model import counts, vela_files
from ocrm55.npu_model.__main__ import main
from ocrm55.npu_model.tflite_writer import TFLiteWriter

vela = pytest.importorskip("ethosu.vela.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
SIDE, CHANNELS = 9, 16


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A MUL of two maps, compiled."""
    writer = TFLiteWriter()
    shape = (1, SIDE, SIDE, CHANNELS)
    a, b, y = (writer.tensor(name, shape, np.int8, 0.1, 3) for name in "aby")
    writer.operator("MUL", [a, b], [y])
    (tmp_path / "network.tflite").write_bytes(writer.finish([a, b], [y]))
    vela.main([str(tmp_path / "network.tflite"), "--output-dir", str(tmp_path), "--accelerator-config", "ethos-u55-64"])
    return tmp_path / "network_vela.tflite"


def values() -> np.ndarray:
    return np.ones((1, SIDE, SIDE, CHANNELS), np.int8)


def test_each_byte_of_a_map_counts_once_an_operation(network: Path) -> None:
    program = vela_files.load(network)
    _, result = program.run([values(), values()])
    size = SIDE * SIDE * CHANNELS
    assert (result.read_bytes[1], result.written_bytes[1], result.macs) == (2 * size, size, 0)
    _, watched = program.run([values(), values()], watch=lambda *_: None)  # who looks on moves nothing
    assert watched.read_bytes == result.read_bytes


def test_macs_are_those_that_vela_counts(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert, which the judge needs, is not installed")
    from tests.npu_networks.networks import draw_network
    from tests.npu_networks.recipes import RECIPES

    compared = 0
    for name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        recipe = next(one for one in RECIPES if one.name == name)
        for seed in range(3):
            drawn = draw_network(np.random.default_rng([8, seed]), [recipe], recipe)
            folder = tmp_path / f"{name}{seed}"
            folder.mkdir()
            (folder / "n.tflite").write_bytes(drawn.data)
            vela.main([str(folder / "n.tflite"), "--output-dir", str(folder), "--accelerator-config", "ethos-u65-512"])
            _, result = vela_files.load(folder / "n_vela.tflite").run(drawn.inputs)
            if not any(operation.startswith("POOL") for operation in result.operations):  # Vela counts values there
                assert result.macs == int(float(counts.estimates(folder / "n_vela.tflite")["nn_macs"])), (name, seed)
                compared += 1
    assert compared >= 4


def test_the_command_prints_them_beside_velas_cycles(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(network.parent / "a.npy", values())
    words = [str(network), *[str(network.parent / "a.npy")] * 2, "--count"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "0 MACs: at 64 a cycle" in printed and "region 1 (arena): 2,592 bytes read, 1,296 written" in printed
    assert "Vela estimates" in printed and "of the NPU" in printed
    (summary,) = network.parent.glob("*_summary_*.csv")
    for damaged in (b"", b"cycles_total\n", b"cycles_total\nmany\n", b"\xff\xfe\x00", b"cycles_total\ninf\n"):
        summary.write_bytes(damaged)
        assert main(words) == 0
        assert "Vela estimates" not in capsys.readouterr().out
