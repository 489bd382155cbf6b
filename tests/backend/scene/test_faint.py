"""A pixel that is almost transparent counts by how opaque it is, not as a whole one."""

import numpy as np
import pytest

from glcic_backend import Inpainter
from glcic_backend.scene.faint import weighed
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.wire.geometry import Rectangle

ENGINE = Inpainter.load()
HEIGHT, WIDTH = 180, 200
BOX = Rectangle(70, 60, 60, 50)
HOLE = np.zeros((HEIGHT, WIDTH), bool)
HOLE[BOX.y : BOX.bottom, BOX.x : BOX.right] = True
RING = np.zeros((HEIGHT, WIDTH), bool)
RING[slices(grown(BOX, 6, WIDTH, HEIGHT))] = True
RING &= ~HOLE


def wall(alpha: int, colour: tuple[int, int, int] = (255, 0, 255), dtype=np.uint8) -> np.ndarray:
    """A grey-green wall with noise, opaque but for a ring of another colour round the hole; [180, 200, 4]."""
    noise = np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH, 1))
    picture = np.dstack([np.array([110, 130, 90]) + noise, np.full((HEIGHT, WIDTH), 255)])
    picture[RING] = (*colour, alpha)
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    return (np.rint(picture) * scale).astype(dtype)


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_almost_transparent_ring_does_not_tint_the_fill(quality, dtype):
    image = wall(2, dtype=dtype)
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]

    result = ENGINE.complete(image, HOLE, quality=quality)

    colour = result[HOLE][:, :3].astype(float).mean(axis=0) * 255 / white
    assert np.abs(colour - (110, 130, 90)).max() < 4
    assert np.array_equal(result[~HOLE], image[~HOLE])


def test_the_more_opaque_a_ring_is_the_more_it_counts():
    tints = [weighed(wall(alpha), HOLE, ~HOLE)[RING][:, 0].mean() for alpha in (2, 64, 128, 255)]

    assert tints == sorted(tints)
    assert tints[0] < 125 and tints[-1] == 255


@pytest.mark.parametrize("alpha", [3, 128, 255])
def test_a_picture_that_is_everywhere_as_faint_counts_as_it_is(alpha):
    image = wall(255)
    image[..., 3] = alpha

    assert weighed(image, HOLE, ~HOLE) is image


def test_opacity_and_what_is_opaque_stay():
    image = wall(40)
    result = weighed(image, HOLE, ~HOLE)

    assert np.array_equal(result[..., 3], image[..., 3])
    assert np.array_equal(result[~RING], image[~RING])
    assert not np.array_equal(result, image)


def test_colours_that_are_not_known_count_for_nothing():
    image = wall(2)
    other = image.copy()
    other[HOLE] = (1, 2, 3, 255)
    known = ~HOLE
    known[:, :66] = False
    other[:, :66] = 7

    one, two = (weighed(picture, HOLE, known) for picture in (image, other))

    assert np.array_equal(one[known], two[known])


def test_a_crop_gives_what_the_image_gives():
    image = wall(30, dtype=np.float32)
    image[..., 3] *= np.linspace(0.4, 1, WIDTH, dtype=np.float32)
    crop = slices(grown(BOX, 24 + 8, WIDTH, HEIGHT))
    inner = slices(grown(BOX, 24, WIDTH, HEIGHT)._replace(x=8, y=8))

    whole, part = weighed(image, HOLE, ~HOLE), weighed(image[crop], HOLE[crop], ~HOLE[crop])

    assert np.array_equal(part[inner], whole[crop][inner])


def test_a_picture_without_alpha_is_left_alone():
    image = wall(2)[..., :3]

    assert weighed(image, HOLE, ~HOLE) is image
