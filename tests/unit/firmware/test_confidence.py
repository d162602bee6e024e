"""The firmware's measure of confidence against the host's, to the last bit, and the host's against sums written out."""

import itertools

import numpy as np
import pytest

from ocrm55.tasks.recognizer import context, ctc
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.confidence import Calibration, Confidence, measure
from tests.unit.firmware.host_driver import words
from tests.unit.firmware.test_context import softmax
from tests.unit.firmware.test_restricted import best_path, undecided

CHARSET = load_charset()
CALIBRATION = Calibration(-2.37, 0.424, 1.41)
Case = tuple[np.ndarray, tuple[int, ...], float]


def check(part, cases: list[Case]) -> list[Confidence | None]:
    """Compare all cases; returns what was found."""
    sent = []
    for probabilities, classes, lead in cases:
        numbers = np.array([*CALIBRATION.values, lead], "<f4").tobytes()
        head = words(*probabilities.shape, len(classes)) + numbers
        sent.append(head + probabilities.astype("<f4").tobytes() + np.array(classes, "<u2").tobytes())
    lines = part("confidence", sent)
    assert len(lines) == len(cases)
    found = []
    for (probabilities, classes, lead), line in zip(cases, lines, strict=True):
        host = measure(probabilities, classes, lead, CALIBRATION)
        wanted = []
        if host is not None:
            wanted = [host.right, host.least, host.mean, host.lead, host.likelihood]
            for each in host.characters:
                wanted += [each.probability, each.first, each.last, each.runner_up, each.runner_up_probability]
        assert np.array(line.split(), np.float32).tolist() == np.array(wanted, np.float32).tolist()
        found.append(host)
    return found


def read(probabilities: np.ndarray) -> Case:
    found = context.decode(probabilities, CHARSET)
    return probabilities, found.classes, found.lead


def test_what_was_read_in_context(part) -> None:
    cases = [read(case) for case in undecided(1, ["Hello you", "12345", "", "aaa bb"] * 10)]
    found = check(part, cases)
    assert all(each is not None and each.right is not None and 0 <= each.right <= 1 for each in found)


def test_any_text_has_places_if_the_steps_hold_it(part) -> None:
    generator = np.random.default_rng(2)
    cases: list[Case] = []
    for steps in (1, 2, 3, 5, 40, 96, 97):
        for _ in range(6):
            text = tuple(int(c) for c in generator.integers(1, 4, generator.integers(0, steps + 2)))
            cases.append((softmax(generator.normal(0, 6, (steps, 97))), text, float(generator.uniform(0, 1))))
    for (probabilities, text, _), found in zip(cases, check(part, cases), strict=True):
        needed = len(text) + sum(a == b for a, b in itertools.pairwise(text))
        held = needed <= len(probabilities) <= 96
        assert held or found is None
        assert found is not None or not held or len(probabilities) > 40  # what is 2**100 times likelier hides the rest


def test_what_is_not_a_probability(part) -> None:
    generator = np.random.default_rng(4)
    odd = [0, 1e-3, 0.1, 0.5, 0.9, 3, 1e30, 1e-40, -1, np.nan, np.inf, -np.inf]
    cases = [(generator.choice(odd, (12, 97)).astype(np.float32), (5, 5, 9), lead) for lead in (0, 0.5, 1, -3, np.nan)]
    check(part, cases * 5)


@pytest.mark.parametrize("seed", range(5))
def test_likelihood_and_places(seed: int) -> None:
    """The sum is CTC's; no other way to spread the text over the steps weighs more than the one that was found."""
    (case,) = undecided(seed, ["Hello"])
    classes = context.decode(case, CHARSET).classes
    found = measure(case, classes, 1, CALIBRATION)
    assert found is not None
    assert found.likelihood == pytest.approx(ctc.likelihood(case, classes), rel=1e-4)
    path = np.zeros(len(case), np.int64)
    for each in found.characters:
        path[each.first : each.last + 1] = each.index
    assert float(np.prod(case[np.arange(len(case)), path].astype(np.float64))) == pytest.approx(
        best_path(case, classes), rel=1e-4
    )


def test_surer_texts_are_likelier_right() -> None:
    values = []
    for sure in (0.3, 0.6, 0.9, 0.99, 0.9999):
        case = np.zeros((3, 97), np.float32)
        case[:, 0] = [1, 1 - sure, 1]
        case[1, 5] = sure
        found = measure(case, (5,), sure, CALIBRATION)
        assert found is not None and found.right is not None
        values.append(found.right)
    assert values == sorted(values)
    assert values[0] < 0.4
    assert values[-1] > 0.99
