"""Patterns as automata, against Python's regular expressions."""

import random
import re
import time

import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.restriction.patterns import compile_pattern
from tests import yardstick

YARDSTICKS = 500  # of a processor, as tests/yardstick.py measures this computer

CHARSET = load_charset()
INDEX = {character: index for index, character in reversed(list(enumerate(CHARSET)))}
ATOMS = (
    "a",
    "b",
    "[ab]",
    "[^a]",
    ".",
    r"\d",
    "(a|b1)",
    "(?:ab)",
    "1",
    "()",
    "(a?|b*)",
    "[0-3-]",
    r"\.",
    r"[\d.]",
    r"\w",
)
REPEATS = ("", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "{0,2}", "{0}")


def says(pattern: str, text: str) -> bool:
    return compile_pattern(pattern, CHARSET, 40).accepts([INDEX[c] for c in text])


def some_pattern(rng: random.Random, depth: int = 2) -> str:
    parts = []
    for _ in range(rng.randint(1, 3)):
        atom = rng.choice(ATOMS) if not depth or rng.random() < 0.6 else f"({some_pattern(rng, depth - 1)})"
        parts.append(atom + rng.choice(REPEATS))
    return "".join(parts) + (f"|{rng.choice(ATOMS)}" if rng.random() < 0.2 else "")


def test_python_says_the_same_of_random_patterns() -> None:
    rng = random.Random(1)
    compared = 0
    for _ in range(150):
        pattern = some_pattern(rng)
        try:
            automaton = compile_pattern(pattern, CHARSET, 12)
        except InputError:
            continue
        for _ in range(40):
            text = "".join(rng.choice("ab1.-c") for _ in range(rng.randint(0, 7)))
            assert automaton.accepts([INDEX[c] for c in text]) == bool(re.fullmatch(pattern, text)), (pattern, text)
            compared += 1
    assert compared > 4000


def test_equal_states_are_one() -> None:
    assert compile_pattern(r"\d{6}\.\d", CHARSET, 40).states == 9
    assert compile_pattern("abc|xbc|ybc", CHARSET, 40).states == 4
    assert compile_pattern("(a|aa|aaa){1,40}", CHARSET, 40).states == 41


def test_texts_that_are_too_long_take_no_states() -> None:
    assert compile_pattern("a{3,200}", CHARSET, 5).states == 6


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a{1000000000}", "more than 255 repeats"),
        ("((((a{1,255}){1,255}){1,255}){1,255})", "more than 2,048 characters"),
        ("(a|b)*a(a|b){20}", "states"),
        ("(.{1,40}a){1,40}", "states"),
        (".*(.*(.*(.*x{0,255}){0,3}){0,3}){0,3}", "more than 2,048"),
        ("(" * 60 + "a" + ")" * 60, "within 50 others"),
        ("x" * 2000, "at most 1,000 characters"),
        ("a**", "repeats what is repeated"),
        ("*a", "write a backslash"),
        ("^a$", "write a backslash"),
        (r"\b", "follows a backslash"),
        (r"(a)\1", "follows a backslash"),
        ("(?=a)", "does not have"),
        ("[a", "closes the set"),
        ("[z-a]", "goes backwards"),
        ("(a", "close a group"),
        ("a)", "nothing opens"),
        ("a{3,2}", "fewer repeats"),
        ("a{,3}", "not {n}"),
        ("a{", "not {n}"),
        ("\u00e9", "does not read"),
        ("a{41}", "no text fits"),
        ("[^ -~]", "no text fits"),
        ("a\\", "follows a backslash"),
    ],
)
def test_what_is_refused_in_one_sentence_and_soon(pattern: str, why: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError, match=re.escape(why)) as refused:
        compile_pattern(pattern, CHARSET, 40)
    assert time.process_time() - start < YARDSTICKS * yardstick.seconds()
    assert "\n" not in str(refused.value).split("  ")[0]


def test_many_copies_of_nothing() -> None:
    start = time.process_time()
    assert says("(((((((((a?)?)*)*)*)*)*)*)*)*", "aa")
    assert says("(" * 40 + ")" + "{255})" * 39, "")
    assert says("((a?){255}){8}", "a" * 40)
    assert time.process_time() - start < YARDSTICKS * yardstick.seconds()
