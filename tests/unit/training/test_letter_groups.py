"""Which groups of letters are kept, and that the table holds them."""

import random

import numpy as np
import pytest

from ocrm55.tasks.recognizer.letter_groups import REST, LetterGroups
from ocrm55.training import letter_groups
from ocrm55.training.likelihood import Likelihoods


def doublings(times: float) -> float:
    return float(16 * np.log2(times))


def index(_symbol: int, likelihood: float) -> float:
    return doublings(likelihood) + 192


def test_a_group_is_kept_where_it_tells_more_than_the_shorter_one() -> None:
    """After 1 2 3 comes 4, after 5 2 3 comes 6; the pair 2 3 alone does not tell."""
    likelihoods = Likelihoods({(1, 2, 3, 4): 50, (5, 2, 3, 6): 50}, 7, 4)
    kept = letter_groups.chosen(likelihoods, index, doublings, least_gain=0.01)
    assert {symbol for before, symbol in kept if before == (1, 2, 3)} == {4, REST}
    assert {symbol for before, symbol in kept if before == (5, 2, 3)} == {6, REST}
    assert (0, 1, 2, 3) not in {before for before, _ in kept}  # nobody else writes 1 2 3
    assert kept[(1, 2, 3), 4] == round((index(4, likelihoods.after((1, 2, 3), 4)) - 128) / 4)
    rest = (1 - likelihoods.after((1, 2, 3), 4)) / (1 - likelihoods.after((2, 3), 4))
    assert kept[(1, 2, 3), REST] == max(0, round((doublings(rest) + 84) / 4))
    assert letter_groups.chosen(likelihoods, index, doublings, least_gain=9) == {}


@pytest.mark.parametrize("count", [0, 1, 3, 60, 3000])
def test_the_table_holds_every_group(count: int) -> None:
    rng = random.Random(2)
    groups: letter_groups.Groups = {}
    while len(groups) < count:
        before = tuple(rng.randrange(29) for _ in range(rng.choice((3, 4))))
        groups[before, rng.randrange(29)] = rng.randrange(32)
    table = letter_groups.packed(groups)
    read = LetterGroups(table)
    assert np.count_nonzero(table) == count
    wrong = sum(read.find(before, symbol) != code for (before, symbol), code in groups.items())
    assert wrong <= count / 100  # another group of the same bucket and tag


def test_a_table_that_is_too_small_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_groups, "FULL", 3)
    groups = {((1, 2, first), symbol): 5 for first in range(10) for symbol in range(10)}
    table = letter_groups.packed(groups)
    assert table.size >= np.count_nonzero(table) == len(groups)
