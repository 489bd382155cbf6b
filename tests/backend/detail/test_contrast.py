"""Flat patches are held back, so that the fill is as sharp as the photograph."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from glcic_backend.blending import blend
from glcic_backend.detail import FAITHFUL, FREE, Task, transfer_texture
from glcic_backend.detail.contrast import Contrast, continued, contrasts
from glcic_backend.detail.pyramid import Level
from glcic_backend.detail.shades import Shades
from glcic_backend.scene.scene import Scene
from glcic_train.scores.metrics import sharpness


def leaves(height, width, seed):
    """Sharp shapes of many sizes, of which no two patches are alike: a search finds nothing that fits exactly."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 0.2, np.float32)
    for _ in range(2500):
        x, y = rng.integers(0, width), rng.integers(0, height)
        axes = int(rng.integers(3, 9)), int(rng.integers(2, 5))
        colour = np.array([0.3, 0.5, 0.15]) * rng.uniform(0.3, 1.5)
        cv2.ellipse(picture, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, colour.tolist(), -1, cv2.LINE_AA)
    return picture


def hole_in(shape):
    hole = np.zeros(shape[:2], bool)
    hole[80:160, 90:190] = True
    return hole


def sharpness_of_fill(recipe, seed):
    truth = leaves(240, 280, seed)
    hole = hole_in(truth.shape)
    picture = truth.copy()
    picture[hole] = cv2.GaussianBlur(truth, (0, 0), 10)[hole]
    scene = Scene(picture, ~hole, hole)
    assert transfer_texture(Task(scene, 3, 10.0, recipe, 0), lambda share: None, None)
    bytes_of = [(np.clip(image, 0, 1) * 255).round().astype(np.uint8) for image in (scene.picture, truth)]
    return sharpness(*bytes_of, hole)


@pytest.mark.parametrize("recipe", [FAITHFUL, FREE])
def test_a_fill_of_leaves_is_as_sharp_as_leaves(recipe):
    sharp = np.mean([sharpness_of_fill(recipe, seed) for seed in range(4)])
    calm = np.mean([sharpness_of_fill(replace(recipe, contrast=0.0), seed) for seed in range(4)])

    assert 0.85 <= sharp <= 1.15
    assert calm < sharp - 0.02


def level_beside_a_flat_half():
    """Leaves on the left, one shade on the right; a hole in each."""
    picture = leaves(160, 200, 0)
    picture[:, 100:] = 0.5
    hole = np.zeros(picture.shape[:2], bool)
    hole[70:90, 40:60] = hole[70:90, 140:160] = True
    return Level(Scene(picture, ~hole, hole))


def factor(level, target, source):
    """What the cost of a source is multiplied by for a target; both as row and column."""
    positions = [level.at(np.int32(row), np.int32(column)) for row, column in (target, source)]
    found = np.full(len(level.targets), positions[1])
    return float(Contrast(level, contrasts(level), 0.7).factors(found)[level.number[positions[0]]])


LEAVES, FLAT = (30, 30), (30, 170)


def test_among_leaves_a_flat_source_costs_more_and_leaves_what_they_cost():
    level = level_beside_a_flat_half()

    assert factor(level, (80, 50), FLAT) > 1.5
    assert factor(level, (80, 50), LEAVES) < 1.3


def test_in_a_flat_place_nothing_is_preferred():
    level = level_beside_a_flat_half()

    assert factor(level, (80, 150), FLAT) == pytest.approx(1, abs=1e-3)
    assert factor(level, (80, 150), LEAVES) == 1


def level_of_one(shade):
    """A photograph without any contrast, with a hole in its middle."""
    hole = np.zeros((60, 60), bool)
    hole[25:35, 25:35] = True
    return Level(Scene(np.full((60, 60, 3), shade, np.float32), ~hole, hole))


@pytest.mark.parametrize("shade", [0.0, 0.5])
def test_a_photograph_without_any_contrast_has_factors_too(shade):
    level = level_of_one(shade)

    factors = Contrast(level, contrasts(level), 0.7).factors(np.full(len(level.targets), level.sources[0]))

    assert np.isfinite(factors).all()
    assert (factors >= 1).all()


def test_by_colour_a_calm_source_of_a_colour_that_is_calm_costs_little_among_leaves():
    level = level_beside_a_flat_half()
    positions = [level.at(np.int32(row), np.int32(column)) for row, column in ((80, 50), FLAT)]
    found, target = np.full(len(level.targets), positions[1]), level.number[positions[0]]

    anyhow, by_colour = (
        float(Contrast(level, contrasts(level), 0.7, shades).factors(found)[target]) for shades in (None, Shades(level))
    )

    assert by_colour < 2 < anyhow


def level_beside_rough_texture(thick, gap=0):
    """Contrast rises from left to right; a hole as thick as told, with a known strip down its middle."""
    side = 3 * thick
    noise = np.random.default_rng(0).normal(0, 1, (side, side, 3)) * np.linspace(0.01, 0.1, side)[None, :, None]
    hole = np.zeros((side, side), bool)
    hole[thick : 2 * thick, thick : 2 * thick] = True
    hole[:, (side - gap) // 2 : (side + gap) // 2] = False
    return Level(Scene((0.5 + noise).astype(np.float32), ~hole, hole))


def continued_at_full_size(level, values):
    shape = -1, level.stride
    hole = np.zeros(level.count, bool)
    hole[level.targets] = True
    around, known = values.reshape(shape)[..., None], level.is_known.reshape(shape)
    return blend(np.ones_like(around), around, hole.reshape(shape), known).ravel()[level.targets]


def test_in_a_hole_up_to_15_thick_contrast_is_continued_pixel_by_pixel():
    level = level_beside_rough_texture(14)

    np.testing.assert_array_equal(
        continued(level, contrasts(level)), continued_at_full_size(level, contrasts(level)).clip(0)
    )


@pytest.mark.parametrize(("thick", "gap"), [(17, 0), (35, 0), (64, 0), (150, 0), (90, 14)])
def test_in_thicker_holes_a_smaller_copy_gives_nearly_the_same(thick, gap):
    level = level_beside_rough_texture(thick, gap)

    error = continued(level, contrasts(level)) - continued_at_full_size(level, contrasts(level))

    assert np.abs(error).mean() < 0.05 * np.ptp(contrasts(level))
    assert abs(error.mean()) < 0.02 * np.ptp(contrasts(level))


def test_what_lies_under_a_hole_has_no_contrast_that_counts():
    level = level_beside_rough_texture(48)
    values = contrasts(level)
    spoiled = np.where(level.is_known, values, np.float32(np.nan))

    np.testing.assert_array_equal(continued(level, values), continued(level, spoiled))
