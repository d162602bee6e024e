"""Thresholds and tenths of the calibrated probability, and the fit of one."""

import random

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.evaluation import acceptance, accepted_picture, assess, metrics
from ocrm55.evaluation.calibrate import fit
from ocrm55.evaluation.evaluate import Evaluation
from ocrm55.evaluation.readings import Reading
from ocrm55.tasks.recognizer.confidence import Calibration, features


def reading(right: float | None, is_right: bool, lead: float = 1.0, likelihood: float = 1.0) -> Reading:
    return Reading("a.png", "a", "a" if is_right else "b", 0.9, right, lead, likelihood)


READINGS = [reading(0.95, True), reading(0.9, True), reading(0.9, False), reading(0.4, False), reading(None, True)]


def test_the_lowest_threshold_with_few_enough_wrong() -> None:
    assert acceptance.threshold(READINGS, 0.01) == acceptance.Threshold(0.95, 1, 0)
    assert acceptance.threshold(READINGS, 0.34) == acceptance.Threshold(0.9, 3, 1)
    assert acceptance.threshold(READINGS, 0.5) == acceptance.Threshold(0.4, 4, 2)
    assert acceptance.threshold([reading(0.9, False)], 0.05) is None
    assert acceptance.accepted(READINGS, 0.5) == acceptance.Threshold(0.5, 3, 1)


def test_equal_probabilities_are_accepted_together() -> None:
    assert [each.accepted for each in acceptance.curve(READINGS)] == [1, 3, 4]


def test_tenths() -> None:
    low, high = acceptance.tenths(READINGS)
    assert (low.start, low.count, low.right) == (0.4, 1, 0)
    assert (high.start, high.count, high.right) == (0.9, 3, 2)
    assert high.difference == pytest.approx((0.95 + 0.9 + 0.9) / 3 - 2 / 3)


def test_the_tables_and_the_picture() -> None:
    evaluation = Evaluation(READINGS, metrics.score((r.written, r.read) for r in READINGS))
    (_, _, rows), (_, _, tenths) = assess.acceptance_tables(evaluation, 0.5)
    assert rows[1][:3] == ["at most 1.0% wrong", "0.950000", "1"]
    assert rows[-1] == ["--reject", "0.500000", "3", "60.0%", "1"]
    assert tenths[-1] == ["0.9 to 1.0", "3", "91.7%", "66.7%"]
    assert "3 accepted, 1 wrong" not in accepted_picture.draw(READINGS).standalone()
    assert "1 accepted, 0 wrong" in accepted_picture.draw(READINGS).standalone()


def test_nothing_is_said_where_nothing_is_known() -> None:
    readings = [reading(None, True)]
    evaluation = Evaluation(readings, metrics.score((r.written, r.read) for r in readings))
    assert assess.acceptance_tables(evaluation) == []
    assert "0.95" not in accepted_picture.draw(readings).standalone()


def test_the_fit_finds_what_the_readings_were_drawn_from() -> None:
    rng, drawn = random.Random(1), Calibration(-2.0, 0.3, 1.2)
    readings = []
    for _ in range(4000):
        lead, likelihood = 1 - 2 ** -rng.uniform(0, 8), 1 - 2 ** -rng.uniform(0, 8)
        odds = float(features(lead, likelihood) @ np.array(drawn.values))
        readings.append(reading(None, rng.random() < 1 / (1 + 2**-odds), lead, likelihood))
    found = fit(readings)
    assert found.values == pytest.approx(drawn.values, abs=0.25)
    assert fit(readings, with_lead=False).lead == 0


def test_too_few_readings_are_refused() -> None:
    with pytest.raises(InputError):
        fit(READINGS)
