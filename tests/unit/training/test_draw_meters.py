"""Drawn photographs of displays: labelled, the same for the same seed, unseen designs apart."""

import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from ocrm55.evaluation.words import load_words
from ocrm55.training import draw_meters


def test_the_program_writes_a_set_that_eval_and_finetune_take(tmp_path: Path) -> None:
    for name, arguments in (("a", []), ("b", []), ("c", ["--unseen"])):
        command = [sys.executable, "-m", "ocrm55.training.draw_meters", str(tmp_path / name), "--count", "4"]
        subprocess.run([*command, *arguments], check=True, capture_output=True)
    sets = [load_words(tmp_path / name) for name in "abc"]
    assert [len(each) for each in sets] == [4, 4, 4]
    assert [word.path.read_bytes() for word in sets[0]] == [word.path.read_bytes() for word in sets[1]]
    assert all(set(word.text) <= set("0123456789.-") for word in sets[2])
    assert cv2.imread(str(sets[2][0].path)).shape[0] >= 40


def test_designs_differ_in_their_hooks() -> None:
    assert draw_meters._lit("6", "69") == "acdefg"
    assert draw_meters._lit("6", "") == "cdefg"
    assert draw_meters._lit("9", "7") == "abcfg"
    assert draw_meters._lit("7", "7") == "abcf"
    assert not set(draw_meters.STYLES) & set(draw_meters.UNSEEN)


def test_another_digit_is_another_picture() -> None:
    style = draw_meters.STYLES["lcd"]
    drawn = [draw_meters.draw(random.Random(1), digit, style) for digit in "0123456789-"]
    assert all(each.shape == drawn[0].shape for each in drawn)
    assert min(np.abs(a.astype(int) - b).max() for a in drawn for b in drawn if a is not b) > 80
