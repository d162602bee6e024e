"""Groups of four and five letters: how they are found, and what they change of an index."""

import numpy as np
import pytest

from ocrm55.tasks.recognizer.letter_groups import NO_SYMBOL, REST, LetterGroups, key, places


def table_of(groups: dict[tuple[tuple[int, ...], int], int], buckets: int = 50) -> LetterGroups:
    """The groups with their codes, each in the first bucket of its two that has room."""
    table = np.zeros((buckets, 4), np.uint16)
    for (letters, symbol), code in groups.items():
        first, second, tag = places(key(letters, symbol), buckets)
        bucket = first if 0 in table[first] else second
        table[bucket, table[bucket].tolist().index(0)] = tag << 5 | code
    return LetterGroups(table)


def test_keys_tell_groups_of_four_and_five_apart() -> None:
    assert key((2, 3, 4), 5) == ((((31 << 5 | 2) << 5 | 3) << 5 | 4) << 5) | 5
    assert key((1, 2, 3, 4), 5) == ((((1 << 5 | 2) << 5 | 3) << 5 | 4) << 5) | 5


@pytest.mark.parametrize("buckets", [1, 2, 50, 13295, 1 << 20])
def test_places_are_buckets_and_tags(buckets: int) -> None:
    for number in (0, 1, 12345, (1 << 25) - 1):
        first, second, tag = places(number, buckets)
        assert 0 <= first < buckets
        assert 0 <= second < buckets
        assert 1 <= tag <= 2047  # 0 is an entry that is free


def test_own_code_replaces_the_index_and_the_rests_changes_it() -> None:
    groups = table_of({((2, 3, 4), 5): 7, ((2, 3, 4), REST): 20})
    assert groups.find((2, 3, 4), 5) == 7
    assert groups.find((2, 3, 4), 6) is None
    assert groups.index((1, 2, 3, 4), 5, 200) == 4 * 7 + 128
    assert groups.index((1, 2, 3, 4), 6, 200) == 200 + 4 * 20 - 84
    assert groups.index((1, 9, 3, 4), 5, 200) == 200


def test_five_letters_come_behind_four() -> None:
    groups = table_of({((2, 3, 4), 5): 7, ((2, 3, 4), REST): 20, ((1, 2, 3, 4), REST): 31})
    assert groups.index((1, 2, 3, 4), 5, 200) == 4 * 7 + 128 + 4 * 31 - 84
    assert groups.index((0, 2, 3, 4), 5, 200) == 4 * 7 + 128


@pytest.mark.parametrize(("index", "code", "changed"), [(250, 31, 255), (3, 0, 0)])
def test_an_index_stays_among_the_values(index: int, code: int, changed: int) -> None:
    groups = table_of({((2, 3, 4), REST): code})
    assert groups.index((1, 2, 3, 4), 6, index) == changed


def test_characters_that_are_no_letters_end_the_groups() -> None:
    groups = table_of({((2, 3, 4), 5): 7, ((2, 3, 4), REST): 20, ((1, 2, 3, 4), REST): 31})
    assert groups.index((NO_SYMBOL, 2, 3, 4), 5, 200) == 4 * 7 + 128
    assert groups.index((1, NO_SYMBOL, 3, 4), 5, 200) == 200


def test_a_table_without_entries() -> None:
    for buckets in (0, 1):
        assert LetterGroups(np.zeros((buckets, 4), np.uint16)).index((1, 2, 3, 4), 5, 200) == 200


@pytest.mark.parametrize("table", [np.zeros((3, 4), np.uint8), np.zeros((3, 3), np.uint16), np.zeros(4, np.uint16)])
def test_other_tables(table: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint16"):
        LetterGroups(table)
