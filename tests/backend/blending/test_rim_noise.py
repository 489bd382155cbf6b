"""Noise round a hole is noise, and not a colour that the fill continues."""

import cv2
import numpy as np
import pytest

from glcic_backend import Inpainter
from glcic_backend.blending.rim_noise import noise_level, without_noise

ENGINE = Inpainter.load()
HEIGHT, WIDTH = 240, 260
HOLE = np.zeros((HEIGHT, WIDTH), bool)
HOLE[70:170, 80:180] = True
FAR = np.ones((HEIGHT, WIDTH), bool)
FAR[50:190, 60:200] = False


def grey_slope(levels: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey slope, float64 [240, 260, 3] in 0..255, and the same with noise of some levels in every channel."""
    slope = np.linspace(90, 150, HEIGHT)[:, None, None] + np.zeros((HEIGHT, WIDTH, 3))
    return slope, slope + np.random.default_rng(0).normal(0, levels, slope.shape)


def blotches(picture: np.ndarray, where: np.ndarray) -> float:
    """Standard deviation of what is left of a difference when fine noise is blurred away."""
    return float(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 3)[where].std())


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize(("levels", "most"), [(4, 2.0), (10, 1.6)])
def test_no_coloured_blotches_along_the_rim(quality, levels, most):
    slope, noisy = grey_slope(levels)
    image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    near = HOLE & (cv2.distanceTransform(HOLE.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) <= 10)

    difference = ENGINE.complete(image, HOLE, quality=quality) - slope

    # With boundary values as they are it is 2.5 to 2.6 times (fast) and 1.9 to 2.1 times (best).
    assert blotches(difference, near) < most * blotches(difference, FAR)


@pytest.mark.parametrize("levels", [2, 10, 30])
def test_the_noise_of_a_slope_is_found(levels):
    _, noisy = grey_slope(levels)

    found = noise_level(np.float32(noisy / 255), ~HOLE)

    assert found is not None
    np.testing.assert_allclose(found * 255, levels, rtol=0.05)


def test_edges_are_no_noise():
    picture = grey_slope(0)[0] / 255
    picture[:, ::12] = 0.9

    assert noise_level(np.float32(picture), ~HOLE) is None


def test_where_too_little_is_known_nothing_is_called_noise():
    known = np.zeros((HEIGHT, WIDTH), bool)
    known[:4, :9] = True

    assert noise_level(np.float32(grey_slope(10)[1] / 255), known) is None


def test_a_picture_without_noise_stays_as_it_is():
    picture = np.float32(np.rint(grey_slope(0)[0]) / 255)

    assert without_noise(picture, ~HOLE) is picture


def test_noise_goes_and_an_edge_beside_it_stays():
    slope, noisy = grey_slope(6)
    slope[:, 200:], noisy[:, 200:] = slope[:, 200:] + 100, noisy[:, 200:] + 100

    left = without_noise(np.float32(noisy / 255), ~HOLE) * 255 - slope

    assert left[:, 205:][~HOLE[:, 205:]].std() < 2
    assert np.abs(left[:, 198:202].mean(axis=0)).max() < 15


def test_unknown_pixels_are_not_read():
    noisy = np.float32(grey_slope(10)[1] / 255)
    other = np.where(HOLE[..., None], np.float32(np.nan), noisy)

    one, two = (without_noise(picture, ~HOLE) for picture in (noisy, other))

    assert np.array_equal(one[~HOLE], two[~HOLE])
