"""`ocrm55 finetune` step by step: model, pictures, the measurement before, the training, the folder, and after."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from ocrm55 import build_folder, console, files, stages
from ocrm55.errors import InputError, ToolchainError
from ocrm55.evaluation.words import Word, load_words
from ocrm55.export.onnx_model import converted
from ocrm55.export.paddle_folder import new_folder
from ocrm55.tasks.detector.task import DETECTOR
from ocrm55.tasks.recognizer.model import ONNX, RecognizerFolder
from ocrm55.tasks.recognizer.task import RECOGNIZER
from ocrm55.training import checks
from ocrm55.training.finetune import measure, own
from ocrm55.training.fonts import FONT_FOLDERS, Font, find_fonts, split
from ocrm55.training.samples import STEP

if TYPE_CHECKING:
    from ocrm55.training.finetune.graph import TorchGraph

STATE, RECORD = "state.pt", "finetune.json"
LONGEST_NAME = 64
_UNFINISHED = ".unfinished"  # beside the model's folder, while it is trained
_ENDINGS = (_UNFINISHED, ".onnx", ".pdparams", ".json")
_NAMED = ["--name meter"]


@dataclass(frozen=True)
class FinetuneOptions:
    """data: labelled sets. name: of the new model. held_out: share of the pictures to measure on.

    drawn: lines to measure on. columns: pixels of a batch. Others: see learn.Schedule.
    """

    data: Sequence[Path]
    name: str
    held_out: float = own.HELD_OUT
    steps: int = 1920
    minutes: float = 10.0
    learning_rate: float = 1.5e-4
    columns: int = 2000
    seed: int = 1
    drawn: int = 100
    fonts: Sequence[Path] = FONT_FOLDERS
    processes: int = 1
    threads: int = 0


@dataclass(frozen=True)
class Result:
    """The folder of the new model, and the scores."""

    folder: Path
    table: list[measure.Row]


def finetune(options: FinetuneOptions, building: stages.Options) -> Result:
    """Fine-tune the model that `building` names on the pictures of options.data.

    The new model lies in the build folder, where `--model NAME` finds it. Raises InputError for pictures that the
    model cannot learn, ToolchainError without PyTorch, UnsupportedError for a network that cannot be trained here.
    """
    check_torch()
    destination = build_folder.named(building.build_dir, options.name)
    source = RecognizerFolder(stages.model(building))
    words = [word for data in options.data for word in load_words(data, own.MOST)]
    words = own.checked(words, source.charset, source.input_shape[2] // STEP)
    learnt, held_out = own.split(words, options.held_out, options.seed)
    console.note(f"{len(learnt)} pictures to learn, {len(held_out)} held out to measure on")
    seen, unseen = split(find_fonts(options.fonts))
    lines = checks.unseen_fonts(unseen or seen, options.drawn, clean=False)
    sets = [measure.of_words("own, held out", held_out), measure.of_samples("drawn lines", lines.samples)]
    before = measure.scores(building, sets)
    _learn(options, source, learnt, seen, destination)
    after = measure.scores(replace(building, source=str(destination)), sets)
    table = measure.rows(sets, before, after)
    files.write_json(
        destination / RECORD, {"from": building.source, **_about(options), "scores": measure.values(table)}
    )
    shutil.rmtree(_unfinished(destination), ignore_errors=True)
    return Result(destination, table)


def check_torch() -> None:
    """Raise ToolchainError where PyTorch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as missing:
        raise ToolchainError("Fine-tuning needs PyTorch.", ["pip install 'ocrm55[train-torch]'"]) from missing


def _about(options: FinetuneOptions) -> dict[str, object]:
    values = asdict(options)
    return values | {"data": [str(path) for path in options.data], "fonts": [str(path) for path in options.fonts]}


def _learn(
    options: FinetuneOptions, source: RecognizerFolder, words: Sequence[Word], fonts: list[Font], destination: Path
) -> None:
    """Train, and write the model's folder. What was trained when the process ended is kept beside the folder."""
    from ocrm55.training.finetune.batches import Collator, OwnSupply
    from ocrm55.training.finetune.graph import TorchGraph
    from ocrm55.training.finetune.learn import STILL, Learner, Schedule

    model = onnx.load(source.program) if source.is_onnx else converted(source.program, source.parameters)
    graph = TorchGraph(model, STILL)
    class_of = {char: index for index, char in reversed(list(enumerate(source.charset))) if char}
    collator = Collator(class_of, source.levels, source.input_shape[1])
    widest = source.input_shape[2] * 48 // source.input_shape[1]
    supply = OwnSupply(own.OwnPictures.of(words), fonts, options.columns, widest, options.seed)
    schedule = Schedule(
        options.steps, options.minutes, options.learning_rate, options.seed, options.threads, options.processes
    )
    learner = Learner(graph, schedule, collator)
    unfinished = _unfinished(destination)
    unfinished.mkdir(parents=True, exist_ok=True)
    state = unfinished / f"{_digest(options, source, words)}.pt"
    learner.run(supply, state)
    _write(learner.average, source, destination)


def _unfinished(destination: Path) -> Path:
    return destination.with_name(f"{destination.name}{_UNFINISHED}")


def _digest(options: FinetuneOptions, source: RecognizerFolder, words: Sequence[Word]) -> str:
    """What a training must have in common with one that it goes on from."""
    same = {key: value for key, value in _about(options).items() if key not in ("threads", "processes", "drawn")}
    contents = files.digest([source.program, source.settings, *(word.path for word in words)])
    return hashlib.sha256(json.dumps([same, contents], sort_keys=True, default=str).encode()).hexdigest()[:16]


def _write(graph: TorchGraph, source: RecognizerFolder, destination: Path) -> None:
    with new_folder(destination, RecognizerFolder) as staging:
        onnx.save(graph.written(), str(staging / ONNX))
        shutil.copyfile(source.settings, staging / source.settings.name)


def checked_name(name: str) -> str:
    """A model's name as a user writes it.

    Raises InputError for one that cannot be a folder's, or that stands for another model or folder already.
    """
    if not name or not all(char.isalnum() or char in "-_." for char in name) or not name[0].isalnum():
        raise InputError(f"`{name[:80]}` is no name of a model: letters, digits, - and _ are.", _NAMED)
    if len(name.encode()) > LONGEST_NAME or name.endswith(_ENDINGS):
        raise InputError(
            f"`{name[:80]}` is no name of a model: {LONGEST_NAME} bytes at most, without an ending of a file.", _NAMED
        )
    known = (RECOGNIZER.models, DETECTOR.models)
    if name in {build_folder.MODELS, *(each for models in known for pair in models.items() for each in pair)}:
        raise InputError(f"`{name}` stands for another model already, which --model would take.", _NAMED)
    return name
