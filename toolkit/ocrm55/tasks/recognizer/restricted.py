"""CTC decoding within a restriction: the likeliest text that fits, or none.

A beam search over the states of CTC and of the restriction together. Paths with the same future are one: only the
likeliest can win. The state of the automaton, that of the check digit, the last character and whether a blank followed
decide the future. So the answer is exact as long as at most `WIDTH` futures are alive. A text weighs what its best path
weighs. Where only characters are restricted, the language model of context.py weighs too, and paths with the same text
are one.
firmware/tasks/recognizer/restricted.c computes the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55.tasks.recognizer import context
from ocrm55.tasks.recognizer.context import Context
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.tasks.recognizer.restriction import check_digits
from ocrm55.tasks.recognizer.restriction.restriction import Tables

# As in restricted.c: the paths that are followed, the classes of a step that are tried, their least probability, and
# the share of the likeliest path's weight below which a path is given up.
WIDTH, CHOICES = 24, 8
LEAST_PROBABILITY, LEAST_SHARE = np.float32(0.001), np.float32(2**-60)

_ONE, _ZERO = np.float32(1), np.float32(0)


@dataclass(frozen=True)
class Found:
    """The likeliest text that fits, as classes; None where there is none. lead: over the next that was followed.

    exact: whether nothing that was given up on the way could have become likelier.
    """

    classes: tuple[int, ...] | None
    score: np.float32 = _ZERO
    lead: np.float32 = _ZERO
    exact: bool = True


@dataclass
class _Path:
    """state, check: of the automaton and of the check digit. blank: whether the path ends in one."""

    state: int
    check: int
    blank: bool
    weight: np.float32
    sum: np.float32
    text: tuple[int, ...]
    language: context.Language


def decode(
    probabilities: np.ndarray, charset: Sequence[str], tables: Tables, language_model: Context | None = None
) -> Found:
    """Decode probabilities float32 [steps, classes]; `charset[0]` is the blank.

    language_model: weighs texts where only characters are restricted.
    """
    probabilities = np.asarray(probabilities, dtype=np.float32)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(charset):
        raise ValueError(f"probabilities {probabilities.shape} do not fit {len(charset)} classes")
    model = language_model if tables.only_characters else None
    prior = () if model is None else tuple(model.prior)
    paths = [_Path(0, 0, True, _ONE, _ZERO, (), context.Language(prior))]
    lost = 0.0  # the most that a path given up weighed, against the best one then; a bound where nothing else weighs
    for step, frame in enumerate(probabilities):
        reached = _reached(paths, _choices(frame, tables.allowed), tables, model, len(probabilities) - 1 - step)
        paths, most, dropped = _kept(reached)
        lost = max(lost, dropped) / float(most) if paths else lost
    return _best(paths, tables, model, lost)


def _choices(frame: np.ndarray, allowed: np.ndarray) -> list[tuple[int, np.float32]]:
    """The likeliest classes of a step that are allowed or the blank, the likeliest first; of equals the lower first.

    The blank where no class at all is likely.
    """
    likely = np.flatnonzero(frame >= LEAST_PROBABILITY)  # never a NaN
    if not len(likely):
        return [(0, _ONE)]
    likely = likely[(likely == 0) | allowed[likely]]
    chosen = likely[np.argsort(-frame[likely], kind="stable")][:CHOICES]
    return [(int(index), min(np.float32(frame[index]), _ONE)) for index in chosen]


def _reached(
    paths: Sequence[_Path],
    choices: Sequence[tuple[int, np.float32]],
    tables: Tables,
    model: Context | None,
    steps_left: int,
) -> list[_Path]:
    """Where a step leads, the likeliest path of each future."""
    reached: dict[tuple, _Path] = {}
    for path in paths:
        last = path.text[-1] if path.text else 0
        for index, probability in choices:
            weight = np.float32(path.weight * probability)
            if index == 0 or (index == last and not path.blank):
                new = _Path(path.state, path.check, index == 0, weight, path.sum, path.text, path.language)
            else:
                longer = _longer(path, index, probability, tables, model)
                if longer is None:
                    continue
                new = longer
            if tables.automaton is not None and tables.automaton.to_go[new.state] > steps_left:
                continue
            end = new.text if model is not None else new.text[-1:]
            key = (new.state, new.check, new.blank, end)
            best = reached.get(key)
            if best is None:
                reached[key] = new
            elif new.weight > best.weight:
                best.weight, best.sum, best.text = new.weight, new.sum, new.text
    return list(reached.values())


def _longer(path: _Path, index: int, probability: np.float32, tables: Tables, model: Context | None) -> _Path | None:
    """A path with a character more; None where no text goes on so."""
    state: int | None = path.state
    if tables.automaton is not None:
        state = tables.automaton.follow(path.state, index)
        if state is None:
            return None
    check = path.check
    if tables.check:
        check = check_digits.follow(tables.check, check, int(tables.values[index]))
        if check == check_digits.REJECTS:
            return None
    weight, language = np.float32(path.weight * probability), path.language
    if model is not None:
        factor, language = context.follow(model, language, index)
        weight = np.float32(weight * factor)
    assert state is not None
    return _Path(state, check, False, weight, path.sum + probability, (*path.text, index), language)


def _kept(reached: Sequence[_Path]) -> tuple[list[_Path], np.float32, float]:
    """The likeliest paths, their weights over the best one's; that one's weight, and the most of those given up."""
    ranked = sorted((p for p in reached if p.weight > 0), key=lambda path: -path.weight)  # stable: of equals the first
    if not ranked:
        return [], _ONE, 0.0
    most = ranked[0].weight
    kept = [path for path in ranked[:WIDTH] if path.weight >= np.float32(most * LEAST_SHARE)]
    dropped = float(ranked[len(kept)].weight) if len(kept) < len(ranked) else 0.0
    for path in kept:
        path.weight = np.float32(path.weight / most)
    return kept, most, dropped


def _best(paths: Sequence[_Path], tables: Tables, model: Context | None, lost: float) -> Found:
    best: _Path | None = None
    most = following = _ZERO
    for path in paths:
        if tables.automaton is not None and tables.automaton.to_go[path.state]:
            continue
        if tables.check and not check_digits.accepts(tables.check, path.check):
            continue
        weight = path.weight
        if model is not None and path.text:
            weight = np.float32(weight * context.finish(model, path.language))
        if weight > most:
            if best is None or best.text != path.text:
                following = most
            most, best = weight, path
        elif weight > following and best is not None and best.text != path.text:
            following = weight
    if best is None:
        return Found(None, exact=lost == 0)
    score = np.float32(best.sum / np.float32(len(best.text))) if best.text else _ZERO
    return Found(best.text, score, _ONE - np.float32(following / most), float(most) >= lost)


def recognition(found: Found, charset: Sequence[str]) -> Recognition | None:
    """The text and its score; None where nothing fits."""
    if found.classes is None:
        return None
    text = "".join(charset[index] for index in found.classes)
    return Recognition(text, float(found.score), classes=found.classes, lead=float(found.lead))
