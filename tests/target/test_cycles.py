"""The estimate of cycles: its counts are QEMU's, whichever way they are taken, and its layers stand on record.

After a change that is meant to alter the cycles: `python -m tests.target.test_cycles` writes cycle_counts.json anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from ocrm55 import boards, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.cycles import counting, inference
from ocrm55.cycles import estimate as model
from ocrm55.cycles.counts import Counts
from ocrm55.cycles.disassembly import Program, disassembler, read_program
from ocrm55.cycles.inference import Inference
from ocrm55.metadata import Metadata
from ocrm55.pictures import read_image
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request, Run
from ocrm55.tasks.recognizer import image
from tests.target.programs import require

pytestmark = pytest.mark.qemu

ALLOWANCE = 1.02
RECORD = Path(__file__).with_name("cycle_counts.json")


def prepare(build_dir: Path) -> stages.Prepared:
    """The fast recognizer: the log of its blocks is read in a few seconds."""
    return stages.prepare(stages.Options(build_dir=build_dir, source="fast", compile=CompileOptions(precision="int8")))


def reading(prepared: stages.Prepared, metadata: Metadata, models: Path) -> Request:
    height, width = metadata.input.shape[1:3]
    picture = image.resize(read_image(models / "samples" / "word_upper.png"), height, width)
    return Request(prepared.elf, [picture], stats=True, timeout_s=300)


def estimate(prepared: stages.Prepared, metadata: Metadata, request: Request) -> Inference:
    executable = Path(str(shutil.which("qemu-system-arm")))
    return inference.estimate_inference(prepared.elf, metadata, boards.find(), request, executable)


@pytest.fixture(scope="module")
def prepared(build_dir: Path) -> stages.Prepared:
    return prepare(build_dir)


@pytest.fixture(scope="module")
def metadata(prepared: stages.Prepared) -> Metadata:
    return Artifact.read(prepared.artifact).metadata


@pytest.fixture(scope="module")
def request_(prepared: stages.Prepared, metadata: Metadata, models: Path) -> Request:
    return reading(prepared, metadata, models)


@pytest.fixture(scope="module")
def program(prepared: stages.Prepared) -> Program:
    return read_program(prepared.elf)


def executed(program: Program, counts: Counts) -> Counter[tuple[int, int]]:
    """How often each instruction ran in each section; QEMU may cut blocks differently."""
    found: Counter[tuple[int, int]] = Counter()
    for (section, _, block), times in counts.edges.items():
        for instruction in program.block(*block):
            found[section, instruction.address] += times
    return found


def count(program: Program, metadata: Metadata, request: Request, *, plugin: bool) -> tuple[Run, Counts, str]:
    plan = counting.Plan(program, boards.find(), inference._marks(program, metadata))
    return counting.count(plan, request, Path(str(shutil.which("qemu-system-arm"))), plugin=plugin)


def test_log_equals_plugin(program: Program, metadata: Metadata, request_: Request) -> None:
    require("cc")
    _, by_plugin, one = count(program, metadata, request_, plugin=True)
    _, by_log, other = count(program, metadata, request_, plugin=False)
    assert one != other
    network = range(
        1, inference._AFTER + len(metadata.operators)
    )  # the decoder has blocks of the kind that counts._length names
    first, second = (executed(program, each) for each in (by_plugin, by_log))
    assert {key: n for key, n in first.items() if key[0] in network} == {
        key: n for key, n in second.items() if key[0] in network
    }
    assert by_plugin.memory
    assert not by_log.memory


def test_block_sums_equal_stats(program: Program, metadata: Metadata, request_: Request) -> None:
    """An operator's blocks are the count of --stats but for its call and the hook that reads the counter."""
    _, counts, _ = count(program, metadata, request_, plugin=True)
    counted = counts.instructions()
    stats = find_simulator("qemu").run(request_).results[0].operator_instructions
    differences = [each - counted[n + 1] for n, each in enumerate(stats)]
    assert len(stats) > 40
    assert 0 < min(differences)
    assert max(differences) < 130, "more than a call and a hook"
    between = sum(n for section, n in counted.items() if inference._AFTER < section < inference._PREPARES)
    decode = counted[inference._AFTER + len(stats)]
    assert sum(differences) == pytest.approx(between - decode, abs=4 * len(stats))


@pytest.fixture(scope="module")
def estimated(prepared: stages.Prepared, metadata: Metadata, request_: Request) -> Inference:
    require("cc")
    return estimate(prepared, metadata, request_)


def rows(found: Inference, metadata: Metadata) -> dict[str, int]:
    names = [f"{n} {operator.name} {operator.kind}" for n, operator in enumerate(metadata.operators)]
    return {name: round(each.likely.cycles) for name, each in zip(names, found.operators, strict=True)}


def test_no_layer_needs_more_cycles_than_on_record(estimated: Inference, metadata: Metadata) -> None:
    record, found = json.loads(RECORD.read_text()), rows(estimated, metadata)
    assert found.keys() == record.keys()
    worse = [f"{name}: {found[name]} for {record[name]}" for name in found if found[name] > record[name] * ALLOWANCE]
    assert not worse, "\n".join(worse)


def test_bars_of_the_bundled_recognizer(build_dir: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cycles without waits, lines that a cache of 32 KB fetches at 18 cycles each, and the estimate's own work."""
    require("cc")
    looked_at: Counter[tuple[object, ...]] = Counter()
    edge = model._Estimate._edge

    def counted(self: model._Estimate, *blocks: tuple[int, int]) -> model.Cost:
        looked_at[id(self._rules), *blocks] += 1
        return edge(self, *blocks)

    monkeypatch.setattr(model._Estimate, "_edge", counted)
    prepared = stages.prepare(stages.Options(build_dir=build_dir, compile=CompileOptions(precision="int8")))
    metadata = Artifact.read(prepared.artifact).metadata
    request = reading(prepared, metadata, models)
    found = estimate(prepared, metadata, request)
    assert found.network.likely.cycles <= 125e6
    assert found.network.instructions <= 93_000_000
    assert found.cache_bytes == 32 * 1024
    assert 18 * sum(each.fills[1] for each in found.memory) <= 6e6
    assert found.engine == "a plugin in QEMU", "a log of all blocks takes minutes"
    assert set(looked_at.values()) == {1}, "the cost of a block behind another one is computed once"
    assert len(looked_at) < found.network.instructions / 1000


def test_both_disassemblers_say_the_same(prepared: stages.Prepared, program: Program) -> None:
    require("arm-none-eabi-objdump", "llvm-objdump-19")
    assert "arm-none-eabi" in disassembler()[0]
    other = read_program(prepared.elf, ("llvm-objdump-19", "-d", "--mcpu=cortex-m55", "--mattr=+mve.fp,+fp64"))
    assert len(program.code.keys() & other.code.keys()) > 10_000
    for address in program.code.keys() & other.code.keys():
        one, two = program.code[address], other.code[address]
        for name in ("pipe", "kind", "busy", "latency", "reads", "writes", "late", "early", "elements", "pairs"):
            assert getattr(one, name) == getattr(two, name), (one.line, two.line)


def record() -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(Path(folder))
        metadata = Artifact.read(prepared.artifact).metadata
        found = estimate(prepared, metadata, reading(prepared, metadata, Path(__file__).parents[2] / "models"))
    RECORD.write_text(json.dumps(rows(found, metadata), indent=1) + "\n")


if __name__ == "__main__":
    record()
