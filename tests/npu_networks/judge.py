"""Judges the model: random networks, compiled by Vela and run here, against LiteRT's reference kernels.

    python -m tests.npu_networks.judge --networks 200 --seed 1

Each network ends with one operator of the list in turn, and is compiled for each of the four accelerators in turn. The
reference is TensorFlow Lite's: LiteRT with its reference kernels, no delegate and no optimised kernel.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55 import console
from ocrm55.errors import Ocrm55Error, TargetError, ToolchainError, UnsupportedError
from ocrm55.npu_model import vela_files
from ocrm55.npu_model.accelerators import ACCELERATORS, MODELLED
from ocrm55.npu_model.vela_files import Program
from tests.npu_networks.networks import Network, Recipe, draw_network
from tests.npu_networks.recipes import RECIPES

# A network that Vela or LiteRT refuses is drawn again, at most so many times.
ATTEMPTS = 20


class NotPlacedError(Exception):
    """Vela leaves a part of the network on the CPU, or the reference refuses the network."""


@dataclass
class Verdict:
    """One network: the operator it ends with, and how the outputs differ."""

    operator: str
    dtype: str
    accelerator: str
    number: int
    names: list[str]
    elements: int
    different: int
    largest: int
    allowed: int
    npu: Counter[str] = field(default_factory=Counter)

    @property
    def exact(self) -> bool:
        return self.different == 0

    @property
    def accepted(self) -> bool:
        return self.largest <= self.allowed


def compile_network(data: bytes, accelerator: str, options: Sequence[str] = ()) -> Program:
    """The program that Vela makes of a TFLite file. Raises NotPlacedError if not all of it is on the NPU."""
    try:
        from ethosu.vela import vela
    except ImportError as missing:
        raise ToolchainError("ethos-u-vela is not installed.", ["pip install 'ocrm55[npu]'"]) from missing
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "network.tflite"
        source.write_bytes(data)
        words = [str(source), "--output-dir", folder, "--accelerator-config", accelerator, *options]
        try:
            with _silence():
                vela.main(words)
            return vela_files.load(Path(folder) / "network_vela.tflite")
        except UnsupportedError as partial:
            raise NotPlacedError(partial.sentence) from partial
        except Ocrm55Error:
            raise
        except (SystemExit, Exception) as refused:  # its older core ends some compilations in an assertion
            raise NotPlacedError(f"Vela: {type(refused).__name__} {refused}") from refused


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Silence Vela's compiler core, which prints to the file descriptors, past Python."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in (*kept, nothing):
            os.close(descriptor)


def reference(data: bytes, inputs: Sequence[NDArray[np.generic]], optimised: bool = False) -> list[NDArray[np.generic]]:
    """LiteRT's outputs, from its reference kernels, or on request from its optimised ones; never with a delegate."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as missing:
        raise ToolchainError("ai-edge-litert is not installed.", ["pip install ai-edge-litert"]) from missing
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if optimised else OpResolverType.BUILTIN_REF
    try:
        interpreter = Interpreter(model_content=data, experimental_op_resolver_type=kernels, num_threads=1)
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
    except (RuntimeError, ValueError) as refused:
        raise NotPlacedError(f"LiteRT: {refused}") from refused
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def judge(network: Network, accelerator: str, number: int, options: Sequence[str] = ()) -> Verdict:
    """Compile, run on both, compare."""
    program = compile_network(network.data, accelerator, options)
    expected = reference(network.data, network.inputs, network.last.optimised)
    outputs, result = program.run(network.inputs)
    # Flat: Vela's older core gives some outputs another shape.
    difference = np.concatenate([_distance(a, b) for a, b in zip(outputs, expected, strict=True)])
    return Verdict(
        operator=network.last.name,
        dtype=network.dtype,
        accelerator=accelerator,
        number=number,
        names=network.names,
        elements=difference.size,
        different=int(np.count_nonzero(difference)),
        largest=int(difference.max(initial=0)),
        allowed=network.last.largest,
        npu=result.operations,
    )


def _distance(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.int64]:
    return np.abs(first.astype(np.int64).reshape(-1) - second.astype(np.int64).reshape(-1))


def cases(
    count: int, recipes: Sequence[Recipe] = RECIPES, accelerators: Sequence[str] = tuple(ACCELERATORS)
) -> Iterator[tuple[int, Recipe, str]]:
    """Number, last operator and accelerator of `count` networks: each operator in turn, on each accelerator in turn."""
    for number in range(count):
        turn = number + number // len(recipes)
        yield number, recipes[number % len(recipes)], accelerators[turn % len(accelerators)]


def judge_one(number: int, seed: int, last: Recipe, accelerator: str, vela: Sequence[str] = ()) -> Verdict:
    """Draw networks until one is placed on the NPU as a whole, and judge it."""
    reasons = []
    for attempt in range(ATTEMPTS):
        random = np.random.default_rng([seed, number, attempt])
        network = draw_network(random, RECIPES, last)
        options = [*memory_options(random, accelerator), *vela]
        try:
            return judge(network, accelerator, number, options)
        except NotPlacedError as reason:
            reasons.append(str(reason))
        except Ocrm55Error as trouble:
            words = (
                f"{' '.join(network.names)} ({network.dtype}, {accelerator}, {' '.join(options)}; attempt {attempt})"
            )
            raise type(trouble)(f"Network {number}, {words}: {trouble.sentence}", trouble.tries) from trouble
    raise ToolchainError(f"{last.name}: no network in {ATTEMPTS} is placed on the NPU: {reasons[-1]}")


def memory_options(random: np.random.Generator, accelerator: str = "ethos-u55-128") -> list[str]:
    """Choose little memory sometimes, so that Vela uses stripes and rolling buffers, and sometimes a slow flash."""
    choice = random.random()
    shared = ["--config", "Arm/vela.ini", "--system-config", "Ethos_U55_High_End_Embedded"]
    if accelerator.startswith("ethos-u65"):  # weights and maps in DRAM, copied to an SRAM of the NPU's own
        shared[-1] = "Ethos_U65_High_End"
        if choice < 0.6:
            size = [] if choice < 0.3 else ["--arena-cache-size", str(int(random.integers(2000, 20000)))]
            return [*shared, "--memory-mode", "Dedicated_Sram", *size]
    if choice < 0.3:
        return []
    if choice < 0.6:
        return [*shared, "--memory-mode", "Shared_Sram"]
    if choice < 0.8:
        return [*shared, "--memory-mode", "Shared_Sram", "--arena-cache-size", str(int(random.integers(2000, 20000)))]
    return [*shared, "--memory-mode", "Sram_Only", "--optimise", "Size"]


# --- command line -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.npu_networks.judge", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--networks", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (1)")
    parser.add_argument("--operator", action="append", help="only networks that end with this operator")
    parser.add_argument("--accelerator", action="append", choices=sorted(MODELLED), help="only for it (all ethos-u55)")
    parser.add_argument("--legacy-core", action="store_true", help="compile with Vela's older core, in Python")
    parser.add_argument("--each", action="store_true", help="print a line for each network")
    chosen = parser.parse_args(arguments)
    recipes = [r for r in RECIPES if not chosen.operator or r.name in chosen.operator]
    try:
        vela = ["--debug-force-legacy-core"] if chosen.legacy_core else []
        planned = cases(chosen.networks, recipes, chosen.accelerator or tuple(ACCELERATORS))
        return _report(planned, chosen.seed, vela, chosen.each)
    except Ocrm55Error as trouble:
        console.error(trouble)
        return trouble.exit_code


def _report(planned: Iterator[tuple[int, Recipe, str]], seed: int, vela: Sequence[str], each: bool) -> int:
    verdicts: list[Verdict] = []
    failed = 0
    for number, last, accelerator in planned:
        try:
            verdict = judge_one(number, seed, last, accelerator, vela)
        except Ocrm55Error as trouble:
            failed += 1
            console.error(trouble)
            continue
        verdicts.append(verdict)
        if each or not verdict.accepted:
            state = (
                "equal" if verdict.exact else f"{verdict.different} of {verdict.elements} differ, by {verdict.largest}"
            )
            console.note(f"{number:4} {verdict.accelerator:14} {verdict.dtype:5} {' '.join(verdict.names)}: {state}")
    _table(verdicts)
    bad = [v for v in verdicts if not v.accepted]
    exact = sum(v.exact for v in verdicts)
    console.result(
        f"{len(verdicts)} networks: {exact} equal bit for bit, {len(verdicts) - exact - len(bad)} within the "
        f"documented step, {len(bad)} beyond it, {failed} not judged."
    )
    return TargetError.exit_code if bad or failed else 0


def _table(verdicts: Sequence[Verdict]) -> None:
    rows = []
    for name in sorted({v.operator for v in verdicts}):
        mine = [v for v in verdicts if v.operator == name]
        elements, different = sum(v.elements for v in mine), sum(v.different for v in mine)
        rows.append(
            (
                name,
                len(mine),
                sum(v.exact for v in mine),
                f"{100 * different / elements:.3f}",
                max(v.largest for v in mine),
            )
        )
    columns = ("last operator", "networks", "bit-exact", "% of values differ", "largest")
    console.table("", columns, rows, right=columns[1:])
    done: Counter[str] = sum((v.npu for v in verdicts), Counter())
    console.result("NPU operations run: " + ", ".join(f"{name} {count}" for name, count in sorted(done.items())))


if __name__ == "__main__":
    sys.exit(main())
