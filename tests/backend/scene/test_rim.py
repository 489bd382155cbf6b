"""The rim of a hole is judged, not believed: what still shows the thing is not continued into its place."""

import cv2
import numpy as np
import pytest

from glcic_backend import Inpainter
from glcic_backend.doctor.selftest import load_sample
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.rim import DEPTH, FARTHEST, doubtful_rim
from glcic_backend.wire.geometry import Rectangle

from .rim_scenes import HEIGHT, WIDTH, as_jpeg, doubtful, kite, sky

ENGINE = Inpainter.load()
DISTANCE = np.hypot(*(axis - half for axis, half in zip(np.mgrid[:HEIGHT, :WIDTH], (80, 100), strict=True))) - 30
"""Pixels outside the rim of a disc; negative in it."""


def with_disc(picture: np.ndarray, softness: float, colour: tuple[int, int, int] = (220, 40, 30)) -> np.ndarray:
    """A red disc in a picture, whose edge is `softness` pixels wide."""
    share = np.clip(0.5 - DISTANCE / softness, 0, 1)[..., None]
    return np.rint(picture * (1 - share) + np.array(colour) * share).astype(np.uint8)


def error(result: np.ndarray, truth: np.ndarray, masked: np.ndarray) -> float:
    return float(np.abs(result.astype(float) - truth)[masked].mean())


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("tight", [-3, -1, 0], ids=["3 pixels inside", "1 pixel inside", "exact"])
def test_a_mask_that_is_too_tight_for_a_soft_edge_gives_the_sky_of_a_loose_one(quality, tight):
    image = as_jpeg(with_disc(sky(), 3))

    result = ENGINE.complete(image, tight >= DISTANCE, quality=quality)
    loose = ENGINE.complete(image, DISTANCE <= 8, quality=quality)

    inner = DISTANCE < -5  # beyond the few pixels over which the fill meets what could not be written
    assert error(result, sky(), inner) < 1.25 * error(loose, sky(), inner) + 1


def test_a_sliver_that_is_left_outside_does_not_tint_the_sky():
    image = sky()
    image[78:82, 128:133] = (240, 210, 40)  # the tip of a thing whose rest is masked
    masked = np.zeros((HEIGHT, WIDTH), bool)
    masked[60:100, 70:129] = True
    image[masked] = (240, 210, 40)

    result = ENGINE.complete(image, masked, quality="fast")

    assert error(result, sky(), masked) < 6


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_tip_that_is_deeper_than_the_rim_does_not_tint_the_sky_above_it(quality):
    image, masked = kite(14)

    result = ENGINE.complete(image, masked, quality=quality)

    beside = masked.copy()
    beside[:86] = False  # the 20 pixels beside the tip
    assert error(result, sky(), beside) < 4


def test_wires_in_a_jpeg_leave_no_ghost():
    truth, masked = sky(), np.zeros((HEIGHT, WIDTH), np.uint8)
    for row in (40, 110):
        cv2.line(masked, (0, row), (WIDTH, row + 20), 1, 6)
    image = truth.copy()
    image[masked > 0] = (15, 15, 15)

    result = ENGINE.complete(as_jpeg(image), masked > 0, quality="fast")

    assert error(result, truth, masked > 0) < 5


def test_nothing_outside_the_mask_is_written():
    image, masked = as_jpeg(with_disc(sky(), 3)), DISTANCE <= -1
    assert doubtful(image, masked).any()

    result = ENGINE.complete(image, masked)

    assert np.array_equal(result[~masked], image[~masked])


def test_a_tight_mask_is_doubted_all_the_way_round_and_no_deeper_than_allowed():
    masked = DISTANCE <= -1
    found = doubtful(with_disc(sky(), 3), masked)

    distance = cv2.distanceTransform((~masked).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert found[(distance > 0) & (distance <= 1)].all()
    assert not found[masked].any()
    assert distance[found].max() <= DEPTH + 1


def test_nothing_far_from_the_mask_is_doubted():
    image, masked = kite(FARTHEST - 2)
    distance = cv2.distanceTransform((~masked).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

    found = doubtful(image, masked)

    assert found.any() and distance[found].max() <= FARTHEST + 1


@pytest.mark.parametrize("margin", [6, 10])
def test_a_loose_mask_is_believed(margin):
    assert not doubtful(with_disc(sky(), 3), margin >= DISTANCE).any()


def test_a_shade_that_goes_on_under_the_mask_is_believed():
    columns = np.linspace(0, 255, WIDTH)[None, :, None]
    image = np.broadcast_to(np.rint(columns), (HEIGHT, WIDTH, 3)).astype(np.uint8)

    assert not doubtful(image, np.asarray(DISTANCE <= 0)).any()


def test_an_edge_of_the_photograph_that_runs_into_the_mask_is_believed():
    image = sky()
    image[80:] = (60, 50, 40)
    masked = np.asarray(DISTANCE <= 0)

    found = doubtful(image, masked)

    assert found.sum() < 0.05 * doubtful(with_disc(sky(), 3), masked).sum()


def test_pixels_that_are_not_known_say_nothing():
    masked = DISTANCE <= -1
    photograph = Photograph(with_disc(sky(), 3), ~masked & (DISTANCE < 3), False)

    assert not doubtful_rim(photograph, masked).any()


def test_a_mask_without_pixels_has_no_rim():
    assert not doubtful(sky(), np.zeros((HEIGHT, WIDTH), bool)).any()


def test_what_is_doubted_is_the_same_in_8_and_16_bits():
    photograph = load_sample().image[100:260, 100:400].mean(axis=2, keepdims=True).repeat(3, 2)
    masked = np.zeros(photograph.shape[:2], bool)
    masked[60:100, 120:180] = True  # below, it cuts off a paw
    coarse, fine = np.rint(photograph).astype(np.uint8), np.rint(photograph * 257).astype(np.uint16)

    found = doubtful(coarse, masked)

    assert found[100:].sum() > 30
    np.testing.assert_array_equal(found, doubtful(fine, masked))


def test_a_crop_gives_what_the_image_gives():
    image, masked = as_jpeg(with_disc(sky(), 3)), DISTANCE <= -1
    crop = slices(grown(Rectangle(70, 50, 61, 61), 30, WIDTH, HEIGHT))

    assert np.array_equal(doubtful(image[crop], masked[crop]), doubtful(image, masked)[crop])


def test_light_and_colour_are_judged_apart():
    # Chroma of half the size brings a thing's colour over its edge, and the same lightness does not.
    image, masked = sky(), DISTANCE <= 0
    grey = np.repeat(np.rint(image @ (0.25, 0.5, 0.25)), 3).reshape(image.shape).astype(np.uint8)
    thing = np.where((DISTANCE <= 1)[..., None], grey, image).astype(np.uint8)

    assert doubtful(thing, masked).any()
