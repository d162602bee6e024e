"""Commands ask the stages once: each digest of what a stage reads and writes is computed one time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55 import build_folder, cli, firmware, simulators, stages
from ocrm55.commands.options import options_of
from ocrm55.compiler import pipeline
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError
from ocrm55.simulators.base import Request, Run
from ocrm55.simulators.protocol import Identity, ImageResult, Line
from ocrm55.tasks.recognizer import sources
from tests import metadata_rows as rows
from tests.unit import test_rooms
from tests.unit.tasks import maps

CLASSES, OPERATORS = 97, [7, 11]
METADATA = rows.metadata(
    [rows.operator(name, macs=6) for name in ("a", "b")],
    precision="float32", labels=[" "] * CLASSES, kernels=[], libraries=[],
    input=rows.port([1, 3, 48, 320]), output=rows.port([1, 40, CLASSES]),
)  # fmt: skip


class Board:
    """A simulator that reads `ab` in every picture and counts."""

    name = "QEMU"
    counts_instructions = True
    native = False

    def version(self) -> str:
        return "7.2"

    def run(self, request: Request) -> Run:
        results = [ImageResult("ab", 0.5, 1, 18, 3, OPERATORS) for _ in request.images]
        probabilities = np.full((len(request.images), 40, CLASSES), 0.01, np.float32)
        identity = Identity("0.1.0", "m", "float32", (1, 3, 48, 320), 64)
        return Run("", 0, results, probabilities, identity, 100, request.images, [Line("exit status 0")])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model_dir: Path) -> Counter[str]:
    """How often a stage was asked, and how often the digest of what it writes was computed.

    Stages write little files instead of what they are for.
    """
    counts: Counter[str] = Counter()
    run_stage, digest = build_folder.run_stage, build_folder.digest

    def export(source: str, output: Path, dictionary: Path | None = None) -> None:
        output.mkdir(parents=True)
        for file in model_dir.iterdir():
            (output / file.name).write_bytes(file.read_bytes())

    def compile_model(source: Path, output: Path, task: object, options: object) -> None:
        output.mkdir(parents=True)
        (output / "metadata.json").write_text(json.dumps(METADATA))

    def build(artifact: Path, output: Path, board: object, **more: object) -> None:
        output.mkdir(parents=True)
        (output / "ocrm55.elf").write_bytes(b"")

    def counted_stage(name: str, *arguments: object, **more: object) -> bool:
        counts[f"{name} asked"] += 1
        return run_stage(name, *arguments, **more)  # type: ignore[arg-type]

    def counted_digest(paths: list[Path], *values: object) -> str:
        counts.update(f"{path.name} digested" for path in paths)
        return digest(paths, *values)

    monkeypatch.setattr(sources, "export", export)
    monkeypatch.setattr(pipeline, "compile_model", compile_model)
    monkeypatch.setattr(firmware, "build", build)
    monkeypatch.setattr(stages, "run_stage", counted_stage)
    monkeypatch.setattr(build_folder, "digest", counted_digest)
    monkeypatch.setattr(simulators, "find_simulator", lambda *_, **__: Board())
    monkeypatch.setattr("ocrm55.elf.read_sections", lambda elf: [])
    stages.prepare(options_of({"build_dir": tmp_path / "build", "precision": "float32"}))
    counts.clear()
    return counts


def _verify(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Paddle and ONNX Runtime say what the board says."""
    from ocrm55.evaluation import verification

    class Recognizer:
        charset = METADATA["labels"]

        def __init__(self, path: Path) -> None:
            from ocrm55.tasks.recognizer.model import RecognizerFolder

            self.model = RecognizerFolder(path) if path.is_dir() else None

        def probabilities(self, tensor: np.ndarray) -> np.ndarray:
            return np.full((40, CLASSES), 0.01, np.float32)

    monkeypatch.setattr(verification, "PaddleRecognizer", Recognizer)
    monkeypatch.setattr(verification, "OnnxRecognizer", Recognizer)


def _nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    return None


@pytest.mark.parametrize(
    ("words", "prepare", "status"),
    [
        (["run-fvp", "--stats"], _nothing, 0),
        (["run-fvp", "--json"], _nothing, 0),
        (["verify"], _verify, 6),  # the board's text is not the one that the host decodes
        (["profile"], _nothing, 0),
        (["report"], _nothing, 0),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_each_stage_is_asked_once_and_digested_once(
    words: list[str],
    prepare: Callable[[pytest.MonkeyPatch], None],
    status: int,
    asked: Counter[str],
    tmp_path: Path,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(monkeypatch)
    pictures = [str(models / "samples" / name) for name in ("digit.png", "wide.png")]
    line = [*words, *pictures, "--build-dir", str(tmp_path / "build"), "--precision", "float32"]
    result = CliRunner().invoke(cli.app, line)
    assert result.exit_code == status, result.output
    assert asked == Counter(
        ["export asked", "compile asked", "build asked", "model digested", "float32 digested", "ocrm55.elf digested"]
    )


def test_what_is_forced_is_made_once(asked: Counter[str], tmp_path: Path) -> None:
    options = options_of({"build_dir": tmp_path / "forced", "precision": "float32", "force": True})
    prepared = stages.prepare(options)
    assert (prepared.model, prepared.artifact) == (options.folder.model_dir, options.folder.artifact_dir("float32"))
    assert prepared.elf == options.folder.firmware_dir("float32") / "ocrm55.elf"
    assert {name: count for name, count in asked.items() if name.endswith("asked")} == {
        "export asked": 1,
        "compile asked": 1,
        "build asked": 1,
    }


# Modules that print, give advice, start programs and find files: no byte of an artifact depends on them.
WITHOUT_A_SAY = {
    *("console", "decoding_cost", "download", "errors", "files", "inference", "plain_json", "plain_text"),
    *("processes", "resources", "table_layout", "temporary", "compiler/operators/advice"),
}


@pytest.mark.parametrize(
    ("start", "digested"),
    [
        ("ocrm55.tasks.recognizer.sources", {*stages.EXPORTED_BY, "pictures.py", "transparency.py"}),
        ("ocrm55.compiler.pipeline", set(stages.COMPILED_BY)),
    ],
)
def test_all_that_decides_what_a_stage_writes_is_digested(start: str, digested: set[str]) -> None:
    """Of the modules that a stage imports. An export reads no pictures."""
    found, left = set(), [start]
    while left:
        if (module := left.pop()) not in found:
            found.add(module)
            left += test_rooms.IMPORTS[module]
    names = {module.removeprefix("ocrm55.").replace(".", "/") for module in found - {"ocrm55"}}
    folders = {each.removesuffix(".py") for each in digested}
    missing = {name for name in names if not any(name == each or name.startswith(f"{each}/") for each in folders)}
    assert not missing - WITHOUT_A_SAY


def test_another_task_goes_through_the_stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "where words are").mkdir()
    (tmp_path / "where words are" / "inference.yml").write_text("Global: {}")
    task, seen = maps.Maps(), []

    def compile_model(source: Path, output: Path, task: object, options: CompileOptions) -> None:
        output.mkdir(parents=True)
        seen.append((source, task, options.model_name))

    monkeypatch.setattr(pipeline, "compile_model", compile_model)
    source = str(tmp_path / "where words are")
    done = stages.compiled(stages.Options(build_dir=tmp_path / "build", source=source, task=task))
    assert seen == [(done.model, task, "where_words_are")]
    assert (done.model / "inference.yml").read_text() == "Global: {}"


@pytest.mark.parametrize("name", ["", "recognizer", "a_1", "Reader2"])
def test_a_network_s_name_in_c(name: str) -> None:
    assert stages.parse_prefix(name) == name


@pytest.mark.parametrize("name", ["1a", "a-b", "a b", "\u00e9", "a;b", "int", "class", "main", "_Bool", "a" * 41])
def test_what_is_no_name_in_c(name: str) -> None:
    with pytest.raises(InputError, match="no name that C leaves"):
        stages.parse_prefix(name)


@pytest.mark.parametrize("name", ["labels", "weights", "ctc", "string", "ocrm55_model"])
def test_a_name_that_the_c_has_already_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="in the C around the network"):
        stages.parse_prefix(name)


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_dictionary_that_is_no_file_is_never_passed_over(name: str, tmp_path: Path) -> None:
    options = stages.Options(build_dir=tmp_path / "build", dictionary=tmp_path / name)
    with pytest.raises(InputError, match="no file with a dictionary"):
        stages.model(options)
    assert not (tmp_path / "build").exists()
