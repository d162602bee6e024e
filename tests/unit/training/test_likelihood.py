"""Likelihoods of symbols after others, counted by hand."""

import numpy as np
import pytest

from ocrm55.training.likelihood import Likelihoods


def test_by_hand() -> None:
    """Two symbols and the edge: 1 1, 1 2 and 2, each between edges."""
    likelihoods = Likelihoods({(1, 1): 1, (1, 2): 1, (2,): 1}, 3, 1)
    assert likelihoods.total == 8
    table = likelihoods.table(1)
    singles = (np.array([3, 3, 2]) + 3 / 3) / (8 + 3)  # edges, ones and twos; three different symbols
    behind_edge = (np.array([0, 2, 1]) + 2 * singles) / (3 + 2)
    assert table[0] == pytest.approx(behind_edge)
    assert table[2] == pytest.approx((np.array([2, 0, 0]) + 1 * singles) / (2 + 1))
    assert table.sum(axis=-1) == pytest.approx(1)


def test_weights_count_as_so_many_samples() -> None:
    once = Likelihoods({(1, 2): 3, (2,): 0.5}, 3, 2)
    assert once.counts[0][()] == {0: 3.5, 1: 3, 2: 3.5}
    assert once.counts[2][0, 1] == {2: 3}
    assert once.table(2)[0, 1, 2] == pytest.approx((3 + once.after((1,), 2)) / 4)


def test_what_never_came_has_the_shorter_contexts_likelihood() -> None:
    likelihoods = Likelihoods({(1, 2, 1): 1}, 4, 2)
    table = likelihoods.table(2)
    assert table.sum(axis=-1) == pytest.approx(1)
    assert (table > 0).all()
    assert table[3, 1].tolist() == likelihoods.table(1)[1].tolist()


def test_without_samples_all_are_alike() -> None:
    assert Likelihoods({}, 4, 1).table(1) == pytest.approx(0.25)
