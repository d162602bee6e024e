"""Texts of a known form, and pictures of them."""

import random
from pathlib import Path

import pytest

from ocrm55.evaluation.words import load_words
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.restriction.restriction import compile_restriction
from ocrm55.training import fields, synthesize

CHARSET = tuple(load_charset())


@pytest.mark.parametrize("form", fields.FORMS)
def test_every_text_fits_its_restriction(form: str) -> None:
    rng, tables = random.Random(1), compile_restriction(fields.FORMS[form], CHARSET, 40)
    texts = {fields.text(rng, form) for _ in range(200)}
    assert len(texts) > 150
    assert all(tables.fits([CHARSET.index(c) for c in text]) for text in texts)


def test_the_command_draws_texts_that_fit(tmp_path: Path) -> None:
    tables = compile_restriction(fields.FORMS["vin"], CHARSET, 40)
    synthesize.main(tmp_path / "vins", count=3, form=synthesize.Form.VIN, fonts=None)
    words = load_words(tmp_path / "vins")
    assert len(words) == 3
    assert all(tables.fits([CHARSET.index(c) for c in word.text]) for word in words)


def test_every_form_can_be_chosen() -> None:
    assert {form.value for form in synthesize.Form} == {"line", *fields.FORMS}
