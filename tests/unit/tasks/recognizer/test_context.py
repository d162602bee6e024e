"""Decoding in context: against every path of small networks, and on what a reader hesitates about."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import context, ctc, decoding
from ocrm55.tasks.recognizer.charset import load_charset

CHARSET = load_charset()
SURE = 0.97


def seen(*steps: str | dict[str, float]) -> np.ndarray:
    """A blank, then each step and a blank: a character for certain, or several with their probabilities."""
    rows = [{"": SURE}]
    for step in steps:
        rows += [{step: SURE} if isinstance(step, str) else step, {"": SURE}]
    table = np.full((len(rows), len(CHARSET)), 1e-5, np.float32)
    for row, step in zip(table, rows, strict=True):
        for char, probability in step.items():
            row[CHARSET.index(char)] = probability
    return table


def torn(*chars: str) -> dict[str, float]:
    """The first is a little likelier than the others."""
    return {char: 0.5 if index == 0 else 0.45 / (len(chars) - 1) for index, char in enumerate(chars)}


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([torn("/", "1"), "7", "%"], "17%"),
        ([*"0", torn("I", "1"), "/", torn("I", "1"), "2", "/", torn("I", "1"), *"951"], "01/12/1951"),
        ([*"$", torn("o", "0"), *".25"], "$0.25"),
        ([*"FS", torn("o", "0"), *"E455C2RH"], "FS0E455C2RH"),
        ([*"he", torn("I", "l"), torn("I", "l"), "o"], "hello"),
        ([*"HE", torn("l", "L"), "P"], "HELP"),
        ([torn("l", "I"), *" think so"], "I think so"),
        ([*"flu", torn("l", "f"), *"fy"], "fluffy"),
        ([*"Mary", torn("`", "'"), "s"], "Mary's"),
        ([*"good ", torn("M", "m"), *"orning"], "good morning"),
    ],
)
def test_neighbours_decide(steps: list, text: str) -> None:
    assert context.decode(seen(*steps), CHARSET).text == text
    assert ctc.decode(seen(*steps), CHARSET).text != text


@pytest.mark.parametrize("text", ["xQ9z}~Il", "Wrod", "teh", "1O0I", "|||", "  a", "McDonald", "aAaA", "3.14.15,"])
def test_what_is_certain_stays(text: str) -> None:
    table = seen(*text)
    assert context.decode(table, CHARSET) == ctc.decode(table, CHARSET)
    assert context.decode(table, CHARSET).text == text


def test_an_empty_picture_stays_empty() -> None:
    for char in CHARSET[1:]:
        assert context.decode(seen({"": 0.85, char: 0.12}), CHARSET).text == ""


def test_score_is_of_what_is_read() -> None:
    read = context.decode(seen(torn("/", "1"), "7", "%"), CHARSET)
    assert read.score == pytest.approx((0.45 + 2 * SURE) / 3)


MAYBE = {"": 0.65, " ": 0.33}


def test_a_space_that_no_step_shows_is_read_in_a_wide_gap() -> None:
    """As the bundled weights see a gap of eight spaces: any of its steps may be the space, none is by itself."""
    wide = seen("A", *[MAYBE] * 5, {"": 0.6, " ": 0.38}, "B")
    assert ctc.decode(wide, CHARSET).text == "AB"
    read = context.decode(wide, CHARSET)
    assert read.text == "A B"
    none = (0.65 / 0.98) ** 5 * 0.6 / 0.98 * (SURE / (SURE + 1e-5)) ** 7  # the likelihood of no space at any step
    assert read.score == pytest.approx((2 * SURE + 1 - none) / 3, abs=1e-6)


@pytest.mark.parametrize(
    "steps",
    [
        ["A", MAYBE, "B"],  # likelier no space than one
        [MAYBE, MAYBE, MAYBE, "A"],  # the picture's edges
        ["A", MAYBE, MAYBE, MAYBE],
        ["A", MAYBE, MAYBE, {" ": SURE}, "B"],  # a step shows the space
        ["A", {"": 0.5, " ": 0.33, "-": 0.15}, {"": 0.5, " ": 0.33, "-": 0.15}, "B"],  # another sign, perhaps
    ],
)
def test_other_gaps_stay(steps: list) -> None:
    table = seen(*steps)
    assert context.decode(table, CHARSET) == ctc.decode(table, CHARSET)


def likelihood_of(text: str, model: context.Context) -> float:
    """The language model's factor of a whole text, kind after kind of each token, in float64."""
    total, prior = 1.0, model.prior.astype(float)
    if not text:
        return 1.0
    tokens = text.split(" ")
    for number, token in enumerate(tokens):
        ends = model.end if number == len(tokens) - 1 else model.space
        kinds = np.array([prior[kind] * _token(token, kind, model) * float(ends[kind]) for kind in range(6)])
        total *= kinds.sum()
        prior = float(model.keep) * kinds / kinds.sum() + (1 - float(model.keep)) * model.prior
    return total


def _letter(five: list[int], model: context.Context) -> float:
    """The factor of the last of five letter symbols."""
    if context.NO_SYMBOL in five[2:]:
        return float(model.least)
    *before, symbol = five
    index = int(model.letters[tuple(five[2:])])
    return float(model.values[model.groups.index(tuple(before), symbol, index)])


def _token(token: str, kind: int, model: context.Context) -> float:
    least = float(model.least)
    letters = [0, 0, 0, 0, *map(context.letter_symbol, token), 0]
    numbers = [0, *map(context.number_symbol, token), 0]
    value = 1.0
    for place, char in enumerate(token):
        word, two = _letter(letters[place : place + 5], model), numbers[place : place + 2]
        figure = least if context.NO_SYMBOL in two else float(model.values[model.numbers[tuple(two)]])
        small, capital, capitals = char.islower(), char.isupper() if place == 0 else char.islower(), char.isupper()
        fits = [small, capital, capitals][kind] if kind < 3 and char.isalpha() else True
        in_code = float(model.code) if char in context.CODE_CHARACTERS else least
        value *= [word if fits else least][0] if kind < 3 else [figure, in_code, float(model.anything)][kind - 3]
    if kind < 3:
        value *= _letter(letters[-5:], model) if letters[-2] else least
    elif kind == 3:
        known = numbers[-2] not in (0, context.NO_SYMBOL)
        value *= float(model.values[model.numbers[numbers[-2], 0]]) if known else least
    return value


def test_the_likeliest_of_all_texts() -> None:
    """Each text's best path, found by trying all of them, times what the language model gives the text."""
    model = context.load(tuple(CHARSET))
    generator = np.random.default_rng(3)
    chosen = [0, *(CHARSET.index(char) for char in "0Oo l")]
    found = 0
    for _ in range(40):
        small = generator.dirichlet([0.15] * len(chosen), 5)
        table = np.zeros((5, len(CHARSET)), np.float32)
        table[:, chosen] = small
        best: dict[str, float] = {}
        for path in product(range(len(chosen)), repeat=5):
            classes = np.array([chosen[index] for index in path])
            probability = float(np.prod([table[step, index] for step, index in enumerate(classes)]))
            text = "".join(CHARSET[index] for index in classes[ctc.kept_steps(classes)])
            best[text] = max(best.get(text, 0.0), probability)
        weights = {text: weight * likelihood_of(text, model) for text, weight in best.items()}
        read = context.decode(table, CHARSET).text
        assert weights[read] >= 0.5 * max(weights.values())
        found += weights[read] >= 0.9999 * max(weights.values())
    assert found >= 36  # eight texts are followed, not all: now and then the likeliest falls behind early


def test_other_charsets_are_decoded_greedily() -> None:
    chinese = ["", "\u5b57", "\u7b26", " "]
    assert not context.fits(chinese)
    assert decoding.for_network("context", chinese, 40) == "greedy"
    assert decoding.for_network("context", CHARSET, 40) == "context"
    assert decoding.for_network("greedy", CHARSET, 40) == "greedy"
    table = np.eye(4, dtype=np.float32)[[1, 0, 2]]
    assert decoding.decode(table, chinese, "context").text == "\u5b57\u7b26"


def test_longer_outputs_are_decoded_greedily() -> None:
    table = np.concatenate([seen(torn("/", "1"), "7", "%"), seen(*"a" * 29)])
    assert len(table) == context.STEPS + 2
    assert context.decode(table, CHARSET) == ctc.decode(table, CHARSET)
    assert decoding.for_network("context", CHARSET, len(table)) == "greedy"


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit 97 classes"):
        context.decode(np.zeros((40, 96), np.float32), CHARSET)


def test_damaged_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tables of the decoder"):
        context.decode(seen("a"), CHARSET, tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(context.bundled().read_bytes()[:1000])
    with pytest.raises(InputError, match="tables of the decoder"):
        context.decode(seen("a"), CHARSET, tmp_path / "cut.npz")
    with np.load(context.bundled()) as file:
        tables = dict(file)
    other = {
        "letters": np.zeros((3, 3, 3), np.uint8),
        "numbers": tables["numbers"].astype(np.int16),
        "values": tables["values"][:16],
        "prior": tables["prior"][:5],
        "keep": tables["space"],
        "groups": tables["groups"].astype(np.uint8),
    }
    for name, table in other.items():
        np.savez(tmp_path / f"{name}.npz", **{**tables, name: table})
        with pytest.raises(InputError, match="tables of the decoder"):
            context.decode(seen("a"), CHARSET, tmp_path / f"{name}.npz")
