"""Patches as vectors: distances are kept, and it does not matter how they are computed."""

import numpy as np
import pytest

from glcic_backend.detail.patches import COMPONENTS, PatchSpace
from glcic_backend.detail.pyramid import RADIUS, Level
from glcic_backend.scene.scene import Scene


def nothing() -> None:
    pass


def waves(height, width):
    rows, columns = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 0.05, (height, width, 3))
    return (np.sin(rows / 5) * np.cos(columns / 7) / 4 + 0.5 + noise).astype(np.float32)


def level_of(picture, hole):
    return Level(Scene(picture, ~hole, hole))


def patch(level, picture, position):
    row, column = (int(value) for value in level.rows_and_columns(np.int32(position)))
    return picture[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1]


def test_distances_of_vectors_are_nearly_those_of_the_patches():
    picture, hole = waves(60, 70), np.zeros((60, 70), bool)
    hole[22:36, 28:40] = True
    level = level_of(picture, hole)
    vectors = PatchSpace(level).everywhere(nothing)
    one, other = level.sources[::97], level.sources[50::97][: len(level.sources[::97])]
    one = one[: len(other)]

    short = np.square(vectors[one] - vectors[other]).sum(axis=1)
    true = np.array(
        [
            np.square(patch(level, picture, a) - patch(level, picture, b)).sum() / 49
            for a, b in zip(one.tolist(), other.tolist(), strict=True)
        ]
    )

    assert (short <= true * (1 + 1e-3) + 1e-6).all()
    assert np.corrcoef(short, true)[0, 1] > 0.95


def square(hole):
    hole[60:180, 50:190] = True


def frame(hole):
    hole[:] = True
    hole[20:-20, 20:-20] = False


def specks(hole):
    hole[10::40, 10::40] = True


def a_wide_and_a_narrow_part(hole):
    hole[20:90, 20:200] = hole[90:220, 100] = True


@pytest.mark.parametrize("shape", [square, frame, specks, a_wide_and_a_narrow_part])
def test_patches_on_a_hole_of_any_shape_get_the_vectors_that_they_have_among_all(shape):
    hole = np.zeros((240, 240), bool)
    shape(hole)
    level = level_of(waves(240, 240), hole)
    space, vectors = PatchSpace(level), np.full((len(level.targets), COMPONENTS + 2), 7, np.float32)

    space.at(level.pixels, level.targets, vectors, nothing)

    assert np.allclose(vectors[:, :COMPONENTS], space.everywhere(nothing)[level.targets], atol=1e-5)
    assert (vectors[:, COMPONENTS:] == 7).all()
