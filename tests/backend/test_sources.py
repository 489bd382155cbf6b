"""Where texture is copied from: sides, distance, and a mask of it."""

import numpy as np
import pytest

from glcic_backend import Inpainter
from glcic_backend.errors import InvalidInputError
from glcic_backend.wire.geometry import Rectangle

SIDE, HOLE = 240, slice(100, 140)
RED, GREEN = (200, 40, 40), (40, 160, 40)


@pytest.fixture(scope="module")
def engine():
    return Inpainter.load(device="cpu")


def coloured(where_red):
    """A picture of red noise where a mask is true and of green noise elsewhere, and a hole in its middle."""
    noise = np.random.default_rng(0).integers(-40, 41, (SIDE, SIDE, 1))
    image = np.clip(np.where(where_red[..., None], RED, GREEN) + noise, 0, 255).astype(np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[HOLE, HOLE] = 255
    return image, mask


def share_of_red(filled):
    """In the middle of the hole, where its rim has less to say."""
    hole = filled[110:130, 110:130].astype(int)
    return (hole[..., 0] > hole[..., 1]).mean()


@pytest.fixture
def cross():
    """Green on both sides of the hole, red above and below it."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    return coloured(np.abs(rows) > np.abs(columns))


def test_texture_comes_from_the_sides_or_from_above_and_below(engine, cross):
    sides = share_of_red(engine.complete(*cross, sample_from="sides"))
    above_and_below = share_of_red(engine.complete(*cross, sample_from="above-and-below"))

    assert sides < 0.2
    assert above_and_below > 0.8


@pytest.mark.parametrize(("sample_from", "least", "most"), [("sides", 0.0, 0.2), ("above-and-below", 0.8, 1.0)])
def test_edges_are_joined_only_where_texture_may_come_from(engine, sample_from, least, most):
    rows, columns = np.mgrid[:160, :300]
    upright = np.abs(rows - 79.5) * 1.5 > np.abs(columns - 149.5)
    stripes = np.where(np.where(upright, columns, rows) % 8 < 4, 180, 80).astype(np.uint8)
    mask = np.zeros((160, 300), np.uint8)
    mask[60:100, 120:180] = 255

    filled = engine.complete(np.repeat(stripes[..., None], 3, axis=2), mask, sample_from=sample_from)

    inner = filled[68:92, 130:170, 0].astype(float)
    across, down = np.abs(np.diff(inner, axis=1)).mean(), np.abs(np.diff(inner, axis=0)).mean()
    assert least <= across / (across + down) <= most


def test_texture_comes_only_from_the_sources(engine, cross):
    image, mask = cross
    red = image[..., 0].astype(int) > image[..., 1]

    assert share_of_red(engine.complete(image, mask, sources=red)) > 0.9
    assert share_of_red(engine.complete(image, mask, sources=~red)) < 0.1
    assert share_of_red(engine.complete(image, mask, sources=red.astype(np.uint8))) > 0.9


def test_sources_of_everything_give_what_none_give(engine, cross):
    everything = np.ones((SIDE, SIDE), bool)

    assert np.array_equal(engine.complete(*cross, sources=everything), engine.complete(*cross))


def test_outside_the_hole_nothing_changes_and_what_is_no_source_is_not_filled(engine, cross):
    image, mask = cross
    sources = np.zeros((SIDE, SIDE), bool)
    sources[:60] = True  # far from the hole, so that all round it is known but no source

    filled = engine.complete(image, mask, sources=sources)

    assert np.array_equal(filled[mask == 0], image[mask == 0])
    assert (filled[mask > 0] != image[mask > 0]).any()


def test_texture_comes_from_within_the_distance(engine):
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    image, mask = coloured(np.maximum(np.abs(rows), np.abs(columns)) > 20 + 40)
    shuffled = image.copy()
    far = np.maximum(np.abs(rows), np.abs(columns)) > 20 + 50
    shuffled[far] = np.random.default_rng(1).permutation(shuffled[far])

    # By the network's colours alone both would be alike; what differs is farther away than may be looked at.
    near = [engine.complete(each, mask, distance=40, blend=True)[HOLE, HOLE] for each in (image, shuffled)]
    wide = [engine.complete(each, mask, distance=100, blend=True)[HOLE, HOLE] for each in (image, shuffled)]

    assert np.abs(near[0].astype(int) - near[1]).mean() < np.abs(wide[0].astype(int) - wide[1]).mean()


def test_the_crop_of_a_distance_gives_what_the_whole_picture_gives(engine):
    image = np.random.default_rng(2).integers(0, 256, (500, 700, 3), np.uint8)
    mask = np.zeros((500, 700), np.uint8)
    mask[240:262, 340:370] = 255
    crop = engine.context(700, 500, Rectangle(340, 240, 30, 22), distance=230)
    part = slice(crop.y, crop.bottom), slice(crop.x, crop.right)

    assert crop.contains(Rectangle(110, 10, 490, 482))
    assert np.array_equal(
        engine.complete(image[part], mask[part], distance=230), engine.complete(image, mask, distance=230)[part]
    )


@pytest.mark.parametrize("sources", [np.zeros((SIDE, SIDE), bool), np.eye(SIDE, dtype=np.uint8)])
def test_too_few_sources_are_refused_with_their_number(engine, sources):
    wall = coloured(np.zeros((SIDE, SIDE), bool))  # with nothing at the hole's rim that could be the thing's

    with pytest.raises(InvalidInputError, match=r"\d+ pixels lie near the hole at 100, 100.*larger distance"):
        engine.complete(*wall, sources=sources)


@pytest.mark.parametrize("sources", [np.ones((SIDE, 3), bool), np.ones((SIDE, SIDE), np.float32)])
def test_a_mask_of_another_size_or_type_is_refused(engine, cross, sources):
    with pytest.raises(InvalidInputError, match="mask of where to copy from"):
        engine.complete(*cross, sources=sources)


@pytest.mark.parametrize("option", [{"sample_from": "left"}, {"distance": -1}, {"distance": 1 << 20}])
def test_an_option_that_is_unknown_or_out_of_range_is_refused(engine, cross, option):
    with pytest.raises(InvalidInputError, match="Choose"):
        engine.complete(*cross, **option)
