"""Thin holes, solved on a list of their pixels."""

import numpy as np
import pytest

from glcic_backend.blending.multigrid import neighbour_count
from glcic_backend.blending.thin import is_thin, solve_thin
from glcic_backend.errors import CancelledError

from .test_poisson import WALLED, box


def equation(hole, known):
    """That of a membrane which is 1 on the rim."""
    pinned = hole & (neighbour_count(known) > 0)
    return hole & ~pinned, pinned, neighbour_count(pinned)[..., None]


def solved(free, pinned, right_side, cancelled=None):
    return solve_thin(free, pinned, right_side, None, np.array([1e-4]), cancelled)


@pytest.mark.parametrize(
    ("shape", "thin"),
    [(box(0, 96, 10, 89), True), (box(0, 96, 0, 90), False), (box(4, 92, 4, 92) & ~box(40, 50, 40, 50), True)],
    ids=["strip", "wide strip at the border", "ring"],
)
def test_what_lies_within_forty_pixels_of_the_rim_is_thin(shape, thin):
    assert is_thin(shape) is thin


def test_a_one_on_the_rim_is_one_everywhere_within_the_tolerance():
    hole = box(10, 40, 5, 90)

    u = solved(*equation(hole, ~hole))

    assert np.abs(u - 1).max() <= 1e-4


def test_strands_that_are_too_long_are_left_to_the_multigrid():
    hole, known = (np.kron(mask, np.ones((2, 2), bool)) for mask in WALLED["maze"])

    assert solved(*equation(hole & ~known, known)) is None


def test_strands_of_one_pixel_are_not_however_long_they_are():
    hole, known = WALLED["maze"]

    u = solved(*equation(hole & ~known, known))

    assert np.abs(u - 1).max() <= 1e-4


def test_cancelling_stops_between_steps():
    hole = box(10, 40, 5, 90)

    with pytest.raises(CancelledError):
        solved(*equation(hole, ~hole), lambda: True)


def test_a_line_of_one_pixel_is_solved_exactly_however_long():
    hole = np.ones((1, 100_000), bool)
    pinned = np.zeros_like(hole)
    pinned[0, [0, -1]] = True
    values = np.where(pinned, np.array([1.0] + [0.0] * 99_998 + [3.0]), 0)
    right_side = np.pad(values[:, :-1], ((0, 0), (1, 0))) + np.pad(values[:, 1:], ((0, 0), (0, 1)))

    u = solved(hole & ~pinned, pinned, right_side[..., None].astype(np.float32))

    assert np.abs(u[:, 0] - np.linspace(1, 3, 100_000)[1:-1]).max() <= 1e-4


def test_branches_that_form_no_ring_agree_with_what_steps_come_to():
    cross = box(30, 31, 5, 60) | box(10, 50, 32, 33)
    ring = cross | box(40, 41, 32, 45) | box(30, 41, 44, 45)

    for hole in (cross, ring):
        u = solved(*equation(hole, ~hole))
        assert np.abs(u - 1).max() <= 1e-4
