"""Synthetic text: fonts, texts, pictures, and the batches made of them."""

import random
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFont

from ocrm55.errors import InputError
from ocrm55.evaluation import words
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.training import camera, checks, curriculum, fonts, legibility, samples, synthesize, texts
from ocrm55.training.feed import GROUP, Feed, Supply
from ocrm55.training.samples import Mix, Sample, SampleStream

FOLDER = Path("/usr/share/fonts/truetype")
pytestmark = pytest.mark.skipif(not any(FOLDER.rglob("*.ttf")), reason="no TrueType fonts on this machine")


@pytest.fixture(scope="module")
def some_fonts() -> list[fonts.Font]:
    found = []
    for path in sorted(FOLDER.rglob("*.ttf")):
        font = fonts.examine(path)
        if font and font.family not in {other.family for other in found}:
            found.append(font)
        if len(found) == 4:
            break
    if not found:
        pytest.skip("no usable font on this machine")
    return found


def test_texts_are_of_the_95_characters_and_keep_to_their_length() -> None:
    rng = random.Random(1)
    for longest in (1, 7, 25):
        for make in (texts.line, texts.sign, texts.tricky):
            drawn = [make(rng, longest) for _ in range(400)]
            assert all(1 <= len(text) <= longest for text in drawn)
            assert set("".join(drawn)) <= set(texts.PRINTABLE + " ")
    assert set("".join(texts.line(rng, 25) for _ in range(3000))) == set(texts.PRINTABLE + " ")


def test_words_are_possessive_and_contracted_now_and_then() -> None:
    rng = random.Random(1)
    drawn = [part for _ in range(400) for part in texts.words(rng, 25).lower().split()]
    possessive = sum(part.rstrip(",.;:!?").endswith("'s") for part in drawn) / len(drawn)
    assert 0.08 < possessive < 0.18
    assert any(part.rstrip(",.;:!?") in {"don't", "i'll", "o'clock"} for part in drawn)


def test_what_is_tricky_holds_words_whose_apostrophe_is_overlooked() -> None:
    rng = random.Random(1)
    drawn = [texts.tricky(rng, 25).lower() for _ in range(400)]
    assert 0.08 < sum("'s " in text and text.endswith("'s") for text in drawn) / len(drawn) < 0.2


def test_clones_of_one_design_are_one_family_and_never_held_out() -> None:
    assert fonts.family_of("Liberation Sans") == fonts.family_of("Nimbus Sans") == "helvetica"
    assert fonts.family_of("DejaVu Serif") == fonts.family_of("Hack") == "vera"
    assert not fonts.held_out("helvetica")


def test_fonts_are_split_by_whole_families() -> None:
    cuts = [fonts.Font(f"/f/{family}{cut}.ttf", family, False) for family in map(str, range(60)) for cut in range(3)]
    seen, unseen = fonts.split(cuts)
    assert len(seen) + len(unseen) == 180
    assert unseen
    assert not {font.family for font in seen} & {font.family for font in unseen}
    assert fonts.split(cuts[:6])[1]  # two families: one must stay for measuring


def test_a_folder_without_fonts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"\0" * 50)
    with pytest.raises(InputError, match="No usable font"):
        fonts.find_fonts([tmp_path])


def test_a_list_of_fonts_survives_a_file(tmp_path: Path, some_fonts: list[fonts.Font]) -> None:
    fonts.save_fonts(tmp_path / "fonts.json", [*some_fonts, fonts.Font("/gone.ttf", "gone", False)])
    assert fonts.load_fonts(tmp_path / "fonts.json") == some_fonts


def test_clean_samples_know_where_their_characters_are(some_fonts: list[fonts.Font]) -> None:
    rng = random.Random(2)
    for font in some_fonts:
        sample = samples.written(rng, "H i", font, camera.CLEAN, True, Mix())
        assert sample.pixels.shape[0] == 48
        assert sample.centres is not None
        left, _, right = sample.centres
        paper = np.median(sample.pixels.astype(int), axis=(0, 1))
        ink = np.abs(sample.pixels.astype(int) - paper).sum(2).max(0)
        assert ink[round(left) - 6 : round(left) + 7].max() > 60
        assert ink[round(right) - 3 : round(right) + 4].max() > 60


def test_every_stage_makes_batches_that_the_network_can_take(some_fonts: list[fonts.Font]) -> None:
    stages = (*curriculum.FROM_NOTHING, *curriculum.FROM_CHECKPOINT, *curriculum.FOR_LINES, *curriculum.FOR_INT8)
    for stage in stages:
        stream = SampleStream(random.Random(4), some_fonts, stage.mix, None)
        lots = samples.group(stream, 4, 640)
        assert len(lots) == 4
        for lot, width in lots:
            batch = samples.collate(lot, width)
            assert batch.images.shape == (len(lot), 3, 48, width)
            assert width % 8 == 0
            assert np.abs(batch.images).max() <= 1
            assert batch.frames.shape == (len(lot), width // 8)
            assert all(samples.steps_needed(s.text) <= width // 8 for s in lot)
            assert (batch.labels.max(1) <= 95).all()


def test_frame_targets_say_each_character_at_its_middle() -> None:
    charset = load_charset()
    frames = samples.frame_targets(Sample(np.zeros((48, 80, 3), np.uint8), "a b", [4.0, 36.0, 68.0]), 10)
    assert [charset[frames[step]] for step in (0, 4, 8)] == ["a", " ", "b"]
    assert frames.tolist()[1:4] == [-1, 0, -1]
    assert samples.CLASS_OF[" "] == 95


def test_the_same_step_gives_the_same_batch_wherever_a_training_begins(some_fonts: list[fonts.Font]) -> None:
    supply = Supply(some_fonts, [], curriculum.FROM_CHECKPOINT, steps=100, columns=320, seed=5)

    def batch_at(start: int, step: int) -> samples.Batch:
        with Feed(supply, processes=0) as feed:
            batches = feed.batches(start)
            for _ in range(step - start):
                next(batches)
            return next(batches)

    first, second = batch_at(0, GROUP + 2), batch_at(GROUP + 1, GROUP + 2)
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.labels, second.labels)


@pytest.mark.slow
def test_decided_lines_are_decidable_in_their_fonts(
    some_fonts: list[fonts.Font], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "decidable", lambda text, _path: text == text.upper())
    for decided in (True, False):
        mix = Mix(photographs=0, scene=0, lines=1, clean=1, decided=decided, tricky=0.1)
        stream = SampleStream(random.Random(5), some_fonts, mix, None)
        assert all(text == text.upper() for text in (stream.sample().text for _ in range(40))) == decided


@pytest.mark.slow
def test_figures_are_written_in_fonts_whose_digits_are_like_letters(
    some_fonts: list[fonts.Font], monkeypatch: pytest.MonkeyPatch
) -> None:
    like, *others = some_fonts
    monkeypatch.setattr(samples, "digits_like_letters", lambda path: path == like.path)
    drawn: list[tuple[str, fonts.Font]] = []
    draw = samples.draw

    def seen(rng: random.Random, text: str, font: fonts.Font, **how: Any) -> Any:
        drawn.append((text, font))
        return draw(rng, text, font, **how)

    monkeypatch.setattr(samples, "draw", seen)
    mix = Mix(photographs=0, scene=0, lines=1, clean=1, figures=1.0)
    stream = SampleStream(random.Random(5), some_fonts, mix, None)
    for _ in range(40):
        stream.sample()
    assert {font for _, font in drawn} == {like}
    assert not any(char.islower() for text, _ in drawn for char in re.sub("Tel|[ap]m|th|x", "", text))
    assert set(others) == {stream.fonts.choose(random.Random(seed)) for seed in range(40)} - {like}


def test_another_process_makes_the_same_batches(some_fonts: list[fonts.Font]) -> None:
    supply = Supply(some_fonts, [], curriculum.FROM_CHECKPOINT, steps=100, columns=320, seed=5)
    with Feed(supply, processes=0) as here, Feed(supply, processes=1) as there:
        assert np.array_equal(next(here.batches(3)).images, next(there.batches(3)).images)


def test_learning_rate_rises_holds_and_falls() -> None:
    rates = [curriculum.learning_rate_at(step, 1000, 1.0, hold=0.3) for step in range(1000)]
    assert rates[0] < 0.05
    assert rates[250] == 1
    assert all(a >= b for a, b in pairwise(rates[300:]))
    assert rates[-1] < 0.01


def test_a_network_that_knows_the_answers_scores_full_marks(some_fonts: list[fonts.Font]) -> None:
    check = checks.unseen_fonts(some_fonts, 12, clean=True)
    answers = iter(check.samples)

    def oracle(images: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(images), 40, 97), np.float32)
        scores[:, :, 0] = 0.5
        for row in range(len(images)):
            step, previous = 0, ""
            for char in next(answers).text:
                step += char == previous
                scores[row, step, samples.CLASS_OF[char]] = 1
                step, previous = step + 1, char
        return scores

    result = checks.measure(oracle, [check])
    assert result[check.name].exact.value == 1
    assert checks.merit(result) == 1


def test_a_synthetic_set_is_written_as_it_would_be_measured(tmp_path: Path, some_fonts: list[fonts.Font]) -> None:
    folder = tmp_path / "fonts"
    folder.mkdir()
    for font in some_fonts:
        shutil.copy(font.path, folder)
    families = synthesize.synthesize(tmp_path / "set", 6, clean=True, fonts=[folder])
    assert families
    rows = words.load_words(tmp_path / "set")
    assert len(rows) == 6
    _, unseen = fonts.split(fonts.find_fonts([folder]))
    check = checks.unseen_fonts(unseen, 6, clean=True)
    for row, sample in zip(rows, check.samples, strict=True):
        assert row.text == sample.text
        assert np.array_equal(samples.resize(words.read_pixels(row), 320), sample.pixels)


def confused(shapes: str) -> dict[str, frozenset[str]]:
    """What `confusable` finds in a font that draws these characters alike."""
    return {char: frozenset(shapes) - {char} for char in shapes}


def test_what_nobody_can_read_for_certain_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legibility, "confusable", lambda path: confused("Il1"))
    assert legibility.decidable("Illinois, all 23", "a.ttf")
    assert not legibility.decidable("A1B2", "a.ttf")
    assert not legibility.decidable("I", "a.ttf")
    assert not legibility.decidable("cow soz"[4:], "a.ttf")
    assert legibility.decidable("cow had", "a.ttf")


@pytest.mark.parametrize("text", ["17%", "$100.06", "07:01", "478,081", "(419)", "2010-11-01", "x12", "11th", "31&17"])
def test_a_number_tells_its_digits_by_one_that_is_certain(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(legibility, "confusable", lambda path: confused("Il1|"))
    assert legibility.decidable(text, "a.ttf") == bool(set(text) & set("023456789"))


@pytest.mark.parametrize("text", ["11", "1.1", "4 1", "21B", "2|1", "1A", "B-21", "2010I"])
def test_what_is_no_number_tells_no_digits(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(legibility, "confusable", lambda path: confused("Il1|"))
    assert not legibility.decidable(text, "a.ttf")


def test_digits_like_letters_are_known_by_their_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    def digits_like_letters(pairs: set[str]) -> bool:
        monkeypatch.setattr(legibility, "likeness", lambda font, a, b: 0.9 if a + b in pairs else 0.5)
        return legibility.digits_like_letters.__wrapped__(str(next(FOLDER.rglob("*.ttf"))))

    assert digits_like_letters({"0o"})
    assert digits_like_letters({"1l"})
    assert not digits_like_letters({"0O", "Il"})


def test_a_code_has_no_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legibility, "confusable", lambda path: confused("Il|") | confused("0o"))
    for text in ("BIA5L2IT96", "FS0E45", "IT-0"):
        assert legibility.decidable(text, "a.ttf")
    for text in ("BlA5", "FSoE45", "I0I0", "I!A", "|A5", "I4"):
        assert not legibility.decidable(text, "a.ttf")
    monkeypatch.setattr(legibility, "confusable", lambda path: confused("I1"))
    assert not legibility.decidable("BIA5L2IT96", "a.ttf")


def test_an_apostrophe_leaves_a_word_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legibility, "confusable", lambda path: confused("Il1'`"))
    assert legibility.decidable("Bill's, I'll 'tis", "a.ttf")
    assert not legibility.decidable("B'4", "a.ttf")


def test_likeness_is_of_shapes(some_fonts: list[fonts.Font]) -> None:
    face = ImageFont.truetype(some_fonts[0].path, 48)
    assert legibility.likeness(face, "A", "A") == 1
    assert legibility.likeness(face, "A", "V") < 0.6
