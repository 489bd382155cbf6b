"""The rectangles that cover the holes, and their cost."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.network.region import region_cost
from glcic_backend.network.region_plan import plan_regions
from glcic_backend.scene.rectangles import bounding_box
from glcic_backend.wire.geometry import Rectangle


def mask_of(width, height, *rectangles):
    hole = np.zeros((height, width), np.bool_)
    for x, y, w, h in rectangles:
        hole[y : y + h, x : x + w] = True
    return hole


def covered(hole, regions):
    cover = np.zeros_like(hole)
    for region in regions:
        cover[region.y : region.bottom, region.x : region.right] = True
    return bool((cover | ~hole).all())


def cost(regions, hole):
    return int(region_cost(regions, hole.shape[1], hole.shape[0]).sum())


def test_one_hole_gives_its_bounding_box():
    assert plan_regions(mask_of(400, 300, (31, 42, 53, 64))) == [Rectangle(31, 42, 53, 64)]


def test_empty_mask_gives_nothing():
    assert plan_regions(mask_of(40, 30)) == []


def test_far_holes_stay_apart_and_near_ones_are_merged():
    far = mask_of(3000, 1000, (100, 400, 200, 200), (2500, 400, 200, 200))
    near = mask_of(3000, 1000, (1000, 400, 200, 200), (1250, 400, 200, 200))

    assert len(plan_regions(far)) == 2
    assert plan_regions(near) == [Rectangle(1000, 400, 450, 200)]


def test_two_far_holes_cost_no_more_than_twice_one():
    one = mask_of(3000, 1000, (400, 400, 200, 200))
    two = mask_of(3000, 1000, (400, 400, 200, 200), (2400, 400, 200, 200))

    assert cost(plan_regions(two), two) == 2 * cost(plan_regions(one), one)


def test_merging_two_holes_happens_exactly_when_it_costs_less():
    for gap in range(20, 400, 20):
        hole = mask_of(2000, 800, (500, 300, 200, 200), (700 + gap, 300, 200, 200))
        apart = [Rectangle(500, 300, 200, 200), Rectangle(700 + gap, 300, 200, 200)]
        together = [Rectangle(500, 300, 400 + gap, 200)]

        assert cost(plan_regions(hole), hole) == min(cost(apart, hole), cost(together, hole))


def test_thin_diagonal_line_costs_a_fraction_of_its_bounding_box():
    canvas = np.zeros((3000, 4000), np.uint8)
    cv2.line(canvas, (10, 20), (3900, 2900), 1, 8)
    hole = canvas > 0

    regions = plan_regions(hole)

    assert covered(hole, regions)
    assert cost(regions, hole) < cost([bounding_box(hole)], hole) / 4


def test_no_region_exceeds_the_limit_that_bounds_memory():
    hole = mask_of(2500, 2500, (300, 300, 1500, 1700))

    regions = plan_regions(hole, max_pixels=600 * 600)

    assert covered(hole, regions)
    assert max(region.width * region.height for region in regions) <= 600 * 600


def test_a_line_is_cut_into_lengths_that_bound_the_memory_for_what_its_layers_pad_it_to():
    hole = mask_of(500_000, 1, (1000, 0, 498_000, 1))

    regions = plan_regions(hole)

    assert max(region.width for region in regions) <= 16 * 768
    assert covered(hole, regions)
    assert cost(regions, hole) < 1.05 * cost([Rectangle(1000, 0, 498_000, 1)], hole)


def test_thousands_of_specks_are_planned_and_covered():
    rng = np.random.default_rng(0)
    hole = np.zeros((1500, 2000), np.bool_)
    hole[rng.integers(0, 1500, 2000), rng.integers(0, 2000, 2000)] = True

    assert covered(hole, plan_regions(hole))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_every_hole_pixel_is_covered(data):
    width, height = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(0, 6))):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        if data.draw(st.booleans()):
            cv2.circle(canvas, (x, y), data.draw(st.integers(0, 60)), 1, -1)
        else:
            end = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
            cv2.line(canvas, (x, y), end, 1, data.draw(st.integers(1, 9)))
    hole = canvas > 0

    regions = plan_regions(hole, max_pixels=data.draw(st.sampled_from([20 * 20, 100 * 100, 768 * 768])))

    assert covered(hole, regions)
    assert all(hole[r.y : r.bottom, r.x : r.right].any() for r in regions)
