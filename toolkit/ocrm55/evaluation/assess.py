"""`ocrm55 eval` step by step: choose pictures, choose the reader, read, show, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ocrm55 import console, files, stages
from ocrm55.errors import InputError
from ocrm55.evaluation import acceptance, accepted_picture, readers
from ocrm55.evaluation.evaluate import Evaluation, evaluate
from ocrm55.evaluation.metrics import Share
from ocrm55.evaluation.mistakes import write_mistakes
from ocrm55.evaluation.reference_reader import ReferenceSpec, reference_spec
from ocrm55.evaluation.words import Word, load_names, load_words, split_words
from ocrm55.plain_text import with_spaces
from ocrm55.simulators import Choice
from ocrm55.tasks.recognizer.model import RecognizerFolder

Table = tuple[str, list[str], list[list[str]]]


def select(data: Path, *, only: Path | None = None, limit: int = 0) -> list[Word]:
    """The labelled pictures of a set: all, those that the list `only` names, or the first `limit` of them.

    Raises InputError when that leaves none.
    """
    words = load_words(data)
    if only:
        _, words = split_words(words, load_names(only))
    words = words[:limit] if limit else words
    if not words:
        raise InputError(f"{only} names no picture of {data}.")
    return words


def reader_spec(
    on: str, options: stages.Options, *, simulator: Choice | None = None, timeout_s: float = 120.0
) -> readers.ReaderSpec | ReferenceSpec:
    """The reader for `host`, `onnx`, `reference`, `native` or `target`; runs the stages that it needs.

    simulator: of the target; the default one where none is given.
    """
    chosen = options.compile
    if on == "host":
        model = stages.model(options)
        return readers.host_spec(model, _size(model, options), decoder=chosen.decoder, restriction=chosen.restriction)
    if on == "onnx":
        compiled = stages.compiled(options)
        network, size = compiled.artifact / "model.onnx", _size(compiled.model, options)
        return readers.onnx_spec(network, compiled.model, size, decoder=chosen.decoder, restriction=chosen.restriction)
    if on == "reference":
        compiled = stages.compiled(options)
        return reference_spec(compiled, _size(compiled.model, options))
    if on in ("native", "target"):
        simulator = simulator or Choice(board=options.board)
        simulator = replace(simulator, name="native") if on == "native" else simulator
        prepared = stages.prepare(options, native=simulator.native)
        size, npu = _size(prepared.model, options), chosen.npu or None
        return readers.target_spec(prepared.elf, size, simulator=simulator, timeout_s=timeout_s, npu=npu)
    raise InputError(f"`{on}` is no place of an evaluation.", [f"use one of: {', '.join(readers.KINDS)}"])


def _size(model: Path, options: stages.Options) -> tuple[int, int]:
    """Height and width in pixels of the images that the model in a folder reads."""
    return RecognizerFolder(model).sized(options.compile.height, options.compile.width)


def evaluate_with_bar(
    words: Sequence[Word], spec: readers.Spec, *, workers: int = 1, cluster: str | None = None
) -> Evaluation:
    """`evaluate` with a progress bar."""
    with console.progress("reading", len(words)) as bar:
        return evaluate(
            words, spec, workers=workers, cluster=cluster, advance=lambda count: bar.advance(bar.task_ids[0], count)
        )


_PLACES = {
    "host": "in float, by {library}",
    "onnx": "in {precision}, rounded like the target's network, by ONNX Runtime",
    "reference": "in int8, by the integer reference on the host: every bit as on the target",
    "native": "in {precision}, by the firmware's C on this computer: every bit as on the target",
    "target": "in {precision}, by the firmware on the simulated board",
}


def what_ran(on: str, options: stages.Options, evaluation: Evaluation, workers: int | None) -> str:
    """One sentence: which model was read by what, and how fast. workers: processes here, None for a cluster."""
    library = "Paddle" if not RecognizerFolder(options.folder.model_dir).is_onnx else "ONNX Runtime"
    place = _PLACES[on].format(library=library, precision=options.compile.precision)
    count, seconds = len(evaluation.readings), max(evaluation.seconds, 1e-3)
    where = "on a cluster" if workers is None else "1 process" if workers == 1 else f"{workers} processes"
    return (
        f"{options.model_name} {place}.\n{count} pictures in {seconds:.1f} s, {count / seconds:.1f} a second, {where}"
    )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def tables(evaluation: Evaluation, most_confusions: int = 15) -> list[Table]:
    """Title, columns and rows of each table for a person."""

    def row(name: str, share: Share) -> list[str]:
        return [name, f"{share.value:.1%}", f"{share.right}", f"{share.count}"]

    scores = evaluation.scores
    columns = ["", "right", "of them", "in all"]
    whole = [row("exact match", scores.exact), row("letters and digits, any case", scores.alphanumeric)]
    whole.append(["character error rate", f"{scores.character_error_rate:.1%}", "", f"{scores.characters}"])
    confusions = [
        [f"{_seen(written)} -> {_seen(read)}", str(count)]
        for (written, read), count in scores.confusions.most_common(most_confusions)
    ]
    return [
        ("all words", columns, whole),
        ("exact match by length", columns, [row(name, share) for name, share in scores.by_length.items()]),
        ("characters by class", columns, [row(name, share) for name, share in scores.by_class.items()]),
        ("most frequent mistakes", ["written -> read", "count"], confusions),
    ]


def _seen(characters: str) -> str:
    return with_spaces(characters) or "(nothing)"


def acceptance_tables(evaluation: Evaluation, reject: float | None = None) -> list[Table]:
    """How many texts may be accepted by their calibrated probability; none where that is not known.

    reject: a probability of the user's below which texts are not accepted.
    """
    readings = evaluation.readings
    if not acceptance.known(readings):
        return []
    rows = []
    for share in acceptance.SHARES:
        found = acceptance.threshold(readings, share)
        least = "-" if found is None else f"{found.least:.6f}"
        accepted = _accepted(found or acceptance.Threshold(1, 0, 0), len(readings))
        rows.append([f"at most {share:.1%} wrong", least, *accepted])
    if reject is not None:
        rows.append(["--reject", f"{reject:.6f}", *_accepted(acceptance.accepted(readings, reject), len(readings))])
    tenths = [
        [f"{t.start:.1f} to {t.start + 0.1:.1f}", f"{t.count}", f"{t.expected:.1%}", f"{t.right / t.count:.1%}"]
        for t in acceptance.tenths(readings)
    ]
    return [
        ("accepted by the probability that a text is right", ["", "from", "accepted", "share", "wrong"], rows),
        ("is that probability right?", ["probability", "texts", "expected right", "are right"], tenths),
    ]


def _accepted(found: acceptance.Threshold, count: int) -> list[str]:
    return [f"{found.accepted}", f"{found.accepted / max(count, 1):.1%}", f"{found.wrong}"]


def write(output: Path, words: Sequence[Word], evaluation: Evaluation, **about: object) -> None:
    """Write evaluation.json, mistakes.png and accepted.svg into a folder. Raises OutputError when that fails."""
    worst = evaluation.worst_first()
    title = f"{len(worst)} of {len(words)} wrong; written above, read below, errors in red, score at the right"
    with files.atomic_files(output) as staging:
        evaluation.write_json(staging / "evaluation.json", **about)
        files.write_text(staging / "accepted.svg", accepted_picture.draw(evaluation.readings).standalone())
        write_mistakes(staging / "mistakes.png", worst, {word.name: word.path for word in words}, title)
