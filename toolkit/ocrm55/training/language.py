"""The language model of the decoder, from the texts that the recognizer is trained on.

    python -m ocrm55.training.language context.npz

Words are counted in groups of three letters, whatever their case. A table of 29 x 29 x 29 bytes is small beside the
network, and a table for groups of four would not be. Numbers are counted in pairs, and each digit counts as any digit.
Every entry is a factor: how much likelier a character is there than by chance. It is tempered, because the network has
seen the same texts and knows some of it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ocrm55 import console, files
from ocrm55.tasks.recognizer.context import (
    CLOSING,
    CODE_CHARACTERS,
    LETTER_SYMBOLS,
    NO_SYMBOL,
    NUMBER_SYMBOLS,
    letter_symbol,
    number_symbol,
)
from ocrm55.training import texts

SAMPLES = 200_000  # symbols in a group, of words and of numbers
SEED = 5
CHANCE = 96  # characters and the end: pure chance chooses among these
TEMPER = 0.4  # likelihoods are raised to this power
NEVER = 1e-6  # the likelihood of a character that a kind does not contain
# For each kind of token, in the order of recognizer.context: its share, and how often a space follows it, not the end.
SHARES = (0.30, 0.15, 0.15, 0.17, 0.10, 0.13)
SPACES = (0.40, 0.40, 0.40, 0.15, 0.15, 0.25)
TOKEN_ENDS = 0.08  # this share of a code's characters, or of anything's, are the token's last
KEEP = 0.2  # how strongly a token keeps the kind of the token before
# Codes of the tables: code / RESOLUTION - LOWEST is a factor's logarithm to base 2.
RESOLUTION, LOWEST = 16, 12


def words(rng: random.Random, count: int) -> list[list[int]]:
    """Letter symbols of `count` words, some with 's, some with a closing mark."""

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


def likelihoods(samples: Sequence[Sequence[int]], symbols: int, order: int) -> np.ndarray:
    """The likelihood of each symbol after the `order` - 1 symbols before it: float64 [symbols] * order.

    The last axis adds up to 1. Each context is mixed with the shorter one. The more different symbols follow, the
    larger is the shorter one's part (Witten and Bell). Symbol 0 stands before the first and after the last of a sample.
    """
    counts = np.zeros((symbols,) * order)
    for sample in samples:
        padded = [0] * (order - 1) + [*sample, 0]
        for start in range(len(padded) - order + 1):
            counts[tuple(padded[start : start + order])] += 1
    shorter = np.full(symbols, 1 / symbols)
    for length in range(order):
        seen = counts.sum(axis=tuple(range(order - 1 - length)))
        different = np.maximum((seen > 0).sum(axis=-1, keepdims=True), 1e-9)
        shorter = (seen + different * shorter) / (seen.sum(axis=-1, keepdims=True) + different)
    return shorter


def factor(likelihood: np.ndarray | float) -> np.ndarray:
    """The factor that a text gains from a character of this likelihood."""
    return np.asarray((CHANCE * np.maximum(likelihood, NEVER)) ** TEMPER)


def tables(samples: int = SAMPLES, seed: int = SEED) -> dict[str, np.ndarray]:
    """The arrays of a recognizer.context.Context, without the classes."""
    rng = random.Random(seed)
    letters = likelihoods(words(rng, samples), LETTER_SYMBOLS, 3)
    letters[:, :, -1] /= len(CLOSING)
    figures = likelihoods(numbers(rng, samples), NUMBER_SYMBOLS, 2)
    figures[:, 1] /= 10

    def codes(likelihood: np.ndarray) -> np.ndarray:
        steps = np.rint(RESOLUTION * (np.log2(factor(likelihood)) + LOWEST))
        return np.clip(steps, 0, 255).astype(np.uint8)

    inside = 1 - TOKEN_ENDS
    uniform = np.array([1, 1, 1, 1, factor(TOKEN_ENDS), factor(TOKEN_ENDS)])
    spaces = np.array(SPACES)
    return {
        "letters": codes(letters),
        "numbers": codes(figures),
        "values": np.exp2(np.arange(256) / RESOLUTION - LOWEST).astype(np.float32),
        "prior": np.array(SHARES, np.float32),
        "space": (uniform * spaces**TEMPER).astype(np.float32),
        "end": (uniform * (1 - spaces) ** TEMPER).astype(np.float32),
        "code": factor(inside / len(CODE_CHARACTERS)).astype(np.float32),
        "anything": factor(inside / len(texts.PRINTABLE)).astype(np.float32),
        "least": factor(NEVER).astype(np.float32),
        "keep": np.array(KEEP, np.float32),
    }


def main() -> None:
    """The program: `language DESTINATION`."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    destination = Path(sys.argv[1])
    with console.errors_end_the_program():
        arrays = tables()
        with files.atomic_file(destination) as staging, staging.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    console.note(f"{len(texts.dictionary()):,} words -> {destination}")


if __name__ == "__main__":
    main()
