"""Greedy CTC decoding, against PaddleX's CTCLabelDecode and against cases that are clear by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.recognizer import ctc
from ocrm55.tasks.recognizer.charset import load_charset, load_dictionary

CHARSET = load_charset()


def one_hot(classes: list[int], probability: float = 0.75) -> np.ndarray:
    """Probabilities in which each step is sure of its class."""
    rest = (1 - probability) / 96
    table = np.full((len(classes), 97), rest, np.float32)
    table[np.arange(len(classes)), classes] = probability
    return table


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([], ""),
        ([0, 0, 0], ""),
        ([1, 1, 1], "0"),
        ([1, 0, 1], "00"),
        ([18, 0, 19, 19, 20], "ABC"),
        ([0, 95, 0, 96, 0], "  "),
        ([95, 96], "  "),  # two classes stand for the space; a change between them is a new character
    ],
)
def test_by_hand(classes: list[int], text: str) -> None:
    assert ctc.decode(one_hot(classes).reshape(-1, 97), CHARSET).text == text


def test_nothing_kept_scores_zero_not_nan() -> None:
    assert ctc.decode(one_hot([0] * 40), CHARSET) == ctc.Recognition("", 0.0)


def test_score_counts_kept_steps_only() -> None:
    table = np.concatenate([one_hot([18], 0.5), one_hot([18], 0.875), one_hot([0], 1.0), one_hot([19], 0.75)])
    assert ctc.decode(table, CHARSET) == ctc.Recognition("AB", 0.625)


def test_score_is_summed_in_float32_step_by_step() -> None:
    table = one_hot([1, 2] * 20, 0.1)
    table[:, 0] = 0
    total = np.float32(0)
    for _ in range(40):
        total = np.float32(total + np.float32(0.1))
    assert ctc.decode(table, CHARSET).score == float(total / np.float32(40))


def test_ties_go_to_the_first_class() -> None:
    table = np.zeros((2, 97), np.float32)
    table[0, [5, 9]] = 0.5
    table[1, [0, 9]] = 0.5
    assert ctc.decode(table, CHARSET).text == CHARSET[5]


def test_prints_as_the_firmware_does() -> None:
    assert str(ctc.Recognition("QBHOUSE", 0.98674649)) == "text: QBHOUSE, score: 0.986746"


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 97 classes"):
        ctc.decode(np.zeros((40, 96), np.float32), CHARSET)


@settings(deadline=None)  # the first call imports the peer
@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.sampled_from([0.0, 3.0, 8.0]))
def test_same_as_paddlex(seed: int, steps: int, sharpness: float) -> None:
    from paddlex.inference.models.text_recognition.processors import CTCLabelDecode

    random = np.random.default_rng(seed)
    logits = random.normal(size=(steps, 97)) * sharpness
    logits[:, 0] += random.choice([0.0, sharpness * 3])
    table = np.exp(logits - logits.max(axis=1, keepdims=True))
    table = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    (text,), (score,) = CTCLabelDecode(load_dictionary())([table[None]])
    ours = ctc.decode(table, CHARSET)
    assert ours.text == text
    assert ours.score == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("text", [(), (1,), (2, 1), (1, 1), (1, 2, 2)])
def test_likelihood_is_that_of_all_alignments(text: tuple[int, ...]) -> None:
    """Every way to say one of three classes in five steps, written out."""
    table = np.random.default_rng(1).dirichlet(np.ones(3), size=5)
    steps = np.arange(5)
    total = 0.0
    for way in itertools.product(range(3), repeat=5):
        classes = np.asarray(way)
        if tuple(classes[ctc.kept_steps(classes)].tolist()) == text:
            total += table[steps, classes].prod()
    assert ctc.likelihood(table, text) == pytest.approx(total)


def test_a_text_longer_than_the_steps_is_impossible() -> None:
    assert ctc.likelihood(one_hot([1, 2]), [1, 2, 3]) == 0
    assert ctc.likelihood(one_hot([1, 1]), [1, 1]) == 0
