"""Random networks through partition, TFLite, Vela and relocation, judged by LiteRT and by our own integer reference."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from ocrm55.compiler import program_file
from ocrm55.compiler.memory import planner
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.base import assign
from ocrm55.compiler.targets.ethos_u import regions, vela
from ocrm55.compiler.targets.ethos_u.model import model_program
from ocrm55.compiler.targets.ethos_u.options import NpuOptions
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.compiler.targets.m55.target import M55Target
from ocrm55.npu_model import machine, vela_files
from ocrm55.npu_model.accelerators import ACCELERATORS
from tests.npu_networks import judge

pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")

NETWORKS = 18
SIZES = list(ACCELERATORS)
# Each operator may round another way than the float32 of our own reference, and what follows multiplies that.
MOST_OFF, SHARE_OFF = 12, 0.15


def compiled(program: Program, accelerator: str, *, fallback: bool = False) -> Program:
    target = NpuTarget(NpuOptions(accelerator, fallback=fallback), [M55Target()])
    program = target.prepare(program)
    assign(program, [target, M55Target()])
    return program


def image_for(program: Program, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, program.input.shape).astype(np.int8)


def only_region(program: Program) -> Operator:
    (region,) = regions.regions_of(program)
    return region


@pytest.mark.parametrize("seed", range(0, NETWORKS, 3))
def test_a_region_computes_what_the_core_would(seed: int, drawn: Callable[[int], Program]) -> None:
    cpu, npu = drawn(seed), compiled(drawn(seed), "ethos-u55-128")
    assign(cpu, [M55Target()])
    image = image_for(cpu, seed)
    slow, fast = IntegerReference(cpu), AcceleratorReference(npu)
    slow.run(image)
    fast.run(image)
    (name,) = only_region(npu).outputs
    off = np.abs(slow.tensors[name].astype(int).reshape(-1) - fast.tensors[name].astype(int).reshape(-1))
    assert off.max() <= MOST_OFF
    assert np.mean(off > 1) <= SHARE_OFF


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_the_stream_gives_litert_s_values_in_the_arena_and_touches_nothing_else(
    seed: int, drawn: Callable[[int], Program]
) -> None:
    """The image runs the relocated stream."""
    pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    accelerator = SIZES[seed % len(SIZES)]
    program = compiled(drawn(seed), accelerator, fallback=bool(seed % 2))
    region, values = only_region(program), image_for(program, seed)
    own, _ = model_program(region, program).run([values])
    expected = judge.reference(regions.compiled_of(region).tflite, [values])
    for ours, theirs in zip(own, expected, strict=True):
        np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)
    plan = planner.plan(program)
    arena = np.random.default_rng(seed).integers(0, 256, plan.arena_bytes + 64).astype(np.uint8)
    start = plan.offsets[program.input.name]
    arena[start : start + values.size] = values.reshape(-1).view(np.uint8)
    before = arena.copy()
    machine.run(regions.placed_stream(region, plan), {0: regions.compiled_of(region).weights, 1: arena}, accelerator)
    written = np.zeros(arena.size, bool)
    scratch = plan.workspace_offset(region, "scratch")
    written[scratch : scratch + regions.compiled_of(region).scratch_bytes] = True
    for name, result in zip(region.outputs, expected, strict=True):
        place = plan.offsets[name]
        np.testing.assert_array_equal(arena[place : place + result.size], result.reshape(-1).view(np.uint8))
        written[place : place + result.size] = True
    np.testing.assert_array_equal(arena[~written], before[~written])
    assert not written[start : start + values.size].any()  # a fallback needs the input after a failed run


@pytest.mark.parametrize("strategy", vela.STRATEGIES)
@pytest.mark.parametrize("seed", range(0, NETWORKS, 2))
def test_no_arena_is_smaller_than_what_is_known_before_vela_runs(
    seed: int, strategy: tuple[str, ...], drawn: Callable[[int], Program]
) -> None:
    """A region's inputs and outputs are there while it runs, and Vela's scratch beside them."""
    lowered = drawn(seed)
    target = NpuTarget(NpuOptions("ethos-u55-128"), [M55Target()])
    least, before = target.least_arena(lowered, 0), list(lowered.operators)
    closely = target.least_arena(lowered, sys.maxsize, closely=True)  # in Vela's smallest way
    program = target.prepare(lowered, vela.STRATEGIES.index(strategy))
    assign(program, [target, M55Target()])
    region = only_region(program)
    scratch = planner.round_up(regions.compiled_of(region).scratch_bytes)
    assert sum(program.tensors[name].bytes for name in (*region.inputs, *region.outputs)) <= least
    assert least + scratch <= planner.plan(program).arena_bytes
    assert least <= closely <= least + scratch
    assert lowered.operators == before


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("seed", range(0, NETWORKS, 3))
def test_no_weights_are_fewer_than_what_is_known_before_vela_runs(
    seed: int, fallback: bool, drawn: Callable[[int], Program]
) -> None:
    """The core's are there as they are, and Vela's have a bit at least for each that is not zero."""
    lowered = drawn(seed)
    least = NpuTarget(NpuOptions("ethos-u55-128", fallback=fallback), [M55Target()]).least_weights(lowered)
    program = compiled(lowered, "ethos-u55-128", fallback=fallback)
    assert 0 < least <= regions.constants(program) + sum(tensor.bytes for tensor in program.weights())


def test_one_step_serves_a_region_or_what_the_core_does_instead(drawn: Callable[[int], Program]) -> None:
    program = compiled(drawn(7), "ethos-u55-64", fallback=True)
    region = only_region(program)
    assert program.steps[0] is region
    assert region.fallback and all(call.target == "m55" for call in region.fallback)
    assert program.calls == [region, *region.fallback, *program.steps[1:]]
    plain = compiled(drawn(7), "ethos-u55-64")
    assert not only_region(plain).fallback
    assert set(plain.tensors) < set(program.tensors)


def test_the_driver_payload_is_the_one_that_arm_s_driver_reads(drawn: Callable[[int], Program]) -> None:
    program = compiled(drawn(1), "ethos-u55-256")
    stream = regions.placed_stream(only_region(program), planner.plan(program))
    payload = regions.driver_payload(stream, "ethos-u55-256")
    found, accelerator = vela_files.unpack_payload(payload.tobytes(), "payload")
    assert accelerator.name == "ethos-u55-256"
    np.testing.assert_array_equal(found, stream)
    assert payload[:8].nbytes == 32


def test_the_files_of_an_artifact_are_enough_to_run_it(drawn: Callable[[int], Program], tmp_path) -> None:  # type: ignore[no-untyped-def]
    program = compiled(drawn(3), "ethos-u55-128")
    regions.write_files(program, tmp_path / "npu")
    program_file.write({8: program}, tmp_path)
    again = program_file.read(tmp_path)
    ours, read = regions.compiled_of(only_region(program)), regions.compiled_of(only_region(again))
    np.testing.assert_array_equal(ours.commands, read.commands)
    np.testing.assert_array_equal(ours.weights, read.weights)
    assert (ours.inputs, ours.outputs, ours.scratch_bytes) == (read.inputs, read.outputs, read.scratch_bytes)
    values = image_for(program, 3)
    anyone, _ = vela_files.load(tmp_path / "npu" / "region_0_vela.npz").run([values])
    mine, _ = model_program(only_region(program), program).run([values])
    np.testing.assert_array_equal(anyone[0].reshape(-1), mine[0].reshape(-1))


def test_estimates_are_vela_s_and_complete(drawn: Callable[[int], Program]) -> None:
    for seed in range(5, 8):
        program = compiled(drawn(seed), "ethos-u55-128")
        row = regions.metadata(program, NpuOptions("ethos-u55-128"))["regions"][0]
        assert row["vela_cycles"] == sum(layer["cycles"] for layer in row["vela_layers"]) > 0
        assert row["vela_cycles"] == sum(operator["vela_cycles"] or 0 for operator in row["operators"])


def test_vela_s_refusal_is_one_sentence(monkeypatch: pytest.MonkeyPatch, drawn: Callable[[int], Program]) -> None:
    monkeypatch.setattr(vela, "command", lambda *a, **k: ["python3", "-c", "raise SystemExit('Error: no such thing')"])
    with pytest.raises(Exception, match="Vela does not take region_0 as a whole"):
        compiled(drawn(0), "ethos-u55-128")
