"""A task that is no recognizer, from its model folder and from ONNX files to C: nothing but its own module knows it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline, program_file
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import UnsupportedError
from ocrm55.export.paddle_folder import new_folder, save
from ocrm55.normalisation import Normalisation
from tests.unit.compiler.host_program import HostProgram, build_host
from tests.unit.compiler.onnx_networks import network, reference
from tests.unit.tasks import maps

HEIGHT, WIDTH = 32, 64


def map_network(seed: int, *, ends: str) -> onnx.ModelProto:
    """Random weights; ends: `Sigmoid`, or `Conv` for logits."""
    rng = np.random.default_rng(seed)
    weights = {
        "w": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "b": rng.normal(0, 0.3, 8),
        "v": rng.normal(0, 0.5, (1, 8, 1, 1)),
        "d": rng.normal(0, 0.3, 1),
    }
    nodes = [
        ("Conv", ["x", "w", "b"], "sums", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("HardSwish", ["sums"], "active", {}),
        ("Conv", ["active", "v", "d"], "y" if ends == "Conv" else "logits", {"kernel_shape": [1, 1]}),
    ]
    nodes += [] if ends == "Conv" else [(ends, ["logits"], "y", {})]
    arrays = {name: value.astype(np.float32) for name, value in weights.items()}
    return network((1, 3, HEIGHT, WIDTH), nodes, arrays, (1, 1, HEIGHT, WIDTH))


def compiled(model: onnx.ModelProto, folder: Path, precision: str) -> HostProgram:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "given.onnx"))
    options = CompileOptions(model_name="map", precision=precision)
    return build_host(pipeline.compile_model(folder / "given.onnx", folder / "artifact", maps.Maps(), options))


def draw(seed: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, columns, 3), dtype=np.uint8)


def test_an_onnx_file_in_float32(tmp_path: Path) -> None:
    model = map_network(1, ends="Sigmoid")
    program, pixels = compiled(model, tmp_path, "float32"), draw(2, 50)
    tensor = Normalisation(maps.MEAN, maps.DEVIATION, 1 / 255).tensor(pixels, HEIGHT, WIDTH)
    np.testing.assert_allclose(program.read(pixels), reference(model, tensor), rtol=0, atol=2e-6)


def test_what_the_task_adds_is_compiled_with_it(tmp_path: Path) -> None:
    program = compiled(map_network(1, ends="Sigmoid"), tmp_path, "float32")
    folder = program.artifact.directory
    assert "src/map.c" in (folder / "sources.cmake").read_text()
    assert "#define OCRM55_MAP_THRESHOLD 0.3f" in (folder / "include" / "ocrm55_map.h").read_text()
    assert json.loads((folder / "metadata.json").read_text())["threshold"] == 0.3
    assert not (folder / "include" / "labels.h").exists()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_any_mean_and_deviation(seed: int, precision: str, tmp_path: Path) -> None:
    """Each channel has its own; the model's metadata says so, whoever compiles it. Against ONNX Runtime."""
    rng = np.random.default_rng(seed)
    mean, deviation = rng.uniform(0, 1, 3), rng.uniform(0.1, 1, 3)
    normalisation = Normalisation(tuple(mean), tuple(deviation), 1 / 255)
    model = map_network(seed, ends="Conv")
    normalisation.write_to(model)
    program, pixels = compiled(model, tmp_path, precision), draw(seed, 41)
    found = program.read(pixels).reshape(-1)
    written = onnx.load(tmp_path / "artifact" / "model.onnx")
    assert Normalisation.of_model(written) == normalisation
    tensor = (pixels.astype(np.float32) * np.float32(1 / 255) - mean.astype(np.float32)) / deviation.astype(np.float32)
    padded = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    padded[0, :, :, :41] = tensor.transpose(2, 0, 1)
    wanted = reference(written, padded).reshape(-1)
    if precision == "float32":
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
        return
    kept = program_file.read(tmp_path / "artifact")
    assert kept.normalisation == normalisation
    for ours in (program.artifact.program, kept):  # the C, to the last bit
        np.testing.assert_array_equal(found, IntegerReference(ours).probabilities(pixels).reshape(-1))
    # A sum on the border of two integers may fall on either side: one step of the tensor between the convolutions.
    steps = {each.name: onnx.numpy_helper.to_array(each) for each in written.graph.initializer}
    one_step = 127 * steps["v.scale"].item() * steps["active.equalised.scale"].item()
    assert np.abs(found - wanted).max() <= 2 * one_step
    assert np.abs(found - wanted).mean() < 0.002 * wanted.std()
    _check_input(steps, normalisation)


def _check_input(constants: dict[str, np.ndarray], normalisation: Normalisation) -> None:
    """The input's integers span what pixels become, and the border, 0, is one of them."""
    scale, zero_point = float(constants["x.scale"]), int(constants["x.zero_point"])
    low, high = normalisation.range
    assert (-128 - zero_point) * scale == pytest.approx(low, abs=scale)
    assert (127 - zero_point) * scale == pytest.approx(high, abs=scale)


def test_int8_reads_as_float32_does(tmp_path: Path) -> None:
    """With ImageNet's mean and deviation, whose range is not -1 .. 1: nothing is clipped."""
    model, pixels = map_network(3, ends="Conv"), draw(3, WIDTH)
    tensor = Normalisation(maps.MEAN, maps.DEVIATION, 1 / 255).tensor(pixels, HEIGHT, WIDTH)
    wanted = reference(model, tensor).reshape(-1)
    found = compiled(model, tmp_path, "int8").read(pixels).reshape(-1)
    assert np.abs(found - wanted).mean() < 0.1 * wanted.std()
    assert np.corrcoef(found, wanted)[0, 1] > 0.98


def test_other_outputs_are_refused(tmp_path: Path) -> None:
    model = network((1, 3, 32, 64), [("Relu", ["x"], "y", {})], {}, (1, 3, 32, 64))
    with pytest.raises(UnsupportedError, match="no map"):
        compiled(model, tmp_path, "float32")


@pytest.mark.slow
def test_a_model_folder(tmp_path: Path) -> None:
    import paddle

    paddle.seed(5)
    layers = paddle.nn.Sequential(
        paddle.nn.Conv2D(3, 8, 3, padding=1), paddle.nn.Hardswish(), paddle.nn.Conv2D(8, 1, 1), paddle.nn.Sigmoid()
    )
    with new_folder(tmp_path / "model", maps.MapFolder) as staging:
        save(layers, staging, [-1, 3, -1, -1], maps.settings_text())
    options = CompileOptions(model_name="map", precision="float32", height=HEIGHT, width=WIDTH)
    artifact = pipeline.compile_model(tmp_path / "model", tmp_path / "artifact", maps.Maps(), options)
    pixels = draw(6, WIDTH)
    tensor = Normalisation(maps.MEAN, maps.DEVIATION, 1 / 255).tensor(pixels, HEIGHT, WIDTH)
    layers.eval()
    wanted = layers(paddle.to_tensor(tensor)).numpy()
    np.testing.assert_allclose(build_host(artifact).read(pixels), wanted, rtol=0, atol=2e-6)


def test_merit_knows_what_a_rounding_harms() -> None:
    merit, rng = maps.Merit(), np.random.default_rng(7)
    output = rng.uniform(0, 1, (1, 1, 4, 4)).astype(np.float32)
    answer = merit.answer(output)
    assert merit.sure(answer.astype(np.float32), answer) == 1
    assert merit.divergence(output, output) == 0 < merit.divergence(1 - output, output)
