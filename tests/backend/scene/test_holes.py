"""Which pixels form a hole, how thick it is, and at which scale it is filled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from glcic_backend.context import context_rectangle
from glcic_backend.detail.window import detail_levels, detail_window
from glcic_backend.network.level import network_level
from glcic_backend.scene.holes import find_holes, largest_thickness, pieces
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.small_copy import SmallCopy
from glcic_backend.wire.geometry import Rectangle


def mask_of(height, width, *boxes):
    mask = np.zeros((height, width), bool)
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = True
    return mask


def thickness(mask):
    (hole,) = find_holes(mask)
    return hole.thickness


def test_a_hole_is_as_thick_as_its_inside_is_deep_whatever_its_box():
    ring = mask_of(200, 200, (40, 40, 101, 101)) & ~mask_of(200, 200, (51, 51, 79, 79))

    assert thickness(mask_of(200, 200, (50, 60, 41, 41))) == 41
    assert thickness(mask_of(200, 200, (10, 60, 180, 21))) == 21
    assert thickness(ring) == pytest.approx(11, abs=2)


def test_a_hole_at_the_border_is_as_thick_as_one_twice_as_wide():
    assert thickness(mask_of(200, 200, (0, 50, 30, 100))) == 2 * 30 - 1
    assert thickness(mask_of(200, 200, (0, 0, 200, 30))) == 2 * 30 - 1


def test_near_parts_are_one_hole_and_far_ones_are_several_with_exact_masks():
    mask = mask_of(100, 300, (10, 10, 20, 20), (36, 10, 20, 30), (200, 50, 30, 30))

    holes = find_holes(mask)

    assert [hole.box for hole in holes] == [Rectangle(10, 10, 46, 30), Rectangle(200, 50, 30, 30)]
    painted = np.zeros_like(mask)
    for hole in holes:
        painted[hole.box.y : hole.box.bottom, hole.box.x : hole.box.right] |= hole.mask
    assert np.array_equal(painted, mask)


def test_specks_stay_apart_however_many_they_are():
    mask = mask_of(1000, 1000, *((x, y, 5, 7) for x in range(10, 990, 30) for y in range(10, 990, 30)))

    holes = find_holes(mask)

    assert len(holes) == 33 * 33
    assert all(hole.is_speck and hole.mask.all() and hole.mask.shape == (7, 5) for hole in holes)


@pytest.mark.parametrize(("side", "step"), [(1, 10), (30, 70)], ids=["thousands of dots", "hundreds of holes"])
def test_what_is_too_much_is_gathered_into_few_holes_that_hold_it_all(side, step):
    boxes = [(x, y, side, side) for x in range(5, 1100 - side, step) for y in range(5, 1100 - side, step)]
    mask = mask_of(1200, 1200, *boxes, (1150, 1150, 3, 3))

    holes = find_holes(mask)

    assert sum(not hole.is_speck for hole in holes) <= 64
    assert len(holes) <= 65
    assert sum(np.count_nonzero(hole.mask) for hole in holes) == np.count_nonzero(mask)
    assert any(hole.is_speck for hole in holes), "the speck beside them stays one"


@pytest.mark.parametrize(("thick", "level"), [(1, 0), (64, 0), (65, 1), (128, 1), (129, 2), (1500, 5)])
def test_the_network_works_at_the_finest_scale_at_which_its_training_covers_the_hole(thick, level):
    assert network_level(thick, 64) == level


def test_a_long_thin_hole_is_cut_into_pieces_that_hold_each_pixel_once():
    line = np.zeros((1500, 1500), bool)
    for i in range(1490):
        line[i : i + 8, i] = True
    (hole,) = find_holes(line)
    total = np.zeros(line.shape, int)

    parts = pieces(hole)

    for part in parts:
        total[part.box.y : part.box.bottom, part.box.x : part.box.right] += part.mask
    assert np.array_equal(total, line.astype(int))
    assert max(part.mask.size for part in parts) < line.size / 4


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_is_planned_for_a_rectangle_contains_what_every_hole_in_it_needs(data):
    width, height = data.draw(st.integers(20, 400)), data.draw(st.integers(20, 400))
    mask = np.zeros((height, width), bool)
    for _ in range(data.draw(st.integers(1, 3))):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        mask[y : y + data.draw(st.integers(1, 200)), x : x + data.draw(st.integers(1, 200))] = True
    if mask.all():
        mask[0, 0] = False
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Rectangle(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    context = data.draw(st.sampled_from(["automatic", "more", "all"]))
    distance = data.draw(st.sampled_from([0, 0, 1, 70]))
    planned = context_rectangle(width, height, box, 40, details=True, context=context, distance=distance)

    assert planned.contains(box)
    for hole in find_holes(mask):
        assert hole.thickness <= largest_thickness(width, height, box)
        assert planned.contains(detail_window(width, height, hole.box, hole.thickness, context, distance))
        steps = max(4 << network_level(hole.thickness, 40), 1 << detail_levels(hole.thickness))
        assert planned.x % steps == planned.y % steps == 0


def test_a_small_copy_is_the_mean_of_the_known_pixels_and_knows_what_half_of_them_know():
    image = np.zeros((8, 10, 3), np.float32)
    image[:, :4] = 0.25
    image[:, 4:] = 0.75
    known = np.ones((8, 10), bool)
    known[:, 3:7] = False
    image[~known] = 1.0

    copy = SmallCopy(Photograph(image, known, False), 2)
    colour, usable = copy.read(Rectangle(0, 0, copy.width, copy.height))

    assert (copy.width, copy.height) == (3, 2)
    assert usable[0].tolist() == [True, False, True]
    assert colour[0, :, 0] == pytest.approx([0.25, 0.75, 0.75])


def test_a_small_copy_of_few_rows_takes_no_more_of_them_and_enlarges_to_them():
    image = np.random.default_rng(0).random((5, 100_000, 3), dtype=np.float32)
    known = np.ones((5, 100_000), bool)

    copy = SmallCopy(Photograph(image, known, False), 12)
    whole = Rectangle(0, 0, copy.width, copy.height)
    colour, usable = copy.read(whole)
    large = copy.enlarge(colour, whole, Rectangle(0, 0, 100_000, 5))

    assert (copy.width, copy.height) == (25, 1)
    assert usable.all()
    assert colour[0, 3] == pytest.approx(image[:, 3 * 4096 : 4 * 4096].mean(axis=(0, 1)), abs=1e-4)
    assert large.shape == (5, 100_000, 3)


@pytest.mark.parametrize("grain", [2, 12, 60])
def test_a_mask_that_is_read_in_bands_has_the_same_holes(grain, monkeypatch):
    """Thin ones, those that are as thick as is seen from a band, and those that are thicker."""
    texture = ndimage.gaussian_filter(np.random.default_rng(grain).standard_normal((700, 300)), grain)
    mask = texture > np.quantile(texture, 0.4)
    at_once = find_holes(mask)

    monkeypatch.setattr("glcic_backend.scene.holes._AT_ONCE", 1)

    assert [(hole.box, hole.thickness) for hole in find_holes(mask)] == [(hole.box, hole.thickness) for hole in at_once]
