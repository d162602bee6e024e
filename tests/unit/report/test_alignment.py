"""Alignment: the kept steps spell the text, and each stands over its own columns of the image."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
from PIL import Image

from ocrm55.report.alignment import align, alignment_picture, data_uri
from ocrm55.tasks.recognizer import ctc

SVG = "{http://www.w3.org/2000/svg}"
CHARSET = ["", "<", "b", " ", "&"]


def probabilities(classes: list[int], best: float = 0.9) -> np.ndarray:
    table = np.full((len(classes), len(CHARSET)), (1 - best) / (len(CHARSET) - 1), np.float32)
    table[np.arange(len(classes)), classes] = best
    return table


def test_kept_steps_spell_the_text() -> None:
    random = np.random.default_rng(5)
    for _ in range(50):
        table = random.dirichlet(np.ones(len(CHARSET)), 12).astype(np.float32)
        steps = align(table, CHARSET, 96)
        read = ctc.decode(table, CHARSET)
        assert "".join(step.character for step in steps if step.kept) == read.text
        kept = [step.probability for step in steps if step.kept]
        assert not kept or abs(np.mean(kept) - read.score) < 1e-6
        assert all(step.probability >= step.second_probability for step in steps)


def test_steps_share_the_inputs_columns() -> None:
    steps = align(probabilities([0, 1, 1, 2]), CHARSET, 320)
    assert [step.columns for step in steps] == [(0, 80), (80, 160), (160, 240), (240, 320)]
    assert [step.kept for step in steps] == [False, True, False, True]


def test_the_picture_is_well_formed_and_to_scale() -> None:
    pixels = np.zeros((48, 120, 3), np.uint8)
    for lines, width in ((1, 880), (2, 360)):
        steps = align(probabilities([0, 1, 3, 2, 4, 0, 0, 0]), CHARSET, 320)
        picture = alignment_picture(pixels, steps, 320, width, lines)
        root = ET.fromstring(picture.standalone())
        said = "".join(node.text or "" for node in root.iter(f"{SVG}text"))
        for sign in "<␣b&":
            assert sign in said
        (image, *_) = root.iter(f"{SVG}image")
        assert (image.get("width"), image.get("height")) == ("120", "48")
        first = root.find(f".//{SVG}svg")
        assert first is not None
        shown = float(first.get("viewBox", "").split()[2])
        assert float(first.get("width", 0)) / shown == float(first.get("height", 0)) / 48  # square pixels


def test_a_line_of_padding_only_is_left_out() -> None:
    pixels = np.zeros((48, 100, 3), np.uint8)
    steps = align(probabilities([0, 1, 0, 0, 0, 0, 0, 0]), CHARSET, 320)
    late = align(probabilities([0, 1, 0, 0, 0, 0, 2, 0]), CHARSET, 320)
    assert alignment_picture(pixels, steps, 320, 360, 2).height < alignment_picture(pixels, late, 320, 360, 2).height


def test_an_image_survives_its_uri() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 17, 3), dtype=np.uint8)
    kind, _, data = data_uri(pixels).partition(",")
    assert kind == "data:image/png;base64"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert np.array_equal(decoded[:, :, ::-1], pixels)
