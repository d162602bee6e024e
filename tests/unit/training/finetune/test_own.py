"""Own pictures of a fine-tuning: which are held out, which are refused, how they vary."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.evaluation.words import Word
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.training.finetune import own
from ocrm55.training.samples import group, steps_needed


def words(texts: list[str]) -> list[Word]:
    return [Word(f"{number}.png", Path(f"{number}.png"), text) for number, text in enumerate(texts)]


def test_a_share_of_each_length_is_held_out_the_same_every_time() -> None:
    given = words(["1" * length for length in (2, 4, 6, 8) for _ in range(10)])
    learnt, held_out = own.split(given, 0.2, seed=1)
    assert sorted(len(word.text) for word in held_out) == [2, 2, 4, 4, 6, 6, 8, 8]
    assert {word.name for word in learnt} | {word.name for word in held_out} == {word.name for word in given}
    assert len(learnt) == 32
    assert own.split(given[::-1], 0.2, seed=1)[1] == held_out
    assert own.split(given, 0.2, seed=2)[1] != held_out


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="19 labelled pictures are too few"):
        own.checked(words(["12"] * 19 + [""]), load_charset(), 40)


def test_characters_without_a_class_are_named() -> None:
    with pytest.raises(InputError, match=r"no class for `°` \(2 pictures\), `é` \(1 pictures\)") as refused:
        own.checked(words(["12"] * 20 + ["20°", "21°", "é"]), load_charset(), 40)
    assert any("export --characters" in attempt for attempt in refused.value.tries)


def test_a_text_longer_than_the_output_is_named() -> None:
    with pytest.raises(InputError, match=r"20\.png needs 5 steps of the output, which has 4"):
        own.checked(words(["12"] * 20 + ["121"[:1] * 3]), load_charset(), 4)


def test_pictures_vary_and_the_same_seed_gives_the_same() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (60, 200, 3), np.uint8)
    pictures = own.OwnPictures([pixels], ["0123"])
    streams = [own.OwnStream(random.Random(seed), pictures, 320) for seed in (1, 1, 2)]
    first, same, other = ([stream.sample() for _ in range(6)] for stream in streams)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[0].pixels, other[0].pixels)
    assert len({sample.pixels.tobytes() for sample in first}) == 6
    assert all(s.pixels.shape[0] == 48 and steps_needed(s.text) <= s.pixels.shape[1] // 8 <= 40 for s in first)


@pytest.mark.parametrize(("width", "text", "fits"), [(160, "1234", True), (150, "1234", False), (160, "1134", False)])
def test_pictures_that_are_all_too_narrow_are_refused(width: int, text: str, fits: bool, tmp_path: Path) -> None:
    """Nothing could ever be drawn of them. 240 lines become 48, so five columns become one."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((240, width, 3), 200, np.uint8))
    narrow = [Word("a.png", tmp_path / "a.png", text)] * 20
    if fits:
        assert len(own.OwnPictures.of(narrow).texts) == 20
        return
    with pytest.raises(InputError, match="each of the 20 pictures to learn is too narrow for its text"):
        own.OwnPictures.of(narrow)


def test_a_share_is_padded_to_the_model_s_width() -> None:
    pictures = own.OwnPictures([np.zeros((48, 60, 3), np.uint8)], ["01"])
    lots = group(own.OwnStream(random.Random(1), pictures, 320), 80, 320)
    wide, all_of_them = (sum(len(made) for made, width in lots if width >= least) for least in (320, 0))
    assert 0.12 < wide / all_of_them < 0.35
