"""Blending of a completion into its surroundings (section 3.5.1)."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.blending.blend import blend
from glcic_backend.errors import CancelledError

GREY_LEVEL = 1 / 255
SIZE = 80
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
DISC = np.hypot(ROWS - 40, COLUMNS - 36) < 22
AT_THE_BORDER = (ROWS < 30) & (COLUMNS > 20)


def noise(seed=0, shape=(SIZE, SIZE)):
    return np.random.default_rng(seed).random((*shape, 3), dtype=np.float32)


def soft_picture(seed=0):
    return cv2.normalize(cv2.GaussianBlur(noise(seed), (0, 0), 8), None, 0.2, 0.8, cv2.NORM_MINMAX)


@pytest.mark.parametrize("hole", [DISC, AT_THE_BORDER], ids=["disc", "at the border"])
def test_a_constant_offset_is_removed(hole):
    image = np.full((SIZE, SIZE, 3), 0.4, np.float32)
    completion = image + np.float32([0.1, -0.2, 0.3])
    result = blend(completion, image, hole, ~hole)
    np.testing.assert_allclose(result, image, rtol=0, atol=1e-6)


def test_the_right_completion_with_an_offset_gives_nearly_the_right_picture():
    image = soft_picture()
    result = blend(image + np.float32(0.2), image, DISC, ~DISC)
    error = np.abs(result - image)[DISC]
    assert error.mean() < 1 * GREY_LEVEL
    assert error.max() < 5 * GREY_LEVEL


def test_a_slope_in_the_completion_that_the_surroundings_lack_is_removed():
    image = np.full((SIZE, SIZE, 3), 0.4, np.float32)
    slope = ((COLUMNS + 2 * ROWS) / (3 * SIZE)).astype(np.float32)[..., None]
    result = blend(image + slope, image, DISC, ~DISC)
    np.testing.assert_allclose(result, image, rtol=0, atol=0.25 * GREY_LEVEL)


def test_texture_keeps_its_gradients_away_from_the_rim():
    image = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    completion = noise(1)
    inner = np.hypot(ROWS - 40, COLUMNS - 36) < 14
    result = blend(completion, image, DISC, ~DISC)
    gradients = [np.diff(picture, axis=1)[inner[:, 1:] & inner[:, :-1]] for picture in (result, completion)]
    # What is added has no Laplacian: it changes the texture's gradients by little, far from the rim.
    assert np.abs(gradients[0] - gradients[1]).max() < 0.1
    assert np.corrcoef(gradients[0].ravel(), gradients[1].ravel())[0, 1] > 0.999


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.floats(0, 1),
    void=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_pixels_outside_are_untouched_and_inputs_unchanged(height, width, share, void, seed):
    random = np.random.default_rng(seed)
    hole = random.random((height, width)) < share
    known = ~hole & (random.random((height, width)) >= void)
    image, completion = noise(seed, hole.shape), noise(seed + 1, hole.shape)
    arguments = (completion, image, hole, known)
    copies = [argument.copy() for argument in arguments]
    result = blend(*arguments)
    assert result.dtype == np.float32
    assert np.array_equal(result[~hole], image[~hole])
    assert all(np.array_equal(argument, copy) for argument, copy in zip(arguments, copies, strict=True))
    # Shift by a difference of two pictures, both 0..1.
    assert result.min() >= -1
    assert result.max() <= 2


def test_values_outside_the_hole_of_the_completion_do_not_matter():
    image, completion = soft_picture(0), soft_picture(1)
    spoilt = np.where(DISC[..., None], completion, np.float32(np.nan))
    assert np.array_equal(blend(spoilt, image, DISC, ~DISC), blend(completion, image, DISC, ~DISC))


def test_the_old_content_of_the_hole_and_of_unknown_pixels_does_not_matter():
    known = ~DISC & (COLUMNS > 25)
    image, completion = soft_picture(0), soft_picture(1)
    spoilt = np.where(known[..., None], image, np.float32(np.nan))
    assert np.array_equal(blend(completion, spoilt, DISC, known)[DISC], blend(completion, image, DISC, known)[DISC])


def test_a_part_without_known_neighbours_keeps_its_completion():
    walled = (abs(ROWS - 20) < 5) & (abs(COLUMNS - 20) < 5)
    wall = cv2.dilate(walled.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~walled
    hole = walled | ((ROWS > 50) & (COLUMNS > 50))
    image, completion = soft_picture(0), soft_picture(1)
    result = blend(completion, image, hole, ~hole & ~wall)
    assert np.array_equal(result[walled], completion[walled])
    assert not np.array_equal(result[60:, 60:], completion[60:, 60:])


def test_holes_far_apart_blend_as_each_alone():
    one = (abs(ROWS - 15) < 8) & (abs(COLUMNS - 15) < 8)
    other = (abs(ROWS - 60) < 12) & (abs(COLUMNS - 60) < 10)
    image, completion = soft_picture(0), soft_picture(1)
    both = blend(completion, image, one | other, ~(one | other))
    for hole in (one, other):
        alone = blend(completion, image, hole, ~hole)
        np.testing.assert_allclose(both[hole], alone[hole], rtol=0, atol=0.5 * GREY_LEVEL)


def test_an_empty_hole_gives_the_image():
    image = noise()
    nothing = np.zeros((SIZE, SIZE), bool)
    assert np.array_equal(blend(noise(1), image, nothing, ~nothing), image)


def test_a_hole_of_the_whole_image_gives_the_completion():
    completion = noise(1)
    everything = np.ones((SIZE, SIZE), bool)
    assert np.array_equal(blend(completion, noise(), everything, ~everything), completion)


def test_sixteen_bit_precision_is_kept():
    image = np.full((SIZE, SIZE, 3), 30001 / 65535, np.float32)
    result = blend(image + np.float32(0.1), image, DISC, ~DISC)
    assert np.abs(result - image).max() * 65535 < 0.1


def test_cancelling_raises():
    with pytest.raises(CancelledError):
        blend(noise(), noise(1), DISC, ~DISC, cancelled=lambda: True)
