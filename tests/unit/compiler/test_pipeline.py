"""Advice where a network does not fit: options with which it does, tried before they are named."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ocrm55 import boards
from ocrm55.compiler import arena_limit, pipeline
from ocrm55.compiler.memory.placement import NoRoomError
from ocrm55.compiler.onnx_graph import bounds
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import fused, unfused
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.ethos_u import regions, vela
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.compiler.widths import sharing
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.export import onnx_model
from ocrm55.restriction import Restriction
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.random_networks.networks import case
from tests.unit.compiler.graphs import quantised
from tests.unit.compiler.onnx_networks import network

INT8 = CompileOptions(precision="int8")
CLASSES, WIDTH, STEPS = 1000, 320, 80


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    """A recognizer whose probabilities take nearly all of its arena: 80 steps of 1,000 classes."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(scale=0.1, size=(16, 3, 16, 4)).astype(np.float32),
        "f": rng.normal(scale=0.2, size=(16, CLASSES)).astype(np.float32), "a": np.array([2], np.int64),
    }  # fmt: skip
    nodes = [
        ("Conv", ["x", "w"], "c", {"strides": [16, 4]}), ("Relu", ["c"], "r", {}), ("Squeeze", ["r", "a"], "s", {}),
        ("Transpose", ["s"], "t", {"perm": [0, 2, 1]}), ("MatMul", ["t", "f"], "m", {}), ("Softmax", ["m"], "y", {}),
    ]  # fmt: skip
    images = [rng.uniform(-1, 1, (1, 3, 16, WIDTH)).astype(np.float32) for _ in range(3)]
    return quantised(network([1, 3, 16, WIDTH], nodes, weights, [1, STEPS, CLASSES]), images).model()


def refused(room: int, size: int = 400_000) -> NoRoomError:
    board = boards.find().memories
    region = next(iter(board.regions.values()))
    return NoRoomError("arena", size, region, board, dict.fromkeys(board.regions, room))


def test_a_width_that_fits_is_named(model: onnx.ModelProto) -> None:
    program = pipeline.to_program(model, INT8)
    (said,) = pipeline.ways_out(refused(250_000), model, program, INT8)
    width = int(said.removeprefix("--width "))
    assert 0 < width < WIDTH
    targets = choice.targets_for(INT8)
    _, plan = pipeline.planned(sharing.of_columns(model, width), targets, INT8)
    assert plan.arena_bytes <= 250_000
    _, whole = pipeline.planned(model, targets, INT8)
    assert whole.arena_bytes > 250_000


def test_nothing_is_named_that_does_not_help(model: onnx.ModelProto) -> None:
    program = pipeline.to_program(model, INT8)
    assert pipeline.ways_out(refused(1000), model, program, INT8) == []
    float32 = replace(INT8, precision="float32")
    assert pipeline.ways_out(refused(1000), model, program, float32) == []
    assert pipeline.ways_out(refused(330_000), model, program, float32) == ["--precision int8"]


def test_smaller_weights_are_named_only_if_they_may_fit(model: onnx.ModelProto) -> None:
    program, float32 = pipeline.to_program(model, INT8), replace(INT8, precision="float32")
    board = boards.find().memories
    region = next(iter(board.regions.values()))

    def too_large(size: int) -> NoRoomError:
        return NoRoomError("weights", size, region, board, dict.fromkeys(board.regions, 1000))

    assert pipeline.ways_out(too_large(1900), model, program, INT8) == ["--kernels cmsis-nn --weights int4"]
    assert pipeline.ways_out(too_large(2100), model, program, INT8) == []
    assert pipeline.ways_out(too_large(3900), model, program, float32) == ["--precision int8"]
    assert pipeline.ways_out(too_large(4100), model, program, float32) == []


def test_a_limit_that_can_be_kept_is_named(model: onnx.ModelProto) -> None:
    program = pipeline.to_program(model, INT8)
    _, plan = pipeline.planned(model, choice.targets_for(INT8), INT8)
    found = pipeline.ways_out(refused(plan.arena_bytes), model, program, INT8)
    assert found[0] == f"--arena-limit {plan.arena_bytes}"


def test_one_width_is_named_where_the_output_then_comes_by_rows(model: onnx.ModelProto) -> None:
    program, several = pipeline.to_program(model, INT8), replace(INT8, widths=(160, 320))
    assert pipeline.ways_out(refused(100_000), model, program, several, by_rows=True) == ["leave --widths out"]
    assert pipeline.ways_out(refused(100_000), model, program, several) == []
    assert pipeline.ways_out(refused(1000), model, program, several, by_rows=True) == []


@pytest.mark.parametrize("limit", [400_000, 1000])
def test_a_refusal_names_the_smallest_arena_of_all_plans(
    limit: int, model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the whole output and of its rows; below the output's size, the rows alone are tried first."""
    targets, options = choice.targets_for(INT8), replace(INT8, arena_limit=limit)
    lowered = pipeline.to_program(model, INT8)
    assert 1000 < lowered.output.bytes < 400_000

    def choose(program: Program, targets: object, limit: int, *, stripes: bool = False) -> arena_limit.Choice:
        smallest = 430_000 if stripes else 440_000 + program.output_rows
        raise arena_limit.ArenaLimitError(f"{smallest} at least.", [], smallest)

    monkeypatch.setattr(arena_limit, "choose", choose)
    with pytest.raises(UnsupportedError, match="430000 at least"):
        pipeline.planned_for(options.board.memories, model, targets, options, by_rows=True)
    with pytest.raises(UnsupportedError, match="440001 at least"):
        pipeline.output_by_rows(lowered, targets, options, [limit])


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_what_does_not_fit_is_refused_before_its_values_are_looked_at(
    precision: str, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calibration and the comparison with Paddle take most of the time, and they decide no sizes."""
    asked, inputs = [], pipeline.calibration_inputs

    def few(*given: Any) -> list[np.ndarray]:
        asked.append(given[-1])
        return inputs(*given)

    monkeypatch.setattr(pipeline, "calibration_inputs", few)
    monkeypatch.setattr(onnx_model, "largest_difference", None)
    options = replace(INT8, precision=precision, width=64, arena_limit=3000)
    with pytest.raises(UnsupportedError, match=r"the smallest arena .* bytes; the limit is 3,000\."):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)
    assert asked == ([0] if precision == "int8" else [])
    assert not (tmp_path / "artifact").exists()


def test_a_limit_that_no_region_of_an_npu_keeps_is_refused_before_its_compiler_runs(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    monkeypatch.setattr(vela, "compile_region", None)
    monkeypatch.setattr(onnx_model, "largest_difference", None)
    options = replace(INT8, npu="ethos-u55-128", width=64, arena_limit=3000)
    with pytest.raises(UnsupportedError, match=r"the arena takes more than .* with ethos-u55; the limit is 3,000\."):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)
    assert not (tmp_path / "artifact").exists()


@pytest.fixture
def no_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither compares the exported model nor reads a picture: what is refused is refused before."""
    monkeypatch.setattr(onnx_model, "largest_difference", None)
    monkeypatch.setattr(pipeline, "read_image", None)


@pytest.mark.usefixtures("no_calibration")
def test_a_restriction_that_no_text_keeps_is_refused_before_calibration(model_dir: Path, tmp_path: Path) -> None:
    """Only the number of steps says that: sixty letters have no room in eight."""
    options = replace(INT8, width=64, restriction=Restriction(pattern="[a-z]{60}"))
    with pytest.raises(InputError):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)


@pytest.mark.usefixtures("no_calibration")
def test_widths_of_another_model_are_refused_before_calibration(model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="widest of the widths is 96"):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, replace(INT8, widths=(64, 96)))


@pytest.mark.usefixtures("no_calibration")
@pytest.mark.parametrize("way", ["--arena-limit", "--memory-map"])
def test_what_vela_s_scratch_does_not_fit_is_refused_before_calibration(
    way: str, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    options = replace(INT8, npu="ethos-u55-128", width=64)
    if way == "--arena-limit":
        options = replace(options, arena_limit=90_000)
        said = r"the arena takes more than .* with ethos-u55; the limit is 90,000\."
    else:
        monkeypatch.setattr(pipeline.placement, "rooms", lambda memories: dict.fromkeys(memories.regions, 90_000))
        said = r"the arena takes .* bytes at least; .* has room for 90,000"
    with pytest.raises(UnsupportedError, match=said):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)


@pytest.mark.usefixtures("no_calibration")
def test_weights_that_fit_no_memory_of_an_npu_are_refused_before_calibration(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    monkeypatch.setattr(NpuTarget, "least_arena", lambda *given, **closely: 0)
    monkeypatch.setattr(vela, "compile_region", None)
    monkeypatch.setattr(pipeline.placement, "rooms", lambda memories: dict.fromkeys(memories.regions, 1000))
    options = replace(INT8, npu="ethos-u55-128", width=64)
    with pytest.raises(UnsupportedError, match=r"the weights take .* bytes; .* has room for 1,000"):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, options)


@pytest.mark.parametrize("seed", range(100, 130))
def test_no_values_give_random_networks_the_same_regions_of_an_npu(seed: int) -> None:
    """In 119, one part of a concatenation is made of another: these wait for each other, and no turn takes either."""
    drawn, least = case(seed, "fused"), []
    for inputs in (drawn.inputs(2), []):
        graph = Graph(drawn.model)
        try:
            unfused.quantize(graph, inputs, halves_down=False)
            least.append(regions.least_arena(pipeline.to_program(graph.model(), INT8)))
        except UnsupportedError:
            least.append(None)
    assert least[0] in (None, least[1])


def test_parts_of_a_concatenation_that_wait_for_each_other_have_the_core_s_numbers() -> None:
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    drawn = case(119, "fused")
    graph = Graph(drawn.model)
    unfused.quantize(graph, drawn.inputs(2), halves_down=False)
    program = pipeline.to_program(graph.model(), INT8)
    targets = choice.targets_for(replace(INT8, npu="ethos-u55-128"))
    on_npu, _ = pipeline.placed(deepcopy(program), targets, INT8)
    assert "npu_region" in {step.kind for step in on_npu.steps}
    image = np.random.default_rng(1).integers(-128, 128, program.input.shape, dtype=np.int8)
    np.testing.assert_array_equal(AcceleratorReference(on_npu).run(image), IntegerReference(program).run(image))


def test_ranges_decide_no_sizes(model_dir: Path) -> None:
    network = RECOGNIZER.network(model_dir)
    model = pipeline.load(network, replace(INT8, width=64))
    arenas = {
        pipeline.planned(
            pipeline.quantised(model, network, RECOGNIZER.calibration, INT8, most), choice.targets_for(INT8), INT8
        )[1].arena_bytes
        for most in (0, 1, 5)
    }
    assert len(arenas) == 1


@pytest.mark.parametrize("seed", range(100, 130))
@pytest.mark.parametrize("recipe", [fused.quantize, partial(unfused.quantize, halves_down=False)])
def test_no_values_give_random_networks_the_same_sizes(recipe: Callable[..., None], seed: int) -> None:
    """What is refused for its values is refused when these are known."""
    drawn = case(seed, "fused")
    sizes: list[tuple[int, list[int]] | None] = []
    for inputs in (drawn.inputs(2), []):
        graph = Graph(drawn.model)
        try:
            recipe(graph, inputs)
            lowered = pipeline.to_program(graph.model(), INT8)
            choice_made = arena_limit.choose(lowered, choice.on_core("int8"), None)
        except UnsupportedError:
            sizes.append(None)
            continue
        tensors = lowered.tensors.values()
        sizes.append((choice_made.arena_bytes, sorted(t.bytes for t in tensors if t.role != "weight")))
    assert sizes[0] in (None, sizes[1])


def wide_network(channels: int) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(channels, 3, 1, 1)).astype(np.float32),
        "v": rng.normal(size=(5, channels, 1, 1)).astype(np.float32),
    }
    nodes = [("Conv", ["x", "w"], "c", {}), ("Relu", ["c"], "r", {}), ("Conv", ["r", "v"], "y", {})]
    return network([1, 3, 4, 320], nodes, weights, [1, 5, 4, 320])


@pytest.mark.parametrize(
    ("precision", "channels", "tries"),
    [("int8", 7000, "a narrower input"), ("float32", 430, "--precision int8"), ("float32", 7000, "a narrower input")],
)
def test_an_image_that_no_arena_holds_is_refused_before_it_is_lowered(
    precision: str, channels: int, tries: str
) -> None:
    options = replace(INT8, precision=precision)
    targets = choice.targets_for(options)
    with pytest.raises(NoRoomError, match=r"the arena takes [\d,]+ bytes at least; ISRAM") as found:
        pipeline.check_largest(wide_network(channels), targets, options)
    assert found.value.tries[0] == tries
    pipeline.check_largest(wide_network(200), targets, options)


@pytest.mark.parametrize("seed", range(100, 110))
@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_no_arena_is_smaller_than_the_shapes_say(seed: int, precision: str) -> None:
    drawn = case(seed, "fused")
    options, graph = replace(INT8, precision=precision), Graph(drawn.model)
    least = bounds.least_arena(graph.model(), whole=precision == "float32")
    try:
        if precision == "int8":
            fused.quantize(graph, drawn.inputs(2))
        _, plan = pipeline.planned(graph.model(), choice.targets_for(options), options)
    except UnsupportedError:
        pytest.skip("it is refused for another reason")
    assert 0 < least <= plan.arena_bytes


def test_a_memory_is_named_only_if_it_has_room() -> None:
    board = boards.find().memories
    rooms = dict.fromkeys(board.regions, 1000)
    region = next(iter(board.regions.values()))
    (other,) = NoRoomError("arena", 2000, region, board, rooms).tries
    assert other.startswith("describe a board")
    said = NoRoomError("arena", 2000, region, board, rooms | {"DDR": 5000}).tries
    assert said == ["place the arena in DDR by a file for --memory-map"]


def test_fixed_widths_have_no_others(model: onnx.ModelProto) -> None:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    reshape = onnx.helper.make_node("Reshape", ["was", "sizes"], ["y"])
    fixed.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, STEPS, CLASSES], np.int64), "sizes"))
    fixed.graph.node[-1].output[0] = "was"
    fixed.graph.node.append(reshape)
    with pytest.raises(UnsupportedError, match="its own width is written into its shapes"):
        sharing.of_columns(fixed, 160)
