"""CTC decoding in context: where the network hesitates, the shape of words, numbers and codes decides.

In many fonts I and l, 0 and O, or 1 and / have nearly the same shape. A network that reads a line glyph by glyph gives
both a good probability. This is CTC's prefix beam search: it follows the few likeliest texts from step to step. A
language model weighs each text. The model knows six kinds of token: a word in small letters, with a capital, in
capitals; a number; a code; anything. The decoder does not know a token's kind in advance.
firmware/tasks/recognizer/context.c computes the same to the last bit.

The tables come from `python -m ocrm55.training.language`; models/en_context/README.md names their sources.
"""

from __future__ import annotations

import string
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import ctc
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.tasks.recognizer.letter_groups import LetterGroups

TABLES = "en_context/context.npz"  # in models/
STEPS = 64  # the most steps of an output; an output with more is decoded without context, as in context.h
# Kinds of token, in the order of all tables: a word in small letters, with a capital, in capitals; a number; a code;
# anything.
KINDS = 6
# Symbols: the classes of characters that the kinds distinguish. Symbol 0 is the edge of a token.
CLOSING = ".,;:!?"  # one symbol of words
LETTER_SYMBOLS = 1 + 26 + 2  # edge, letters, apostrophe, closing mark
NUMBER_SIGNS = "$+-#()@x.,:/&%ampth"  # a symbol of numbers each, the last five for pm and th
NUMBER_SYMBOLS = 1 + 1 + len(NUMBER_SIGNS)  # edge, digit, signs
CODE_CHARACTERS = frozenset(string.ascii_uppercase + string.digits + "-./_")
NO_SYMBOL = 255
UPPER, LOWER, IN_CODE, SPACE = 1, 2, 4, 8  # flags of a character

# As in context.c: the number of texts that are followed, the number of classes of a step that are tried, and their
# least probability; a text below this share of the likeliest text's weight is given up.
WIDTH, CHOICES = 8, 5
LEAST_PROBABILITY, LEAST_SHARE = np.float32(0.001), np.float32(2**-20)
# Least probability of blank and space together in each step of a gap, and of a space somewhere in it.
LEAST_IN_GAP, LEAST_SPACE = np.float32(0.9), np.float32(0.5)
LEAST_KIND = np.float32(2**-40)  # the least likelihood of a kind; denormals are not the same on every core

_ONE, _ZERO = np.float32(1), np.float32(0)


@dataclass(frozen=True)
class Context:
    """The language model, in factors by which a text gains or loses; 1 is pure chance.

    letters: uint8 [29, 29, 29]; for each symbol after the two before it, an index into `values`. groups: what three and
    four before it change of that index.
    numbers: uint8 [21, 21]; the same after one symbol. values: float32 [256].
    prior: float32 [6], of each kind of token.
    space, end: float32 [6], of a token of each kind that ends in a space, or with the text; multiplied by the tables'
    entry for the edge.
    code, anything: of a character of these kinds. least: of a character that a kind does not contain.
    keep: the share by which a token keeps the kind of the token before; the rest is `prior`.
    classes: uint8 [classes, 3], letter symbol, number symbol and flags of each class.
    """

    letters: np.ndarray
    groups: LetterGroups
    numbers: np.ndarray
    values: np.ndarray
    prior: np.ndarray
    space: np.ndarray
    end: np.ndarray
    code: np.float32
    anything: np.float32
    least: np.float32
    keep: np.float32
    classes: np.ndarray


def fits(charset: Sequence[str]) -> bool:
    """Whether the tables know a charset: printable ASCII and the blank."""
    return all(char == "" or (len(char) == 1 and " " <= char <= "~") for char in charset)


def symbols(charset: Sequence[str]) -> np.ndarray:
    """uint8 [classes, 3]: letter symbol, number symbol and flags of each class."""
    return np.array([[letter_symbol(c), number_symbol(c), _flags(c)] for c in charset], np.uint8)


def letter_symbol(char: str) -> int:
    """A character's symbol in words; NO_SYMBOL if words do not contain it."""
    if char and char in string.ascii_letters:
        return 1 + string.ascii_lowercase.index(char.lower())
    return 27 if char == "'" else 28 if char and char in CLOSING else NO_SYMBOL


def number_symbol(char: str) -> int:
    """A character's symbol in numbers; NO_SYMBOL if numbers do not contain it."""
    if char and char in string.digits:
        return 1
    return 2 + NUMBER_SIGNS.index(char) if char and char in NUMBER_SIGNS else NO_SYMBOL


def _flags(char: str) -> int:
    case = UPPER if char.isupper() else LOWER if char.islower() else 0
    return case | (IN_CODE if char in CODE_CHARACTERS else 0) | (SPACE if char == " " else 0)


def bundled() -> Path:
    """The file of the bundled language model."""
    return resources.folder("models") / TABLES


# Types and shapes of a file's tables, but for the groups of letters.
_TABLES = {
    "letters": (np.uint8, (LETTER_SYMBOLS,) * 3),
    "numbers": (np.uint8, (NUMBER_SYMBOLS,) * 2),
    "values": (np.float32, (256,)),
    **dict.fromkeys(("prior", "space", "end"), (np.float32, (KINDS,))),
    **dict.fromkeys(("code", "anything", "least", "keep"), (np.float32, ())),
}


@cache
def load(charset: tuple[str, ...], path: Path | None = None) -> Context:
    """The bundled language model, or one at `path`, for a charset that `fits`.

    Raises InputError when the file cannot be read.
    """
    path = path or bundled()
    try:
        with np.load(path) as file:
            tables = {name: file[name] for name in file.files}
        for name, (dtype, shape) in _TABLES.items():
            if tables[name].dtype != dtype or tables[name].shape != shape:
                raise ValueError(f"`{name}` is {tables[name].dtype} {list(tables[name].shape)}")
        return Context(
            letters=tables["letters"],
            groups=LetterGroups(tables["groups"]),
            numbers=tables["numbers"],
            values=tables["values"],
            prior=tables["prior"],
            space=tables["space"],
            end=tables["end"],
            code=np.float32(tables["code"]),
            anything=np.float32(tables["anything"]),
            least=np.float32(tables["least"]),
            keep=np.float32(tables["keep"]),
            classes=symbols(charset),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as trouble:
        raise InputError(f"the tables of the decoder in {path} cannot be read: {trouble}.") from trouble


@dataclass(frozen=True)
class Language:
    """The likelihood of each kind for the token at a text's end (their sum is nearly 1), and its last symbols.

    letters: the last four, the nearest last. number: the last one.
    """

    kinds: tuple[np.float32, ...]
    letters: tuple[int, int, int, int] = (0, 0, 0, 0)
    number: int = 0


def _weigh(kinds: Sequence[np.float32], factors: Sequence[np.float32]) -> tuple[np.float32, list[np.float32]]:
    """The factor of all kinds together, and the new likelihood of each, in the order of context.c."""
    weighed = [kind * factor for kind, factor in zip(kinds, factors, strict=True)]
    total = _ZERO
    for weight in weighed:
        total = np.float32(total + weight)
    return total, [max(np.float32(weight / total), LEAST_KIND) for weight in weighed]


def _word(context: Context, language: Language, symbol: int) -> np.float32:
    """The factor of a letter symbol in words."""
    *_, before, last = language.letters
    if NO_SYMBOL in (symbol, before, last):
        return context.least
    index = int(context.letters[before, last, symbol])
    return np.float32(context.values[context.groups.index(language.letters, symbol, index)])


def _edge(context: Context, language: Language, ends: np.ndarray) -> list[np.float32]:
    """Factors of a token that ends here."""
    number = context.least
    word = _word(context, language, 0) if language.letters[-1] != 0 else context.least
    if language.number not in (0, NO_SYMBOL):
        number = context.values[context.numbers[language.number, 0]]
    edges = (word, word, word, number, _ONE, _ONE)
    return [np.float32(edge * end) for edge, end in zip(edges, ends, strict=True)]


def follow(context: Context, language: Language, index: int) -> tuple[np.float32, Language]:
    """The factor of a class after a text, and the language state of both together."""
    letter, number, flags = (int(value) for value in context.classes[index])
    if flags & SPACE:
        factor, kinds = _weigh(language.kinds, _edge(context, language, context.space))
        fresh = _ONE - context.keep
        mixed = [context.keep * kind + fresh * first for kind, first in zip(kinds, context.prior, strict=True)]
        return factor, Language(tuple(map(np.float32, mixed)))
    least = figure = context.least
    word = _word(context, language, letter)
    if NO_SYMBOL not in (number, language.number):
        figure = context.values[context.numbers[language.number, number]]
    first_is_capital = bool(flags & UPPER) == (language.letters[-1] == 0)
    factors = [
        least if flags & UPPER else word,
        word if first_is_capital or not flags & (UPPER | LOWER) else least,
        least if flags & LOWER else word,
        figure,
        context.code if flags & IN_CODE else least,
        context.anything,
    ]
    factor, kinds = _weigh(language.kinds, factors)
    return factor, Language(tuple(kinds), (*language.letters[1:], letter), number)


def finish(context: Context, language: Language) -> np.float32:
    """The factor of a token that ends with the text."""
    return _weigh(language.kinds, _edge(context, language, context.end))[0]


@dataclass
class _Prefix:
    """A text so far: the weights of its best path that ends in a blank, and of its best path that ends in its last
    character; and the sums of the characters' probabilities along both.
    """

    language: Language
    blank: np.float32 = _ZERO
    other: np.float32 = _ZERO
    blank_sum: np.float32 = _ZERO
    other_sum: np.float32 = _ZERO

    @property
    def best(self) -> tuple[np.float32, np.float32]:
        """Weight and sum of the better path."""
        return (self.blank, self.blank_sum) if self.blank >= self.other else (self.other, self.other_sum)

    def reach(self, weight: np.float32, total: np.float32, *, blank: bool) -> None:
        """Add a path that leads here; only the best one counts."""
        if blank and weight > self.blank:
            self.blank, self.blank_sum = weight, total
        elif not blank and weight > self.other:
            self.other, self.other_sum = weight, total


def _choices(frame: np.ndarray) -> list[tuple[int, np.float32]]:
    """The likeliest classes of a step, the likeliest first; among equals the lower first; the blank if there is
    none.
    """
    likely = np.flatnonzero(frame >= LEAST_PROBABILITY)  # never a NaN
    chosen = likely[np.argsort(-frame[likely], kind="stable")][:CHOICES]
    return [(int(index), min(np.float32(frame[index]), _ONE)) for index in chosen] or [(0, _ONE)]


def _wide_gaps(context: Context, probabilities: np.ndarray) -> dict[int, list[tuple[int, np.float32]]]:
    """Steps at which a space is read that no step shows by itself, each with its choices.

    In a gap of several letters' width, every step may say blank, and most of them say that it could be a space. The
    best path alone would lose it. So the choice is between a space at any of these steps and a space at none.
    """
    found: dict[int, list[tuple[int, np.float32]]] = {}
    spaces = np.flatnonzero(context.classes[1:, 2] & SPACE)
    if len(spaces) == 0:
        return found
    space = int(spaces[0]) + 1
    with np.errstate(all="ignore"):  # of a network that answers with infinities
        blank, both = probabilities[:, 0], probabilities[:, 0] + probabilities[:, space]
        inside = np.concatenate([[False], both >= LEAST_IN_GAP, [False]])
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        for first, end in edges.reshape(-1, 2).tolist():
            none = np.multiply.accumulate(blank[first:end] / both[first:end])[-1]  # one after the other
            is_undecided = bool((blank[first:end] > probabilities[first:end, space]).all())
            if 0 < first and end < len(probabilities) and is_undecided and _ONE - none > LEAST_SPACE:
                choices = [(space, np.float32(_ONE - none)), (0, none)]
                peak = first + int(probabilities[first:end, space].argmax())
                found[peak] = choices if none >= LEAST_PROBABILITY else choices[:1]
    return found


def _step(
    context: Context, prefixes: dict[tuple[int, ...], _Prefix], choices: Sequence[tuple[int, np.float32]]
) -> None:
    """Extend all texts by a step, and keep the likeliest."""
    reached: dict[tuple[int, ...], _Prefix] = {}
    for text, prefix in prefixes.items():
        weight, total = prefix.best
        for index, probability in choices:
            if index == 0 or (text and index == text[-1]):
                same = reached.setdefault(text, _Prefix(prefix.language))
                if index == 0:
                    same.reach(np.float32(weight * probability), total, blank=True)
                    continue
                same.reach(np.float32(prefix.other * probability), prefix.other_sum, blank=False)
                source, source_sum = prefix.blank, prefix.blank_sum
            else:
                source, source_sum = weight, total
            if not source > 0:
                continue
            factor, language = follow(context, prefix.language, index)
            longer = reached.setdefault((*text, index), _Prefix(language))
            longer.reach(np.float32(np.float32(source * probability) * factor), source_sum + probability, blank=False)
    ranked = sorted(reached.items(), key=lambda item: -item[1].best[0])[:WIDTH]  # stable: of equals the first
    most = ranked[0][1].best[0]
    prefixes.clear()
    for text, prefix in ranked:
        if prefix.best[0] >= most * LEAST_SHARE:
            prefix.blank, prefix.other = np.float32(prefix.blank / most), np.float32(prefix.other / most)
            prefixes[text] = prefix


def decode(probabilities: np.ndarray, charset: Sequence[str], path: Path | None = None) -> Recognition:
    """Decode probabilities float32 [steps, classes]; `charset[0]` is the blank, the rest is printable ASCII.

    The score is the mean probability of the characters, each where it first appears. It equals that of ctc.decode where
    context changes nothing. Raises ValueError when the shapes do not fit, which is a bug of the caller.
    """
    return _decoded(probabilities, charset, path)[0]


def lead(probabilities: np.ndarray, charset: Sequence[str]) -> float:
    """The lead of the text over the next likely one: 1 minus the quotient of their weights, 0 to 1."""
    return _decoded(probabilities, charset, None)[1]


def _decoded(probabilities: np.ndarray, charset: Sequence[str], path: Path | None) -> tuple[Recognition, float]:
    """The results of `decode` and `lead`."""
    probabilities = np.asarray(probabilities, dtype=np.float32)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(charset):
        raise ValueError(f"probabilities {probabilities.shape} do not fit {len(charset)} classes")
    if len(probabilities) > STEPS:
        return ctc.decode(probabilities, charset), 1.0
    context = load(tuple(charset), path)
    prefixes: dict[tuple[int, ...], _Prefix] = {(): _Prefix(Language(tuple(context.prior)), blank=_ONE)}
    gaps = _wide_gaps(context, probabilities)
    for step, frame in enumerate(probabilities):
        _step(context, prefixes, gaps.get(step) or _choices(frame))
    ranked = []
    for text, prefix in prefixes.items():
        weight, total = prefix.best
        if text:  # the language model does not know whether there is a text
            weight = np.float32(weight * finish(context, prefix.language))
        ranked.append((weight, text, total))
    ranked.sort(key=lambda row: -row[0])  # stable: of equals the first
    most, text, total = ranked[0]
    ahead = _ONE - np.float32(ranked[1][0] / most) if len(ranked) > 1 else _ONE
    score = float(np.float32(total / np.float32(len(text)))) if text else 0.0
    read = "".join(charset[index] for index in text)
    return Recognition(read, score, classes=text, lead=float(ahead)), float(ahead)
