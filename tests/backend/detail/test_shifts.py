"""Shifts by which the surroundings repeat: found, refined, and continued in step across a hole."""

import numpy as np
import pytest

from glcic_backend.detail.contrast import Contrast, contrasts
from glcic_backend.detail.flatness import Flatness
from glcic_backend.detail.nearest_neighbours import Matcher
from glcic_backend.detail.patches import PatchSpace
from glcic_backend.detail.pyramid import Level
from glcic_backend.detail.shades import Shades
from glcic_backend.detail.shifts import DominantShifts
from glcic_backend.scene.scene import Scene

from . import line_scenes


def nothing() -> None:
    pass


def vectors_of(level):
    return PatchSpace(level).everywhere(nothing)


def wall():
    broken = line_scenes.bricks(np.random.default_rng(0))
    return Scene(broken.image.astype(np.float32) / 255, ~broken.hole, broken.hole)


def repeated(height, width, down, across, hole):
    """A picture that repeats exactly, and a hole at some rows and columns."""
    piece = np.random.default_rng(0).random((down, across, 3), np.float32)
    picture = np.tile(piece, (height // down + 1, width // across + 1, 1))[:height, :width]
    mask = np.zeros((height, width), bool)
    mask[hole] = True
    return Scene(picture, ~mask, mask)


def test_the_shifts_of_a_wall_are_whole_courses_at_each_scale():
    fine = wall()
    shifts = DominantShifts()

    for scene, course in ((fine.halved(), 8), (fine, 16)):
        level = Level(scene)
        # Of the less frequent ones a few are chance.
        found = shifts.of(level, vectors_of(level), nothing)[:10]
        # A course is half a brick aside of the one above it.
        assert not (found % course).any()
        assert not (found.sum(axis=1) % (2 * course)).any()


def test_shifts_are_not_to_the_patches_beside_and_each_is_told_one_way_only():
    level = Level(wall().halved())

    found = DominantShifts().of(level, vectors_of(level), nothing)

    assert np.hypot(*found.T).min() >= max(level.shape) / 15
    told = {tuple(shift) for shift in found.tolist()}
    assert not any((-down, -across) in told for down, across in told)


def test_the_check_may_end_it():
    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    level = Level(wall().halved())
    with pytest.raises(StopError):
        DominantShifts().of(level, vectors_of(level), stop)


def plain(level):
    """Contrast and flatness that change no cost."""
    measured = contrasts(level)
    return Contrast(level, measured, 0.0), Flatness(level, measured, Shades(level), 0.0, 0.0)


@pytest.mark.parametrize("shift", [(13, 0), (0, -17), (-13, 17)])
def test_a_source_in_step_is_found_across_a_hole_of_many_steps(shift):
    scene = repeated(260, 300, 13, 17, np.s_[80:180, 90:200])
    level = Level(scene)
    random, vectors = np.random.default_rng(0), vectors_of(level)
    matcher = Matcher(
        level,
        vectors,
        *plain(level),
        np.zeros(level.count, np.float32),
        np.zeros(len(level.targets)),
        random,
        nothing,
    )
    wanted = vectors[level.targets]
    found = matcher.anywhere()
    cost = matcher.cost(wanted, found)

    matcher.continue_in_step(wanted, found, cost, np.array([shift], np.int32))

    assert level.is_source[found].all()
    (rows, columns), (from_rows, from_columns) = map(level.rows_and_columns, (level.targets, found))
    assert not ((from_rows - rows) % 13).any() and not ((from_columns - columns) % 17).any()
    assert cost.max() < 1e-6


def test_a_source_in_step_that_costs_more_is_not_taken():
    scene = repeated(120, 140, 13, 17, np.s_[50:70, 60:80])
    level = Level(scene)
    vectors = vectors_of(level)
    random = np.random.default_rng(0)
    rare, nearness = np.zeros(level.count, np.float32), np.zeros(len(level.targets))
    matcher = Matcher(level, vectors, *plain(level), rare, nearness, random, nothing)
    wanted = vectors[level.targets]
    found = matcher.anywhere()
    cost = matcher.cost(wanted, found)
    before = cost.copy()

    matcher.continue_in_step(wanted, found, cost, np.array([[11, 5]], np.int32))

    assert (cost <= before).all()
    np.testing.assert_allclose(cost, matcher.cost(wanted, found), rtol=1e-5)
