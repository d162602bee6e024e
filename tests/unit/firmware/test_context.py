"""The firmware's decoder in context against the host's: the same text and the same score, to the last bit."""

import struct

import numpy as np
import pytest

from ocrm55.tasks.recognizer import context, ctc
from ocrm55.tasks.recognizer.charset import load_charset
from tests.unit.firmware.host_driver import words

CHARSET = load_charset()


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


def check(part, cases: list[np.ndarray]) -> None:
    lines = part("context", [words(*case.shape) + case.astype("<f4").tobytes() for case in cases])
    assert len(lines) == 2 * len(cases)
    for case, line, lead in zip(cases, lines[::2], lines[1::2], strict=True):
        bits, *kept = line.split()
        host = context.decode(case, CHARSET)
        assert "".join(CHARSET[int(index)] for index in kept) == host.text
        assert struct.pack("<I", int(bits, 16)) == struct.pack("<f", host.score)
        assert np.float32(lead) == np.float32(context.lead(case, CHARSET))


def test_undecided_steps(part) -> None:
    """Most steps blank, the others torn between a few classes, as a network that hesitates."""
    generator = np.random.default_rng(1)
    cases = []
    for _ in range(800):
        logits = generator.normal(0, 1, (40, 97))
        logits[:, 0] += generator.choice([0, 3, 9], 40)
        for step in range(40):
            logits[step, generator.integers(0, 97, 3)] += generator.uniform(3, 9, 3)
        cases.append(softmax(logits))
    check(part, cases)


def test_ties_repetitions_and_all_classes_alike(part) -> None:
    generator = np.random.default_rng(2)
    few = [1, 2, 11, 50, 87, 95]
    cases = []
    for _ in range(400):
        case = np.zeros((16, 97), np.float32)
        case[:, [0, *few]] = generator.choice([0, 0.25, 0.5, 1], (16, 7))
        cases.append(case)
    cases.append(np.full((40, 97), 1 / 97, np.float32))
    check(part, cases)


def test_wide_gaps(part) -> None:
    """Runs of steps that are blanks or spaces, at the edges and between characters, some with another step."""
    generator = np.random.default_rng(5)
    space, cases, widened = CHARSET.index(" "), [], 0
    for _ in range(300):
        case = np.full((40, 97), 1e-5, np.float32)
        for step in range(40):
            case[step, generator.integers(1, 95) if generator.random() < 0.15 else 0] = 0.97
        for first in generator.integers(0, 36, 3):
            share = generator.uniform(0, 0.5, 4)
            case[first : first + 4] = 1e-5
            case[first : first + 4, 0], case[first : first + 4, space] = 0.98 - share, share
        cases.append(case)
        widened += context.decode(case, CHARSET).text != ctc.decode(case, CHARSET).text
    assert widened > 30
    check(part, cases)


@pytest.mark.parametrize("steps", [1, 2, 63, 64, 65, 90])
def test_other_lengths(part, steps: int) -> None:
    generator = np.random.default_rng(steps)
    check(part, [softmax(generator.normal(0, 4, (steps, 97))) for _ in range(20)])


def test_what_is_not_a_probability(part) -> None:
    generator = np.random.default_rng(4)
    odd = [0, 1e-3, 0.1, 0.5, 0.9, 3, 1e30, 1e-40, -1, np.nan, np.inf, -np.inf]
    cases = [generator.choice(odd, (12, 97)).astype(np.float32) for _ in range(300)]
    check(part, [*cases, np.full((40, 97), np.nan, np.float32), np.zeros((40, 97), np.float32)])


def test_a_long_text_against_what_the_tables_expect(part) -> None:
    """Every step certain of what the language model finds unlikely, then of what it finds likely."""
    for text in ("vFb,$" * 8, "1111111111" * 4, "e e e e e " * 4, "I'I'I'I'I'" * 4):
        case = np.full((40, 97), 1e-3, np.float32)
        for step, char in enumerate(text):
            case[step, CHARSET.index(char)] = 0.9
        check(part, [case])
