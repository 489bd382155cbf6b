"""At which scale the network completes holes: thin ones that are strewn widely in a smaller copy."""

import numpy as np
import pytest

from glcic_backend.network.level import hole_levels, largest_level
from glcic_backend.scene.holes import find_holes
from glcic_backend.wire.geometry import Rectangle


def levels(*boxes, size=(2200, 2200)):
    mask = np.zeros(size, bool)
    for x, y, width, height in boxes:
        mask[y : y + height, x : x + width] = True
    holes = find_holes(mask)
    return {hole.box: level for hole, level in zip(holes, hole_levels(holes, 96), strict=True)}


STREWN = [(x, y, 7, 5) for x in range(20, 2200, 300) for y in range(20, 2200, 300)]


def test_a_few_specks_keep_the_full_scale():
    assert set(levels(*STREWN[:30]).values()) == {0}


def test_specks_strewn_over_more_than_two_megapixels_are_completed_in_a_copy_half_as_large():
    assert set(levels(*STREWN).values()) == {1}


def test_specks_strewn_over_more_than_eight_megapixels_are_completed_in_a_copy_a_quarter_as_large():
    strewn = [(x, y, 7, 5) for x in range(20, 3600, 280) for y in range(20, 3000, 280)]

    assert set(levels(*strewn[:100], size=(3000, 3600)).values()) == {1}
    assert set(levels(*strewn, size=(3000, 3600)).values()) == {2}


def test_so_is_a_scratch_across_the_photograph():
    steps = [(i, i, 6, 6) for i in range(0, 2100, 3)]

    assert set(levels(*steps).values()) == {1}


def test_a_larger_hole_beside_them_keeps_the_scale_that_suits_it():
    found = levels(*STREWN, (150, 150, 60, 60), (1000, 700, 150, 130))

    assert found[Rectangle(150, 150, 60, 60)] == 0
    assert found[Rectangle(1000, 700, 150, 130)] == 1


@pytest.mark.parametrize("shift", [0, 1, 100, 255])
def test_what_a_crop_shows_of_the_holes_has_the_same_level(shift):
    """Squares are counted from the first hole on, not from the corner of the picture."""
    boxes = [(x + shift, y + shift, width, height) for x, y, width, height in STREWN[:32]]

    assert set(levels(*boxes, size=(2600, 2600)).values()) == set(levels(*STREWN[:32]).values())


def test_the_level_reckoned_for_a_rectangle_is_at_least_that_of_each_hole_in_it():
    for count in range(1, len(STREWN), 5):
        found = levels(*STREWN[:count])
        right, bottom = max(box.right for box in found), max(box.bottom for box in found)
        outer = Rectangle(20, 20, right - 20, bottom - 20)

        assert largest_level(outer, 7, 96) >= max(found.values())
