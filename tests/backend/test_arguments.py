"""What callers hand to the engine: all that people have is understood, or refused in a sentence with the remedy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_backend import Inpainter
from glcic_backend.errors import InvalidInputError

from .test_inpainter import ENGINE, photograph, rectangle_mask

IMAGE, MASK = photograph(60, 70), rectangle_mask(60, 70, 20, 20, 12, 10)


@pytest.mark.parametrize(
    "image",
    [Image.fromarray(IMAGE), IMAGE.tolist(), "photo.jpg", Path("photo.jpg"), None, 3],
    ids=lambda image: type(image).__name__,
)
def test_an_image_that_is_no_array_is_refused_with_how_to_make_one(image):
    with pytest.raises(InvalidInputError, match=r"The image is of type \w+; use a numpy array .*np\.asarray"):
        ENGINE.complete(image, MASK)


@pytest.mark.parametrize("mask", [Image.fromarray(MASK), MASK.tolist(), "mask.png", None], ids=lambda m: str(type(m)))
def test_a_mask_that_is_no_array_is_refused_with_how_to_make_one(mask):
    with pytest.raises(InvalidInputError, match=r"The mask is of type \w+; use a numpy array .*np\.asarray"):
        ENGINE.complete(IMAGE, mask)


@pytest.mark.parametrize("threads", [0, 1.5, True, "2"])
def test_a_number_of_threads_that_is_none_is_refused_without_words_about_the_command_line(threads):
    with pytest.raises(InvalidInputError, match="threads cannot work") as refusal:
        Inpainter.load(threads=threads)

    assert "--" not in str(refusal.value)


@pytest.mark.parametrize("mask", [MASK > 0, (MASK > 0).astype(np.uint8), (MASK > 0) * 1, (MASK > 0) * 1.0])
def test_a_label_mask_fills_what_it_marks(mask):
    assert np.array_equal(ENGINE.complete(IMAGE, mask), ENGINE.complete(IMAGE, MASK))


def test_a_mask_too_faint_to_show_anything_fills_all_that_it_marks_with_a_warning():
    with pytest.warns(UserWarning, match="largest value is 3, so it is taken as yes or no"):
        completed = ENGINE.complete(IMAGE, MASK // 85)

    assert np.array_equal(completed, ENGINE.complete(IMAGE, MASK))


def test_grow_and_soften_widen_the_mask():
    completed = ENGINE.complete(IMAGE, MASK, grow=3, soften=4)

    changed = (completed != IMAGE).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.min() in (12, 13, 14, 15) and columns.max() in (36, 37, 38, 39)
    for width in ({"grow": -1}, {"soften": 201}, {"grow": "3"}):
        with pytest.raises(InvalidInputError, match="give a number of pixels from 0 to 200"):
            ENGINE.complete(IMAGE, MASK, **width)


def test_float_values_up_to_255_are_recognised_and_come_back_as_they_came():
    image = photograph(60, 70, 3, np.float32)

    completed = ENGINE.complete(image * 255, MASK)

    np.testing.assert_allclose(completed, ENGINE.complete(image, MASK) * 255, atol=0.02)
    assert np.array_equal(completed[MASK == 0], (image * 255)[MASK == 0])


def test_bright_light_of_a_linear_picture_is_not_taken_for_bytes():
    light = photograph(60, 70, 3, np.float32) * 40

    assert ENGINE.complete(light, MASK, linear=True).max() <= 40 * 1.5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_in_the_hole_in_transparent_pixels_and_far_away_disturbs_nothing(bad):
    image = photograph(60, 1400, 4, np.float32)
    image[..., 3] = 1
    mask = rectangle_mask(60, 1400, 20, 20, 12, 10)
    image[5:8, 60:63, 3] = 0
    expected = ENGINE.complete(image, mask, quality="fast")
    spoilt = image.copy()
    spoilt[22, 22, 0] = spoilt[6, 61, 1] = spoilt[3, 1390, 2] = bad

    completed = ENGINE.complete(spoilt, mask, quality="fast")

    assert np.array_equal(completed[mask > 0], expected[mask > 0])
    np.testing.assert_array_equal(completed[mask == 0], spoilt[mask == 0])


def test_nan_round_the_hole_is_refused_with_its_number_of_pixels():
    image = photograph(60, 70, 3, np.float32)
    image[0, 0, 0] = image[1, 1] = np.nan

    with pytest.raises(InvalidInputError, match="2 pixels round the hole hold NaN"):
        ENGINE.complete(image, MASK)
