"""The firmware's CTC decode against one written independently in Python, to the last bit of the score."""

import struct

import numpy as np
import pytest

from tests.unit.firmware.host_driver import words


def reference(probabilities: np.ndarray) -> tuple[list[int], np.float32]:
    kept: list[int] = []
    total = np.float32(0)
    before = 0
    for frame in probabilities:
        numbers = np.flatnonzero(~np.isnan(frame))
        best = int(numbers[np.argmax(frame[numbers])]) if numbers.size else 0  # argmax: the first of equals
        if best not in (0, before):
            kept.append(best)
            total = np.float32(total + frame[best])
        before = best
    return kept, np.float32(total / np.float32(len(kept))) if kept else np.float32(0)


def check(part, cases: list[np.ndarray]) -> None:
    compare(part("ctc", [words(*case.shape) + case.astype("<f4").tobytes() for case in cases]), cases)


def compare(lines: list[str], cases: list[np.ndarray]) -> None:
    assert len(lines) == len(cases)
    for case, line in zip(cases, lines, strict=True):
        bits, *kept = line.split()
        labels, score = reference(case)
        assert [int(label) for label in kept] == labels
        assert struct.pack("<I", int(bits, 16)) == struct.pack("<f", score)


def test_random_softmax(part) -> None:
    generator = np.random.default_rng(1)
    cases = []
    for _ in range(1500):
        logits = generator.normal(0, 3, (40, 97))
        logits[:, 0] += generator.choice([0, 4, 8])
        exponent = np.exp(logits)
        cases.append((exponent / exponent.sum(1, keepdims=True)).astype(np.float32))
    check(part, cases)


def test_few_values_so_that_ties_and_repetitions_abound(part) -> None:
    generator = np.random.default_rng(2)
    check(part, [generator.choice([0, 0.25, 0.5], (12, 4)).astype(np.float32) for _ in range(3000)])


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_probabilities_in_parts(part, rows: int) -> None:
    """Repetitions across the border of two parts count as within one."""
    generator = np.random.default_rng(5)
    cases = [generator.choice([0, 0.25, 0.5], (generator.integers(1, 14), 4)).astype(np.float32) for _ in range(500)]
    compare(part("parts", [words(*case.shape, rows) + case.astype("<f4").tobytes() for case in cases]), cases)


def test_other_shapes(part) -> None:
    generator = np.random.default_rng(3)
    check(part, [generator.random((s, c)).astype(np.float32) for s in (1, 2, 80) for c in (1, 2, 3, 500)])


@pytest.mark.filterwarnings("ignore:invalid value")  # inf - inf
def test_not_a_number_never_wins(part) -> None:
    generator = np.random.default_rng(4)
    cases = []
    for _ in range(1000):
        case = generator.choice([0.1, 0.5, 0.9, np.nan, np.inf, -np.inf], (10, 5), p=[0.3, 0.2, 0.1, 0.3, 0.05, 0.05])
        cases.append(case.astype(np.float32))
    cases.append(np.full((40, 97), np.nan, np.float32))
    check(part, cases)


def test_all_blank(part) -> None:
    blank = np.zeros((40, 97), np.float32)
    blank[:, 0] = 1
    assert part("ctc", [words(40, 97) + blank.tobytes()]) == ["00000000"]
    assert part("ctc", [words(40, 97) + np.zeros((40, 97), np.float32).tobytes()]) == ["00000000"]


def test_same_as_the_recognizers(part) -> None:
    """The host's decoder of the recognizer gives the same text and the same printed score."""
    from ocrm55.tasks.recognizer import ctc
    from ocrm55.tasks.recognizer.charset import load_charset

    charset = load_charset()
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 4, (500, 40, 97))
    exponent = np.exp(logits)
    cases = (exponent / exponent.sum(2, keepdims=True)).astype(np.float32)
    lines = part("ctc", [words(40, 97) + case.tobytes() for case in cases])
    for case, line in zip(cases, lines, strict=True):
        bits, *kept = line.split()
        host = ctc.decode(case, charset)
        assert "".join(charset[int(label)] for label in kept) == host.text
        score = struct.unpack("<f", struct.pack("<I", int(bits, 16)))[0]
        assert f"{score:.6f}" == f"{host.score:.6f}"


def test_how_far_ahead_a_text_is(part) -> None:
    """At each step, the lead over the likeliest class with which the text would be another, by trying every class."""
    from ocrm55.tasks.recognizer import ctc

    generator = np.random.default_rng(6)
    cases = []
    for _ in range(400):
        logits = generator.normal(0, 2, (generator.integers(1, 12), 5)).repeat(generator.integers(1, 3), axis=0)
        exponent = np.exp(logits)
        cases.append((exponent / exponent.sum(1, keepdims=True)).astype(np.float32))
    lines = part("lead", [words(*case.shape) + case.tobytes() for case in cases])
    for case, line in zip(cases, lines, strict=True):
        classes = case.argmax(1)
        text = classes[ctc.kept_steps(classes)].tolist()
        least = 1.0
        for step, frame in enumerate(case):
            rivals = [0.0]
            for other, probability in enumerate(frame):
                tried = classes.copy()
                tried[step] = other
                if tried[ctc.kept_steps(tried)].tolist() != text:
                    rivals.append(float(probability))
            least = min(least, float(frame.max()) - max(rivals))
        assert float(line) == pytest.approx(least, abs=1e-6)
        assert np.float32(float(line)) == np.float32(ctc.least_lead(case))


def test_what_is_not_a_number_has_no_lead(part) -> None:
    case = np.full((3, 4), np.nan, np.float32)
    assert part("lead", [words(3, 4) + case.tobytes()]) == ["0"]
