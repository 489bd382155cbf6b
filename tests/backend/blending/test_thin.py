"""Thin holes, solved on a list of their pixels."""

import numpy as np
import pytest

from glcic_backend.blending import thin
from glcic_backend.blending.multigrid import neighbour_count
from glcic_backend.blending.thin import is_thin, solve_thin
from glcic_backend.errors import CancelledError

from .test_poisson import WALLED, box


def equation(hole, known):
    """That of a membrane which is 1 on the rim."""
    pinned = hole & (neighbour_count(known) > 0)
    return hole & ~pinned, pinned, neighbour_count(pinned)[..., None]


def solved(free, pinned, right_side, check=lambda: None):
    return solve_thin(free, pinned, right_side, None, check)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(box(0, 96, 10, 89), True), (box(0, 96, 0, 90), False), (box(4, 92, 4, 92) & ~box(40, 50, 40, 50), True)],
    ids=["strip", "wide strip at the border", "ring"],
)
def test_what_lies_within_forty_pixels_of_the_rim_is_thin(shape, expected):
    assert is_thin(shape) is expected


@pytest.mark.parametrize("wider", [1, 2, 3])
def test_a_one_on_the_rim_is_one_everywhere_however_long_the_strands(wider):
    hole, known = (np.kron(mask, np.ones((wider, wider), bool)) for mask in WALLED["maze"])

    u = solved(*equation(hole, known))

    assert np.abs(u - 1).max() <= 1e-6


def test_a_line_of_one_pixel_is_solved_exactly_however_long():
    hole = np.ones((1, 100_000), bool)
    pinned = np.zeros_like(hole)
    pinned[0, [0, -1]] = True
    values = np.where(pinned, np.array([1.0] + [0.0] * 99_998 + [3.0]), 0)
    right_side = np.pad(values[:, :-1], ((0, 0), (1, 0))) + np.pad(values[:, 1:], ((0, 0), (0, 1)))

    u = solved(hole & ~pinned, pinned, right_side[..., None].astype(np.float32))

    assert np.abs(u[:, 0] - np.linspace(1, 3, 100_000)[1:-1]).max() <= 1e-4


def test_parts_of_a_hole_do_not_know_of_each_other():
    rng = np.random.default_rng(0)
    one, other = box(5, 20, 5, 90), box(40, 52, 3, 60) & ~box(44, 48, 10, 50)
    right_side = rng.normal(size=(*one.shape, 3)).astype(np.float32)

    both = np.zeros_like(right_side)
    both[one | other] = solved(one | other, ~one & ~other, right_side)

    for part in (one, other):
        assert np.array_equal(both[part], solved(part, ~part, right_side))


def test_a_screen_binds_what_no_known_pixel_does():
    hole = box(5, 20, 5, 90)
    nothing = np.zeros_like(hole)
    screen = np.full(hole.shape, 0.25, np.float32)

    u = solve_thin(hole, nothing, screen[..., None], screen, lambda: None)

    assert np.abs(u - 1).max() <= 1e-6


def test_what_the_multigrid_solves_sooner_is_left_to_it():
    strip = np.zeros((60, 600), bool)
    strip[1:-1, 1:-1] = True
    frame = strip.copy()
    frame[12:-12, 12:-12] = False

    assert solved(*equation(strip, ~strip)) is None
    assert solved(*equation(frame, ~frame)) is not None


def test_what_has_too_many_pixels_is_left_to_the_multigrid_before_they_are_numbered(monkeypatch):
    hole = box(10, 40, 5, 90)
    monkeypatch.setattr(thin, "_MOST_PIXELS", 100)
    looks = []

    assert solved(*equation(hole, ~hole), lambda: looks.append(1)) is None
    assert not looks


def test_a_look_at_the_cancel_comes_after_every_few_pixels():
    """1 024 eliminated ones, of a strip of 48 000."""
    hole = np.zeros((24, 2002), bool)
    hole[2:-2, 1:-1] = True
    looks = []

    solved(*equation(hole, ~hole), lambda: looks.append(1))

    assert len(looks) > hole.sum() / 1200


def test_cancelling_stops_between_steps():
    hole = box(10, 40, 5, 90)

    def cancelled():
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        solved(*equation(hole, ~hole), cancelled)
