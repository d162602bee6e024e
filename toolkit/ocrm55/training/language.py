"""The language model of the decoder: from a dictionary, from words of signs, and from labels.

    python -m ocrm55.training.language context.npz
    python -m ocrm55.training.language context.npz words.tsv@0.3 receipts.tsv@0.2

A label file has a path, a tab and a text in each line. The number behind it says how much its tokens count, where all
words of the dictionary count 1.

Words are counted in groups of three letters, whatever their case, and in those groups of four and five that tell more
(letter_groups.py). Numbers are counted in pairs, and each digit counts as any digit. Every entry is a factor: how much
likelier a character is there than by chance. It is tempered, because the network has seen the same texts and knows some
of it.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ocrm55 import console, files
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.context import (
    CLOSING,
    CODE_CHARACTERS,
    LETTER_SYMBOLS,
    NO_SYMBOL,
    NUMBER_SYMBOLS,
    letter_symbol,
    number_symbol,
)
from ocrm55.tasks.recognizer.letter_groups import LONGEST
from ocrm55.training import letter_groups, texts, vocabulary
from ocrm55.training.likelihood import Likelihoods

WORDS, NUMBERS = 1_000_000, 200_000  # that are drawn
VOCABULARY = 0.3  # how much the words of vocabulary.py count, where those drawn count 1
MOST_LABELS = 1 << 26  # bytes of a file
MOST_SHARE = 1000  # of a file; so large a one leaves nothing of the dictionary
SEED = 5
CHANCE = 96  # characters and the end: pure chance chooses among these
TEMPER = 0.55  # likelihoods are raised to this power
NEVER = 1e-6  # the likelihood of a character that a kind does not contain
# For each kind of token, in the order of recognizer.context: its share, and how often a space follows it, not the end.
SHARES = (0.30, 0.15, 0.15, 0.17, 0.10, 0.13)
SPACES = (0.40, 0.40, 0.40, 0.15, 0.15, 0.25)
TOKEN_ENDS = 0.08  # this share of a code's characters, or of anything's, are the token's last
KEEP = 0.2  # how strongly a token keeps the kind of the token before
# Codes of the tables: code / RESOLUTION - LOWEST is a factor's logarithm to base 2.
RESOLUTION, LOWEST = 16, 12


def words(rng: random.Random, count: int) -> list[list[int]]:
    """Letter symbols of `count` words of the dictionary, some with 's, some with a closing mark."""

    def draw() -> str:
        dice = rng.random()
        text = texts.word(rng) if dice < 0.65 else rng.choice(texts.COMMON_WORDS if dice < 0.8 else texts.SIGN_WORDS)
        text, dice = text.lower(), rng.random()
        text = f"{text}'s" if dice < 0.12 else rng.choice(texts.CONTRACTIONS) if dice < 0.15 else text
        return text + (rng.choice(CLOSING) if rng.random() < 0.15 else "")

    return _known(draw, letter_symbol, count)


def numbers(rng: random.Random, count: int) -> list[list[int]]:
    """Number symbols of `count` numbers, prices, dates and times."""
    return _known(lambda: texts.stuttered_number(rng), number_symbol, count)


def _known(draw: Callable[[], str], symbol: Callable[[str], int], count: int) -> list[list[int]]:
    """The symbols of `count` texts. All characters of these texts have a symbol."""
    found: list[list[int]] = []
    while len(found) < count:
        symbols = [symbol(char) for char in draw()]
        if NO_SYMBOL not in symbols:
            found.append(symbols)
    return found


def tokens(labels: Path) -> list[tuple[int, ...]]:
    """Letter symbols of the tokens of a label file that are words. Raises InputError where it has none."""
    try:
        lines = files.read_text(labels, MOST_LABELS, encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"{labels} cannot be read as UTF-8 text: {trouble}.") from trouble
    written = (token for line in lines for token in line.partition("\t")[2].split())
    found = [tuple(map(letter_symbol, token)) for token in written]
    found = [symbols for symbols in found if NO_SYMBOL not in symbols]
    if not found:
        raise InputError(f"{labels} has no words: a line of it is a path, a tab and a text.")
    return found


def weighed(count: int, seed: int, labels: Mapping[Path, float]) -> dict[tuple[int, ...], float]:
    """All words that are counted, with their weights: those of the dictionary have `count` together."""
    found: Counter[tuple[int, ...]] = Counter(map(tuple, words(random.Random(seed), count)))
    known = [tuple(map(letter_symbol, word)) for word in vocabulary.WORDS]
    for share, more in ((VOCABULARY, known), *((share, tokens(path)) for path, share in labels.items())):
        for symbols, times in Counter(more).items():
            found[symbols] += share * count * times / len(more)  # type: ignore[assignment]
    return dict(found)


def factor(likelihood: np.ndarray | float) -> np.ndarray:
    """The factor that a text gains from a character of this likelihood."""
    return np.asarray((CHANCE * np.maximum(likelihood, NEVER)) ** TEMPER)


def _index(likelihood: np.ndarray | float) -> np.ndarray:
    """The place of a likelihood's factor among the values, not yet rounded."""
    return np.asarray(RESOLUTION * (np.log2(factor(likelihood)) + LOWEST))


def _codes(likelihood: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(_index(likelihood)), 0, 255).astype(np.uint8)


def groups(likelihoods: Likelihoods) -> np.ndarray:
    """The table of groups of four and five letters: uint16 [buckets, 4]."""
    closing = LETTER_SYMBOLS - 1

    def index(symbol: int, likelihood: float) -> float:
        return float(_index(likelihood / (len(CLOSING) if symbol == closing else 1)))

    def change(times: float) -> float:
        return float(RESOLUTION * TEMPER * np.log2(times))

    return letter_groups.packed(letter_groups.chosen(likelihoods, index, change))


def tables(
    count: int = WORDS, figures: int = NUMBERS, seed: int = SEED, labels: Mapping[Path, float] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a recognizer.context.Context, without the classes.

    count, figures: words and numbers that are drawn. labels: files of labels, and how much each counts.
    """
    of_words = Likelihoods(weighed(count, seed, labels or {}), LETTER_SYMBOLS, LONGEST)
    letters = of_words.table(2)
    letters[:, :, -1] /= len(CLOSING)
    drawn: Counter[tuple[int, ...]] = Counter(map(tuple, numbers(random.Random(seed), figures)))
    signs = Likelihoods(drawn, NUMBER_SYMBOLS, 1).table(1)
    signs[:, 1] /= 10
    inside = 1 - TOKEN_ENDS
    uniform = np.array([1, 1, 1, 1, factor(TOKEN_ENDS), factor(TOKEN_ENDS)])
    spaces = np.array(SPACES)
    return {
        "letters": _codes(letters),
        "groups": groups(of_words),
        "numbers": _codes(signs),
        "values": np.exp2(np.arange(256) / RESOLUTION - LOWEST).astype(np.float32),
        "prior": np.array(SHARES, np.float32),
        "space": (uniform * spaces**TEMPER).astype(np.float32),
        "end": (uniform * (1 - spaces) ** TEMPER).astype(np.float32),
        "code": factor(inside / len(CODE_CHARACTERS)).astype(np.float32),
        "anything": factor(inside / len(texts.PRINTABLE)).astype(np.float32),
        "least": factor(NEVER).astype(np.float32),
        "keep": np.array(KEEP, np.float32),
    }


def _labels(words: Sequence[str]) -> dict[Path, float]:
    """`words.tsv@0.3` is a file and how much it counts."""
    found = {}
    for word in words:
        path, _, share = word.rpartition("@")
        try:
            found[Path(path)] = float(share)
        except ValueError:
            raise InputError(f"{word} does not say how much the file counts: write FILE@0.3, for example.") from None
        if not path or not 0 < found[Path(path)] <= MOST_SHARE:
            raise InputError(
                f"{word} names no file and a share from above 0 to {MOST_SHARE}: write FILE@0.3, for example."
            )
    return found


def main() -> None:
    """The program: `language DESTINATION [LABELS@SHARE …]`."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    destination = Path(sys.argv[1])
    with console.errors_end_the_program():
        arrays = tables(labels=_labels(sys.argv[2:]))
        with files.atomic_file(destination) as staging, staging.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    held = np.count_nonzero(arrays["groups"])
    console.note(f"{len(texts.dictionary()):,} words, {held:,} groups of letters -> {destination}")


if __name__ == "__main__":
    main()
