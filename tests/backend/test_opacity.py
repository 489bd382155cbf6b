"""How opaque a fill is: as its surroundings are."""

import numpy as np
import pytest

from glcic_backend import Inpainter

HEIGHT, WIDTH = 160, 200
HOLE = slice(60, 100), slice(80, 130)


@pytest.fixture(scope="module")
def engine():
    return Inpainter.load(device="cpu")


def picture(alpha, dtype=np.uint8):
    """A picture of noise with an alpha channel of these values 0..1, and a hole in it."""
    full = 1 if dtype == np.float32 else np.iinfo(dtype).max
    colour = np.random.default_rng(0).uniform(0.3, 0.7, (HEIGHT, WIDTH, 3))
    image = np.dstack([colour, np.broadcast_to(alpha, (HEIGHT, WIDTH))]) * full
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[HOLE] = 255
    return image.astype(dtype), mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("alpha", [120 / 255, 0, 1])
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_where_all_round_is_alike_the_fill_is_exactly_so(engine, dtype, alpha, quality):
    image, mask = picture(alpha, dtype)
    image[0, 0, -1] = 1 if dtype == np.float32 else np.iinfo(dtype).max  # far away, so that something is known

    filled = engine.complete(image, mask, quality=quality)

    assert (filled[HOLE][..., -1] == image[50, 50, -1]).all()
    assert np.array_equal(filled[mask == 0], image[mask == 0])


def test_in_opaque_surroundings_a_transparent_place_becomes_opaque(engine):
    alpha = np.ones((HEIGHT, WIDTH))
    alpha[70:90, 90:120] = 0.4

    filled = engine.complete(*picture(alpha))

    assert (filled[HOLE][..., -1] == 255).all()


def test_the_edge_of_a_cut_out_goes_on_through_the_hole(engine):
    alpha = np.zeros((HEIGHT, WIDTH))
    alpha[:, :105] = 1

    filled = engine.complete(*picture(alpha))[HOLE][..., -1]

    assert (filled[:, :12] == 255).mean() > 0.95
    assert (filled[:, -12:] == 0).mean() > 0.95
    assert ((filled > 20) & (filled < 235)).mean() < 0.2  # it is an edge, not a slope


def test_each_hole_has_surroundings_of_its_own(engine):
    alpha = np.ones((HEIGHT, WIDTH))
    alpha[:, 100:] = 0.5
    image, _ = picture(alpha)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:40, 20:40] = mask[100:120, 150:170] = 255

    filled = engine.complete(image, mask)

    assert (filled[20:40, 20:40, -1] == 255).all()
    assert (filled[100:120, 150:170, -1] == image[0, -1, -1]).all()


def test_a_soft_mask_blends_opacities_by_coverage(engine):
    image, mask = picture(120 / 255)
    image[HOLE][..., -1] = 40
    mask[HOLE] = 128

    filled = engine.complete(image, mask, quality="fast")

    assert np.abs(filled[HOLE][..., -1].astype(int) - (40 * 127 + 119 * 128) / 255).max() <= 1
