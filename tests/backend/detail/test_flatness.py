"""Flat sources cost more where texture is wanted, so that no smooth blot stays in grass."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from glcic_backend.detail import FAITHFUL, Task, transfer_texture
from glcic_backend.detail.contrast import contrasts
from glcic_backend.detail.flatness import Flatness
from glcic_backend.detail.pyramid import Level
from glcic_backend.detail.shades import Shades
from glcic_backend.scene.scene import Scene

from .test_contrast import leaves, level_beside_a_flat_half, level_of_one

LEAVES, FLAT = (30, 30), (30, 170)
VARIANCE = 0.02


def added(level, target, source, begins=0.5, variance=VARIANCE):
    """What a source costs more for a target; both as row and column."""
    target, source = (level.at(np.int32(row), np.int32(column)) for row, column in (target, source))
    flatness = Flatness(level, contrasts(level), Shades(level), begins, variance)
    texture, usual = flatness.flaws[source]
    return max(0.0, min(flatness.wanted[level.number[target]], usual) - texture)


def leaves_with_a_flat_spot(column=225):
    """Leaves, with a spot of their mean colour on the right that is flat; a hole among leaves, and one in the spot."""
    picture = leaves(160, 280, 0)
    cv2.circle(picture, (column, 40), 18, picture.mean(axis=(0, 1)).tolist(), -1)
    hole = np.zeros(picture.shape[:2], bool)
    hole[70:100, 60:110] = hole[36:44, column - 4 : column + 5] = True
    return Level(Scene(picture, ~hole, hole))


def test_among_leaves_a_flat_source_costs_more_and_leaves_do_not():
    level = leaves_with_a_flat_spot()

    assert added(level, (85, 85), (30, 225)) > 0.3 * VARIANCE
    assert added(level, (85, 85), (130, 200)) == 0


def test_in_a_flat_place_nothing_is_added():
    level = leaves_with_a_flat_spot()

    assert added(level, (40, 225), (52, 225)) < 0.01 * VARIANCE


def test_a_source_of_a_colour_that_is_always_flat_may_be_flat_among_leaves():
    level = level_beside_a_flat_half()

    assert added(level, (80, 50), FLAT) < 0.01 * VARIANCE
    assert added(level, (80, 50), LEAVES) == 0


def test_a_share_of_none_adds_nothing():
    level = leaves_with_a_flat_spot()

    assert added(level, (85, 85), (30, 225), begins=0.0) == 0


@pytest.mark.parametrize("shade", [0.0, 0.5])
def test_a_photograph_without_any_contrast_is_flat_without_being_worse(shade):
    level = level_of_one(shade)

    assert added(level, (30, 30), (10, 10), variance=0.0) == 0
    assert added(level, (30, 30), (10, 10)) == 0


def flat_share(recipe, seed):
    """Of a hole among leaves, whose rough completion is their blur: the share that is filled with the flat spot."""
    truth = leaves(240, 280, seed)
    hole = np.zeros(truth.shape[:2], bool)
    hole[80:160, 60:160] = True
    cv2.circle(truth, (240, 120), 24, truth[hole].mean(axis=0).tolist(), -1)
    picture = truth.copy()
    picture[hole] = cv2.GaussianBlur(truth, (0, 0), 12)[hole]
    scene = Scene(picture, ~hole, hole)
    assert transfer_texture(Task(scene, 3, 10.0, recipe, seed), lambda share: None, None)
    steps = np.abs(np.diff(scene.picture, axis=1, prepend=0)).sum(axis=2)
    return float((cv2.blur(steps, (7, 7))[hole] < 0.02).mean())


def test_no_smooth_blot_stands_in_a_fill_of_leaves():
    with_blots = np.mean([flat_share(replace(FAITHFUL, flat=0.0), seed) for seed in range(4)])
    without = np.mean([flat_share(FAITHFUL, seed) for seed in range(4)])

    assert with_blots > 0.02
    assert without < 0.5 * with_blots  # 0.17 and 0.55
