"""Preparing pictures for the recognizer: as PaddleX does it, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.recognizer import image


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1, 1), (48, 48)),
        ((20000, 10), (48, 320)),
        ((10, 20000), (48, 1)),
        ((320, 48), (48, 320)),
        ((321, 48), (48, 320)),
        ((7, 48), (48, 7)),
        ((1, 49), (48, 1)),
    ],
)
def test_sizes(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    pixels = image.resize(np.full((size[1], size[0], 3), 255, np.uint8))
    assert pixels.shape == (*wanted, 3)
    assert image.normalise(pixels).shape == (1, 3, 48, 320)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 900), st.integers(0, 2**32 - 1))
def test_same_tensor_as_paddlex(height: int, width: int, seed: int) -> None:
    from paddlex.inference.models.text_recognition.processors import OCRReisizeNormImg

    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    ours = image.normalise(image.resize(pixels))
    # PaddleX widens its input for a line longer than 320:48; held to 320 it squeezes the line as we do.
    theirs = OCRReisizeNormImg(rec_image_shape=[3, 48, 320]).resize_norm_img(pixels, 320 / 48)
    np.testing.assert_array_equal(ours[0], theirs)


def test_normalised_values_are_exact() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(48, 0).repeat(3, 2)
    tensor = image.normalise(levels)
    assert tensor.dtype == np.float32
    assert (tensor[0, 0, 0, 0], tensor[0, 0, 0, 255]) == (-1, 1)
    assert (tensor[:, :, :, 256:] == 0).all()
    one = np.float32(1)
    wanted = [((one * level / np.float32(255)) - np.float32(0.5)) / np.float32(0.5) for level in range(256)]
    np.testing.assert_array_equal(tensor[0, 1, 7, :256], np.array(wanted, np.float32))
