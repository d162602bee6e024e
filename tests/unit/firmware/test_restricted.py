"""The firmware's decoder within a restriction against the host's: the same text, score and lead, to the last bit."""

import itertools
import string
import struct
from pathlib import Path

import numpy as np
import pytest

from ocrm55.restriction import Restriction
from ocrm55.tasks.recognizer import context, ctc, decoding, restricted
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.restriction import check_digits
from ocrm55.tasks.recognizer.restriction.restriction import Tables, compile_restriction
from tests.unit.firmware.host_driver import words
from tests.unit.firmware.test_context import softmax

CHARSET = tuple(load_charset())
INDEX = {character: index for index, character in reversed(list(enumerate(CHARSET)))}
RESTRICTIONS = {
    "allow": Restriction(allow="0-9A-HJ-NPR-Z ."),
    "pattern": Restriction(pattern=r"[A-Z]{1,3}-?\d{2,5}(\.\d)?"),
    "any": Restriction(pattern=".*"),
    "luhn": Restriction(check_digits="luhn"),
    "ean": Restriction(check_digits="ean"),
    "iban": Restriction(check_digits="iban"),
    "vin": Restriction(pattern="[A-HJ-NPR-Z0-9]{17}", check_digits="vin"),
    "iso6346": Restriction(pattern=r"[A-Z]{4} ?\d{6} ?\d", check_digits="iso6346"),
    "mrz": Restriction(check_digits="mrz"),
}
MASKS = {"digits": "0123456789", "none": ""}


def bits_of(allowed: np.ndarray) -> bytes:
    padded = np.zeros(-(-len(allowed) // 32) * 32, bool)
    padded[: len(allowed)] = allowed
    return np.packbits(padded, bitorder="little").tobytes()


def case_of(tables: Tables, probabilities: np.ndarray, mask: np.ndarray | None = None, *, in_context: bool) -> bytes:
    automaton = tables.automaton
    kind = 1 + check_digits.KINDS.index(tables.check) if tables.check else 0
    states, edges = (0, 0) if automaton is None else (automaton.states, len(automaton.classes))
    head = words(*probabilities.shape, int(in_context), kind, states, edges, int(mask is not None))
    parts = [bits_of(tables.allowed)]
    if automaton is not None:
        parts += [automaton.first.astype("<u4").tobytes(), automaton.classes.astype("<u2").tobytes()]
        parts += [automaton.targets.astype("<u2").tobytes(), automaton.to_go.tobytes()]
    parts += [tables.values.tobytes(), b"" if mask is None else bits_of(mask)]
    return head + b"".join(parts) + probabilities.astype("<f4").tobytes()


def check(part, tables: Tables, cases: list[np.ndarray], mask: np.ndarray | None = None, *, in_context: bool) -> int:
    """Compare all cases; returns how many found a text."""
    lines = part("restricted", [case_of(tables, case, mask, in_context=in_context) for case in cases])
    assert len(lines) == len(cases)
    model = context.load(CHARSET) if in_context else None
    narrowed = tables if mask is None else Tables(tables.allowed & mask, tables.automaton, tables.check, tables.values)
    count = 0
    for case, line in zip(cases, lines, strict=True):
        bits, lead, *kept = line.split()
        host = restricted.decode(case, CHARSET, narrowed, model)
        found = host.classes
        assert tuple(map(int, kept)) == (found or ())
        assert struct.pack("<I", int(bits, 16)) == struct.pack("<f", -1 if found is None else host.score)
        assert np.float32(lead) == host.lead
        if found is not None:
            count += 1
            assert tables.fits(found)
    return count


def undecided(seed: int, texts: list[str], steps: int = 40) -> list[np.ndarray]:
    """What a network says that saw a text and doubts it."""
    generator = np.random.default_rng(seed)
    cases = []
    for text in texts:
        logits = generator.normal(0, 1, (steps, len(CHARSET)))
        places = np.sort(generator.choice(steps, len(text), replace=False))
        logits[:, 0] += 7
        for place, character in zip(places, text, strict=True):
            logits[place, 0] -= generator.choice([4, 7])
            logits[place, INDEX[character]] += generator.uniform(3, 9)
            logits[place, generator.integers(1, 95, 2)] += generator.uniform(1, 9, 2)
        cases.append(softmax(logits))
    return cases


TEXTS = {
    "allow": ["A1B2", "X 0.5", "HELLO", "it is"],
    "pattern": ["AB-1234.5", "X12", "Ab12"],
    "any": ["any text"],
    "luhn": ["4111 1111 1111 1111", "79927398713", "79927398710"],
    "ean": ["4006381333931", "96385074", "96385075"],
    "iban": ["GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00"],
    "vin": ["1M8GDM9AXKP042788", "11111111111111111"],
    "iso6346": ["CSQU3054383", "CSQU 305438 3"],
    "mrz": ["L898902C36", "7408122", "AB<<3"],
}


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_undecided_steps(part, name: str) -> None:
    tables = compile_restriction(RESTRICTIONS[name], CHARSET, 40)
    cases = undecided(3, TEXTS[name] * (12 // len(TEXTS[name])))
    assert check(part, tables, cases, in_context=name == "allow")
    if name == "allow":
        check(part, tables, cases, in_context=False)
        for mask in MASKS.values():
            allowed = np.array([c != "" and c in mask for c in CHARSET])
            check(part, tables, cases, allowed, in_context=True)


def test_what_is_not_a_probability(part) -> None:
    generator = np.random.default_rng(4)
    odd = [0, 1e-3, 0.1, 0.5, 0.9, 3, 1e30, 1e-40, -1, np.nan, np.inf, -np.inf]
    cases = [generator.choice(odd, (12, 97)).astype(np.float32) for _ in range(20)]
    cases += [np.full((12, 97), np.nan, np.float32), np.zeros((12, 97), np.float32)]
    for name in ("allow", "pattern", "mrz"):
        check(part, compile_restriction(RESTRICTIONS[name], CHARSET, 12), cases, in_context=True)


@pytest.mark.parametrize("steps", [1, 2, 64, 65, 96])
def test_other_lengths(part, steps: int) -> None:
    generator = np.random.default_rng(steps)
    tables = compile_restriction(RESTRICTIONS["allow"], CHARSET, steps)
    cases = [softmax(generator.normal(0, 4, (steps, 97))) for _ in range(5)]
    check(part, tables, cases, in_context=steps <= context.STEPS)


def test_a_lexicon(part, tmp_path: Path) -> None:
    listed = ["".join(p) for p in itertools.product("abc", repeat=4)] + ["", "xyzzy", "x"]
    (tmp_path / "words").write_text("\n".join(listed))
    tables = compile_restriction(Restriction(lexicon=tmp_path / "words"), CHARSET, 40)
    assert check(part, tables, undecided(5, ["abca", "xyzzy", "abd", "x"] * 5), in_context=False)


def all_texts(tables: Tables, classes: list[int], longest: int) -> list[tuple[int, ...]]:
    texts = (t for n in range(longest + 1) for t in itertools.product(classes, repeat=n))
    return [text for text in texts if tables.fits(text)]


def best_path(probabilities: np.ndarray, text: tuple[int, ...]) -> float:
    """The probability of the best way to spread a text over the steps: CTC's sum with a maximum in its place."""
    path = [0]
    for index in text:
        path += [index, 0]
    reached = np.zeros(len(path))
    reached[0] = 1
    for step, frame in enumerate(probabilities.astype(np.float64)):
        new = np.zeros(len(path))
        for i, index in enumerate(path):
            best = reached[i] if i or not step else reached[0]
            if i:
                best = max(best, reached[i - 1])
            if i > 1 and index and index != path[i - 2]:
                best = max(best, reached[i - 2])
            new[i] = best * frame[index]
        if not step:
            new[1:] = 0
            if len(path) > 1:
                new[1] = frame[path[1]]
        reached = new
    return float(reached[-2:].max())


@pytest.mark.parametrize("name", ["pattern", "allow", "luhn", "mrz"])
def test_the_likeliest_of_all_texts_that_fit(name: str) -> None:
    """Against every text one by one."""
    asked = {
        "pattern": Restriction(pattern="(1|23|[12]2)+"),
        "allow": Restriction(allow="123"),
        "luhn": Restriction(allow="0-3", check_digits="luhn"),
        "mrz": Restriction(allow="0-3", check_digits="mrz"),
    }[name]
    classes = [INDEX[c] for c in "0123"]
    tables = compile_restriction(asked, CHARSET, 6)
    texts = all_texts(tables, classes, 6)
    generator = np.random.default_rng(6)
    proved = 0
    for _ in range(30):
        case = np.zeros((6, 97), np.float32)
        case[:, [0, *classes]] = generator.dirichlet(np.full(5, 0.2), 6).clip(2e-3)
        found = restricted.decode(case, CHARSET, tables)
        if found.exact:
            proved += 1
            assert found.classes is not None
            most = max(best_path(case, text) for text in texts)
            assert best_path(case, found.classes) == pytest.approx(most, rel=1e-4)
    assert proved > 20


def test_what_fits_is_read_as_without_a_restriction() -> None:
    """Where everything is allowed, as in context; where that text fits, greedily.

    In context follows fewer texts, so now and then it loses the likeliest one early.
    """
    allowed = compile_restriction(Restriction(allow=" -~"), CHARSET, 40)
    digits = compile_restriction(Restriction(pattern=r"\d*"), CHARSET, 40)
    same = 0
    for case in undecided(7, ["Hello you", "12345", "017"] * 5):
        plain = decoding.decode(case, CHARSET, "context")
        same += decoding.decode(case, CHARSET, "context", allowed).text == plain.text
        greedy, within = ctc.decode(case, CHARSET), decoding.decode(case, CHARSET, "greedy", digits)
        if set(greedy.text) <= set(string.digits):
            assert within.text == greedy.text
    assert same >= 13  # of 15


def test_where_nothing_fits_what_is_seen_is_said() -> None:
    tables = compile_restriction(Restriction(pattern=r"\d{6}"), CHARSET, 40)
    case = np.zeros((40, 97), np.float32)
    case[:, 0] = 1
    for place, character in enumerate("word"):
        case[2 * place] = 0
        case[2 * place, INDEX[character]] = 1
    found = decoding.decode(case, CHARSET, "context", tables)
    assert (found.text, found.score, found.fits) == ("", 0, False)
    assert found.seen is not None and found.seen.text == "word"
