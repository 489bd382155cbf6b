"""Holes that reach an edge of the photograph: the network sees it mirrored beyond, instead of nothing."""

import numpy as np
import pytest
import torch

from glcic_backend import Inpainter
from glcic_backend.model_files.model_file import Model, ModelInfo
from glcic_backend.network.edges import BEYOND, ReachedEdges
from glcic_backend.wire.geometry import Rectangle

from ..conftest import make_thin_network

INFO = ModelInfo("thin", (0.47, 0.44, 0.40), (8, 96), ("rectangle",), "random", "CC0-1.0", "none", "random weights")
ENGINE = Inpainter(Model(make_thin_network().float(), INFO), torch.device("cpu"))
WIDTH, HEIGHT = 90, 70


def photograph(height=HEIGHT, width=WIDTH):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("box", "reached"),
    [
        (Rectangle(30, 20, 10, 10), ""),
        (Rectangle(5, 5, 80, 60), ""),
        (Rectangle(4, 20, 10, 10), "left"),
        (Rectangle(0, 0, 10, 10), "left top"),
        (Rectangle(76, 56, 10, 10), "right bottom"),
        (Rectangle(0, 30, 90, 5), "left right"),
    ],
)
def test_a_hole_reaches_an_edge_that_is_at_most_four_pixels_away(box, reached):
    edges = ReachedEdges([Rectangle(40, 1, 3, 3), box], WIDTH, HEIGHT).of(box)

    assert edges == tuple(BEYOND * (side in reached.split()) for side in ("left", "top", "right", "bottom"))


@pytest.mark.parametrize("size", [(70, 90), (23, 31)], ids=["larger", "mirrored several times"])
@pytest.mark.parametrize("sides", [(0, 0), (1, 0), (0, 1), (1, 1), (0, None), (None, 1)])
def test_it_is_completed_as_in_the_photograph_mirrored_beyond_that_edge(size, sides):
    image, mask = photograph(*size), np.zeros(size, np.uint8)
    # Along an axis a hole reaches the first edge, the last, or none.
    place = tuple(
        {0: slice(0, 9), 1: slice(length - 9, length), None: slice(7, 15)}[side]
        for side, length in zip(sides, size, strict=True)
    )
    mask[place] = 255
    around = [(BEYOND * (side == 0), BEYOND * (side == 1)) for side in sides]

    completed = ENGINE.complete(image, mask, blend=False)

    wide = [np.pad(each, around + [(0, 0)] * (each.ndim - 2), mode="symmetric") for each in (image, mask)]
    expected = ENGINE.complete(*wide, blend=False)
    inside = tuple(slice(before, before + length) for (before, _), length in zip(around, size, strict=True))
    assert abs(completed.astype(int) - expected[inside]).max() <= 1


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("place", [np.s_[:150, 500:], np.s_[480:, 200:420]])
def test_the_crop_of_the_context_gives_what_the_whole_image_gives(quality, place):
    image, mask = photograph(603, 701), np.zeros((603, 701), np.uint8)
    mask[place] = 255
    rows, columns = np.nonzero(mask)
    box = Rectangle(columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min())
    seen = ENGINE.context(701, 603, box, quality=quality)
    crop = np.s_[seen.y : seen.bottom, seen.x : seen.right]

    whole = ENGINE.complete(image, mask, quality=quality)

    assert np.array_equal(ENGINE.complete(image[crop].copy(), mask[crop].copy(), quality=quality), whole[crop])


def test_a_white_sky_stays_white_in_its_corner():
    image = np.full((500, 700, 3), 245, np.uint8)
    image[350:] = 90
    mask = np.zeros((500, 700), np.uint8)
    mask[:250, 400:] = 255

    painted = Inpainter.load("shipped", device="cpu", threads=1).complete(image, mask, blend=False)

    assert painted[:100, 600:].mean() > 235
