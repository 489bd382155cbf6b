"""Each of three seeds in a row copies from elsewhere than those before it, so that another try is another fill."""

from dataclasses import replace

import numpy as np
import pytest

from glcic_backend.detail import FAITHFUL, FREE, Task, transfer, transfer_texture
from glcic_backend.detail.copied import copied_pixels, cost_of_copied
from glcic_backend.detail.pyramid import PATCH, RADIUS, Level
from glcic_backend.detail.scales import searched
from glcic_backend.errors import CancelledError
from glcic_backend.scene.scene import Scene

SIDE, HOLE = 240, slice(96, 144)
HALVINGS = 2


def leaves():
    """A scene all of whose surroundings fit equally well: noise in blocks, with a hole in its middle."""
    rng = np.random.default_rng(3)
    small = np.repeat(np.repeat(rng.random((SIDE // 4, SIDE // 4, 3)), 4, axis=0), 4, axis=1)
    picture = (0.7 * small + 0.3 * rng.random((SIDE, SIDE, 3))).astype(np.float32)
    hole = np.zeros((SIDE, SIDE), bool)
    hole[HOLE, HOLE] = True
    picture[hole] = 0.5
    return Scene(picture, ~hole, hole)


def task(seed, recipe=FREE, **others):
    return Task(leaves(), HALVINGS, 10.0, recipe, seed, **others)


def untold(share):
    pass


def sources_of(seed, recipe):
    """Row and column of what each patch of a seed's fill is copied from, [t, 2]."""
    field = searched(transfer._from_elsewhere(task(seed, recipe), untold, None), untold, None)
    return np.stack(field.level.rows_and_columns(field.found), axis=1)


def alike(one, other):
    """Share of the patches that come from where those of another fill come from, or from beside that."""
    return np.mean(np.abs(one - other).max(axis=1) < PATCH)


@pytest.mark.parametrize("recipe", [FAITHFUL, FREE], ids=["faithful", "free"])
def test_the_next_two_variants_copy_from_elsewhere_and_the_one_after_them_as_the_first(recipe):
    # Everything fits alike here. What is to be avoided must cost more than chance makes of that.
    dear = replace(recipe, elsewhere=1.0)
    first, second, third, next_first = (sources_of(seed, dear) for seed in range(3, 7))

    assert alike(next_first, first) > 0.7
    for one, other in ((second, first), (third, first), (third, second)):
        assert alike(one, other) < 0.1


@pytest.mark.parametrize("recipe", [FAITHFUL, FREE], ids=["faithful", "free"])
def test_as_much_as_it_costs_to_copy_what_was_copied_it_moves_some_patches(recipe):
    first, second = (sources_of(seed, recipe) for seed in (3, 4))
    by_chance = sources_of(4, replace(recipe, elsewhere=0.0))

    assert alike(second, first) < 0.97 * alike(by_chance, first)


@pytest.mark.parametrize("seed", [1, 2, 4_294_967_293, 4_294_967_294])
def test_the_other_two_avoid_something(seed):
    assert transfer._from_elsewhere(task(seed), untold, None).copied.any()


def test_where_the_coarse_scales_know_too_little_the_finest_of_them_tells_what_is_copied():
    scene = leaves()
    known = np.zeros_like(scene.known)
    known[80:160, 80:160] = scene.known[80:160, 80:160]
    little = Scene(scene.picture, known, scene.hole)

    assert transfer._from_elsewhere(replace(task(1), scene=little, halvings=5), untold, None).copied.any()


def test_progress_rises_also_during_the_looks_at_the_variants_before():
    told = []

    assert transfer_texture(task(2), told.append, None)

    assert told == sorted(told)
    assert len([share for share in told if share <= 0.4]) >= 2
    assert told[-1] == 1


def test_the_first_of_three_avoids_nothing():
    assert all(transfer._from_elsewhere(task(seed), untold, None).copied is None for seed in (0, 3, 4_294_967_295))


def test_many_small_holes_are_filled_from_beside_them_whatever_the_seed():
    assert transfer._from_elsewhere(task(1, are_many=True), untold, None).copied is None


def test_where_too_little_is_known_no_variant_finds_anything():
    scene = leaves()
    unknown = Scene(scene.picture, np.zeros_like(scene.known), scene.hole)

    assert not transfer_texture(replace(task(2), scene=unknown), untold, None)


def test_the_look_at_what_is_to_be_avoided_can_be_cancelled():
    with pytest.raises(CancelledError):
        transfer._from_elsewhere(task(1), untold, lambda: True)


def test_copied_pixels_are_those_of_the_patches():
    level = Level(leaves())
    rows, columns = np.array([20, 20, 3]), np.array([30, 34, 200])

    copied = copied_pixels(level, level.at(rows, columns))

    expected = np.zeros((SIDE, SIDE), np.float32)
    for row, column in zip(rows, columns, strict=True):
        expected[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1] = 1
    assert np.array_equal(copied, expected)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_patch_costs_more_by_the_share_of_it_that_is_copied_at_whatever_scale_that_is_known(scale):
    level = Level(leaves())
    copied = np.zeros((SIDE // scale, SIDE // scale), np.float32)
    copied[:, : 40 // scale] = 1

    cost = cost_of_copied(level, copied, 7.0)

    at = {column: cost[level.at(np.array([60]), np.array([column]))][0] for column in (20, 39, 41, 60)}
    assert at[20] == pytest.approx(7) and at[60] == 0
    assert at[39] > at[41] > 0
    if scale == 1:
        assert at[39] == pytest.approx(7 * 4 / PATCH)
