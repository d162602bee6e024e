"""Vela's files: what is read from them, what is said about those that cannot be run, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError, UnsupportedError
from ocrm55.npu_model import vela_files
from ocrm55.npu_model.__main__ import main
from ocrm55.npu_model.tflite_writer import TFLiteWriter
from tests.npu_networks.networks import draw_network
from tests.npu_networks.recipes import RECIPES

vela = pytest.importorskip("ethosu.vela.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")


def _compile(folder: Path, data: bytes, *options: str) -> Path:
    (folder / "network.tflite").write_bytes(data)
    vela.main(
        [str(folder / "network.tflite"), "--output-dir", str(folder), "--accelerator-config", "ethos-u55-64", *options]
    )
    return folder / "network_vela.tflite"


def _network(name: str = "RELU") -> bytes:
    writer = TFLiteWriter()
    x = writer.tensor("x", (1, 4, 4, 8), np.int8, 0.1, 3)
    y = writer.tensor("y", (1, 4, 4, 8), np.int8, 0.1, 3)
    writer.operator(name, [x], [y])
    return writer.finish([x], [y])


INPUT = np.arange(-64, 64, dtype=np.int8).reshape(1, 4, 4, 8)
OUTPUT = np.maximum(INPUT, 3)


def test_the_tflite_file_and_the_raw_file_are_the_same_program(tmp_path: Path) -> None:
    from_tflite = vela_files.load(_compile(tmp_path, _network()))
    _compile(tmp_path, _network(), "--output-format", "raw")
    from_raw = vela_files.load(tmp_path / "network_vela.npz")
    assert from_tflite.accelerator.name == from_raw.accelerator.name == "ethos-u55-64"
    assert np.array_equal(from_tflite.command_stream, from_raw.command_stream)
    for program in (from_tflite, from_raw):
        (values,), result = program.run([INPUT])
        assert np.array_equal(values, OUTPUT)
        assert result.interrupts == 1
    assert (from_tflite.inputs[0].scale, from_tflite.inputs[0].zero_point) == (np.float32(0.1), 3)


def test_the_newer_driver_payload(tmp_path: Path) -> None:
    program = vela_files.load(_compile(tmp_path, _network(), "--cop-format", "COP2"))
    assert program.accelerator.name == "ethos-u55-64"
    assert np.array_equal(program.run([INPUT])[0][0], OUTPUT)


def test_a_network_with_operators_on_the_cpu_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="is not one ethos-u operator but FLOOR"):
        vela_files.load(_compile(tmp_path, _network("FLOOR")))


def test_another_accelerator_and_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("this is no network", encoding="utf-8")
    with pytest.raises(InputError, match="is not a TFLite file"):
        vela_files.load(tmp_path / "text.tflite")
    with pytest.raises(InputError, match="cannot be read"):
        vela_files.load(tmp_path / "absent.tflite")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(InputError, match="is not what `vela --output-format raw` writes"):
        vela_files.load(tmp_path / "other.npz")
    words = np.array([0x31504F43, 1, 0x10000007 | 2 << 28, 0], "<u4")
    with pytest.raises(UnsupportedError, match="neither Ethos-U55 nor Ethos-U65"):
        vela_files.unpack_payload(words.tobytes(), "test")
    with pytest.raises(InputError, match="ends before its command stream"):
        vela_files.unpack_payload(words[:1].tobytes(), "test")
    with pytest.raises(UnsupportedError, match="COP1 and COP2"):
        vela_files.unpack_payload(b"JUNKJUNK", "test")


def test_the_command_line_runs_and_disassembles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = str(_compile(tmp_path, _network()))
    np.save(tmp_path / "input.npy", INPUT)
    capsys.readouterr()
    assert main([network, str(tmp_path / "input.npy"), "--out", str(tmp_path / "output.npy")]) == 0
    assert np.array_equal(np.load(tmp_path / "output.npy"), OUTPUT)
    assert main([network]) == 0
    assert main([network, str(tmp_path / "input.npy"), "--trace"]) == 0
    assert main([network, "--disassemble"]) == 0
    printed = capsys.readouterr().out
    assert "ethos-u55-64" in printed and "int8[1, 4, 4, 8], scale 0.1, zero point 3" in printed
    assert "NPU_OP_STOP" in printed


def test_the_command_line_ends_bad_input_with_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = str(_compile(tmp_path, _network()))
    np.save(tmp_path / "input.npy", INPUT.astype(np.int16))
    assert main([network, str(tmp_path / "input.npy")]) == InputError.exit_code
    assert main([network, str(tmp_path / "absent.npy")]) == InputError.exit_code
    assert main([network, *[str(tmp_path / "input.npy")] * 2]) == InputError.exit_code
    printed = capsys.readouterr().err
    assert "Input x is int8[1, 4, 4, 8], not int16[1, 4, 4, 8]" in printed


def _damage(network: bytes) -> bytes:
    """A file of Vela, its weights overwritten with zeros."""
    from ethosu.vela.tflite.Model import Model

    data = bytearray(network)
    graph = Model.GetRootAs(data, 0).Subgraphs(0)
    weights = graph.Tensors(int(graph.Operators(0).Inputs(1))).Buffer()
    content = Model.GetRootAs(data, 0).Buffers(weights).DataAsNumpy()
    content[:] = 0
    return bytes(data)


def test_damaged_weights_are_an_error_of_ours_and_one_sentence_of_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = next(one for one in RECIPES if one.name == "CONV_2D")
    drawn = draw_network(np.random.default_rng(5), [recipe], recipe)
    vela = _compile(tmp_path, drawn.data)
    np.save(tmp_path / "input.npy", drawn.inputs[0])
    words = [str(vela), str(tmp_path / "input.npy")]
    assert main(words) == 0
    vela.write_bytes(_damage(vela.read_bytes()))
    with pytest.raises(InputError, match="its weight stream is damaged"):
        vela_files.load(vela).run(drawn.inputs)
    capfd.readouterr()
    assert main(words) == InputError.exit_code
    printed = capfd.readouterr()
    assert "its weight stream is damaged" in printed.err and "underrun" not in printed.out + printed.err


def test_what_cannot_be_printed_is_no_damage(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ocrm55.npu_model", str(_compile(tmp_path, _network())), "--disassemble"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode != 0 and "damaged" not in done.stderr


def test_a_network_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    loaded = vela_files.load(_compile(tmp_path, _network()))
    greedy = replace(loaded, region_bytes={**loaded.region_bytes, 2: 1 << 31})
    with pytest.raises(InputError, match=r"asks for \d+ bytes of memory"):
        greedy.run([INPUT])


@pytest.mark.parametrize(("shape", "offset"), [((1, -1, 4, 8), 0), ((1, 0, 4, 8), 0), ((1, 4, 4, 8), -16)])
def test_a_tensor_that_is_nowhere_is_refused(shape: tuple[int, ...], offset: int) -> None:
    with pytest.raises(InputError, match="Tensor x of shape"):
        vela_files.Tensor("x", shape, np.dtype(np.int8), 1, offset, 0.1, 0)
