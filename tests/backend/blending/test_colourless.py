"""A black-and-white photograph that is stored as RGB stays without colour."""

import numpy as np
import pytest

from glcic_backend import Inpainter
from glcic_backend.blending.colourless import without_colour
from glcic_backend.scene.fill import Fill
from glcic_backend.scene.photograph import Photograph
from glcic_backend.wire.geometry import Rectangle

ENGINE = Inpainter.load()
HEIGHT, WIDTH = 180, 200
BOX = Rectangle(70, 60, 60, 50)
HOLE = np.zeros((HEIGHT, WIDTH), bool)
HOLE[BOX.y : BOX.bottom, BOX.x : BOX.right] = True


def black_and_white(dtype=np.uint8) -> np.ndarray:
    """Boards in perspective with noise, [180, 200, 3]."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    boards = 0.3 + 0.3 * (np.sin(columns / (6 + rows / 40)) > 0) + rows / 600
    values = boards + np.random.default_rng(0).normal(0, 0.02, boards.shape)
    whole = values * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    return whole.astype(dtype)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_fill_in_black_and_white_has_no_colour(quality, dtype):
    # The network painted up to 20 levels of it.
    result = ENGINE.complete(black_and_white(dtype), HOLE, quality=quality)[HOLE]

    assert np.ptp(result, axis=1).max() <= (1e-5 if dtype == np.float32 else 0)


def changed(image: np.ndarray, known: np.ndarray) -> bool:
    """Whether a yellow fill loses its colour."""
    yellow = np.full((BOX.height, BOX.width, 3), (0.8, 0.7, 0.1), np.float32)
    fill = Fill(BOX, np.ones(yellow.shape[:2], bool), yellow)
    (result,) = without_colour(Photograph(image, known, False), [fill])
    assert (fill.colour == yellow).all()
    np.testing.assert_allclose(result.colour.mean(axis=2), yellow.mean(axis=2), atol=1e-6)
    return bool((result.colour == result.colour[..., :1]).all())


def test_a_level_of_rounding_is_no_colour_and_more_is():
    for levels, is_grey in ((0, True), (1, True), (2, False)):
        image = black_and_white()
        image[10:20, 20:40, 2] += np.uint8(levels)
        image[30, 60, 0] += np.uint8(levels)
        assert changed(image, ~HOLE) == is_grey


def test_colour_under_the_mask_and_far_away_does_not_count():
    image = np.tile(black_and_white(), (1, 2, 1))
    image[:, :, 0][np.pad(HOLE, ((0, 0), (0, WIDTH)))] = 255
    image[:, WIDTH + 20 :, 0] = 255

    assert changed(image, ~np.pad(HOLE, ((0, 0), (0, WIDTH))))


def test_where_nothing_is_known_nothing_changes():
    assert not changed(black_and_white(), np.zeros((HEIGHT, WIDTH), bool))
