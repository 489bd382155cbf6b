"""Colours that the first front of fast marching carries into a hole, against OpenCV's and against known pictures."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.blending.fast_marching import RADIUS, first_front

SIZE = 64
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
DISC = np.hypot(ROWS - 30, COLUMNS - 33) < 18
SQUARE = (abs(ROWS - 30) < 16) & (abs(COLUMNS - 33) < 20)
CORNER = (ROWS < 25) & (COLUMNS < 25)
LINE = (ROWS == 30) & (COLUMNS > 5) & (COLUMNS < 60)
HOLES = {"disc": DISC, "square": SQUARE, "corner": CORNER, "line": LINE}


def noise(channels=3, seed=0):
    return np.random.default_rng(seed).random((SIZE, SIZE, channels), dtype=np.float32)


def soft_picture():
    """A picture of soft shapes, as out-of-focus photographs are."""
    return cv2.normalize(cv2.GaussianBlur(noise(), (0, 0), 6), None, 0.3, 0.7, cv2.NORM_MINMAX)


def test_the_ring_is_the_hole_pixels_with_a_known_4_neighbour():
    hole = (abs(ROWS - 20) <= 2) & (abs(COLUMNS - 20) <= 2)
    known = ~hole & (COLUMNS < 23)
    ring = first_front(noise(), hole, known).ring
    expected = hole & ((abs(ROWS - 20) == 2) | (COLUMNS == 18))
    assert np.array_equal(ring, expected)


@pytest.mark.parametrize("name", HOLES)
def test_a_constant_surrounding_is_carried_in(name):
    image = np.full((SIZE, SIZE, 3), (0.1, 0.5, 0.9), np.float32)
    front = first_front(image, HOLES[name], ~HOLES[name])
    np.testing.assert_allclose(front.colours, np.broadcast_to(image[0, 0], front.colours.shape), rtol=0, atol=1e-6)


def test_a_slope_along_the_rim_is_carried_in_exactly():
    image = np.repeat((COLUMNS / SIZE).astype(np.float32)[..., None], 3, axis=2)
    hole = (ROWS > 20) & (ROWS < 40)
    front = first_front(image, hole, ~hole)
    away_from_borders = (np.nonzero(front.ring)[1] > RADIUS) & (np.nonzero(front.ring)[1] < SIZE - RADIUS - 1)
    np.testing.assert_allclose(
        front.colours[away_from_borders], image[front.ring][away_from_borders], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("name", HOLES)
def test_estimates_agree_with_opencv_on_soft_pictures(name):
    # OpenCV scales its gradient term to about one grey level, so its colours lag one or two pixels behind a slope.
    hole = HOLES[name]
    image = np.round(soft_picture() * 255).astype(np.float32)
    front = first_front(image, hole, ~hole)
    opencv = cv2.inpaint(image.astype(np.uint8), hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)[front.ring]
    difference = np.abs(front.colours - opencv)
    assert difference.mean() < 2.5
    assert difference.max() < 10


@pytest.mark.parametrize("name", HOLES)
def test_estimates_are_nearer_to_the_truth_than_opencvs_on_soft_pictures(name):
    hole = HOLES[name]
    image = np.round(soft_picture() * 255).astype(np.float32)
    front = first_front(image, hole, ~hole)
    opencv = cv2.inpaint(image.astype(np.uint8), hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)[front.ring]
    truth = image[front.ring]
    assert np.abs(front.colours - truth).mean() < np.abs(opencv - truth).mean()


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.05, 0.95), void=st.floats(0, 0.9), seed=st.integers(0, 2**32 - 1))
def test_estimates_stay_within_the_known_ones_of_the_8_neighbours(share, void, seed):
    random = np.random.default_rng(seed)
    hole = random.random((20, 23)) < share
    known = ~hole & (random.random(hole.shape) >= void)
    image = random.random((*hole.shape, 2), dtype=np.float32)
    front = first_front(image, hole, known)
    for (row, column), colour in zip(np.argwhere(front.ring), front.colours, strict=True):
        window = (slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2))
        neighbours = image[window][known[window]]
        assert (colour >= neighbours.min(axis=0)).all()
        assert (colour <= neighbours.max(axis=0)).all()


@pytest.mark.parametrize("name", HOLES)
def test_only_known_pixels_are_read(name):
    hole = HOLES[name]
    known = ~hole & (ROWS % 5 > 0)
    image = noise()
    spoilt = np.where(known[..., None], image, np.float32(1e9))
    assert np.array_equal(first_front(image, hole, known).colours, first_front(spoilt, hole, known).colours)


def test_sixteen_bit_steps_survive():
    image = np.full((SIZE, SIZE, 1), 30000 / 65535, np.float32)
    image[:, 32:] = 30001 / 65535
    colours = first_front(image, SQUARE, ~SQUARE).colours * 65535
    assert colours.min() == pytest.approx(30000, abs=0.05)
    assert colours.max() == pytest.approx(30001, abs=0.05)
