"""Quality fast: the fill has the grain of its surroundings, and no more."""

import cv2
import numpy as np
import pytest

from glcic_backend.blending.grain import add_grain
from glcic_backend.scene.fill import Fill
from glcic_backend.scene.photograph import Photograph
from glcic_backend.wire.geometry import Rectangle

BOX = Rectangle(90, 60, 70, 80)


def noisy(sigma, correlated=False, dtype=np.float32):
    noise = np.random.default_rng(1).normal(0, 1, (220, 260, 3)).astype(np.float32)
    if correlated:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    slope = np.linspace(0.3, 0.6, 260, dtype=np.float32)[None, :, None]
    values = slope + noise * (sigma / noise.std())
    return values if dtype == np.float32 else np.rint(values * np.iinfo(dtype).max).astype(dtype)


def filled(image, seed=0, colour=None):
    known = np.ones(image.shape[:2], bool)
    known[BOX.y : BOX.bottom, BOX.x : BOX.right] = False
    smooth = np.full((BOX.height, BOX.width, 3), 0.45, np.float32) if colour is None else colour
    fill = Fill(BOX, ~known[BOX.y : BOX.bottom, BOX.x : BOX.right], smooth.copy())
    add_grain(Photograph(image, known, False), [fill], seed)
    return fill.colour


def fine(picture):
    return picture - cv2.GaussianBlur(picture, (0, 0), 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("correlated", [False, True])
def test_a_smooth_fill_gets_the_grain_of_its_surroundings(dtype, correlated):
    image = noisy(0.012, correlated, dtype)
    truth = image.astype(np.float32) / (1 if dtype == np.float32 else np.iinfo(dtype).max)

    grain = filled(image)

    assert fine(grain).std() == pytest.approx(fine(truth).std(), rel=0.2)
    neighbours = [(values[:, 1:] * values[:, :-1]).mean() / values.var() for values in (fine(grain), fine(truth))]
    assert neighbours[0] == pytest.approx(neighbours[1], abs=0.1)


def test_a_fill_that_has_grain_gets_no_more():
    image = noisy(0.012)
    own = image[BOX.y : BOX.bottom, BOX.x : BOX.right].copy()

    assert fine(filled(image, colour=own)).std() == pytest.approx(fine(own).std(), rel=0.15)


@pytest.mark.parametrize("sigma", [6, 10, 20, 38])
@pytest.mark.parametrize("correlated", [False, True])
def test_the_noise_of_a_high_iso_is_grain_however_strong(sigma, correlated):
    image = noisy(sigma / 255, correlated)

    assert fine(filled(image)).std() == pytest.approx(fine(image).std(), rel=0.2)


def bricks():
    """Grey bricks with dark joints."""
    rows, columns = np.mgrid[:220, :260]
    joints = (rows % 12 < 2) | ((columns + rows // 12 % 2 * 12) % 24 < 2)
    return np.where(joints, 0.2, 0.5)[..., None].repeat(3, axis=2).astype(np.float32)


def leaves():
    """Light leaves on dark ground, here more and there fewer."""
    random = np.random.default_rng(2)
    picture = np.full((220, 260), 0.2, np.float32)
    for row, column in (random.beta(1, 2, (900, 2)) * (220, 260)).astype(int):
        cv2.ellipse(picture, (int(column), int(row)), (6, 3), float(random.uniform(0, 180)), 0, 360, 0.6, -1)
    return picture[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("image", [bricks(), leaves(), np.full((220, 260, 3), 0.5, np.float32)])
def test_where_there_is_no_grain_or_only_texture_the_fill_stays_as_it_is(image):
    assert (filled(image) == np.float32(0.45)).all()


def test_a_seed_gives_the_same_grain_again_and_another_seed_another():
    image = noisy(0.012)

    assert (filled(image, seed=3) == filled(image, seed=3)).all()
    assert (filled(image, seed=3) != filled(image, seed=4)).any()


def test_an_image_without_a_known_tile_is_left_alone():
    image = noisy(0.012)
    known = np.zeros(image.shape[:2], bool)
    known[:, :10] = True
    fill = Fill(BOX, np.ones((BOX.height, BOX.width), bool), np.full((BOX.height, BOX.width, 3), 0.45, np.float32))

    add_grain(Photograph(image, known, False), [fill], 0)

    assert (fill.colour == np.float32(0.45)).all()
