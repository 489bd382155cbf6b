"""Photographs and holes of an evaluation: always the same, and the holes hide what they cover."""

import dataclasses

import numpy as np
import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.data import PhotoSet
from glcic_train.evaluation.cases import Case, CaseOptions, cases
from glcic_train.masks import frozen_masks

OPTIONS = CaseOptions(kinds=("rectangle", "blob"), count=3, seed=4, short_side=48, hole=(10, 16))


@pytest.fixture(scope="module")
def photo_set(photos):
    return PhotoSet.open(photos, "val")


def test_every_photograph_gets_one_hole_of_each_kind(photo_set):
    made = list(cases(photo_set, OPTIONS))

    assert [case.kind for case in made] == ["rectangle", "blob"] * 3
    assert len({case.key for case in made}) == 3


def test_photographs_get_the_asked_short_side_and_keep_their_shape(photo_set):
    for case in cases(photo_set, OPTIONS):
        assert case.truth.shape == (48, 55, 3) and case.hole.shape == (48, 55)


def test_photographs_are_cut_to_their_middle_square_where_that_is_asked(photo_set):
    squares = cases(photo_set, dataclasses.replace(OPTIONS, square=True))

    for square, whole in zip(squares, cases(photo_set, OPTIONS), strict=True):
        np.testing.assert_array_equal(square.truth, whole.truth[:, 3:51])
        np.testing.assert_array_equal(square.hole, whole.hole[:, 3:51])


def test_holes_are_the_frozen_masks_in_the_middle_square(photo_set):
    expected = frozen_masks(4, 3, 48, "blob", (10, 16))

    holes = [case.hole for case in cases(photo_set, OPTIONS) if case.kind == "blob"]

    for hole, mask in zip(holes, expected, strict=True):
        np.testing.assert_array_equal(hole[:, 3:51], mask > 0)
        assert hole.sum() == mask.sum()


def test_larger_count_only_adds_photographs(photo_set):
    few, more = (list(cases(photo_set, CaseOptions(("blob",), count, 4, 48, (10, 16)))) for count in (2, 4))

    assert [case.key for case in few] == [case.key for case in more[:2]]
    assert all((a.hole == b.hole).all() for a, b in zip(few, more[:2], strict=True))


def test_count_beyond_the_set_takes_all(photo_set):
    assert len(list(cases(photo_set, CaseOptions(("blob",), 1000, 0, 48, (10, 16))))) == 4


def test_input_shows_nothing_of_what_the_hole_covers(photo_set):
    case = next(cases(photo_set, OPTIONS))

    assert (case.input[case.hole] == 128).all()
    np.testing.assert_array_equal(case.input[~case.hole], case.truth[~case.hole])


def test_the_photograph_can_be_left_under_the_mask(photo_set):
    case = next(cases(photo_set, dataclasses.replace(OPTIONS, under="photograph")))

    assert case.hole.any()
    np.testing.assert_array_equal(case.input, case.truth)


def test_what_cannot_lie_under_a_mask_is_refused():
    with pytest.raises(InvalidInputError, match="'white'"):
        dataclasses.replace(OPTIONS, under="white")


@pytest.mark.parametrize(("corner", "expected"), [((0, 0), (0, 0)), ((20, 30), (12, 22)), ((36, 56), (20, 40))])
def test_window_is_a_square_around_the_hole_that_stays_in_the_photograph(corner, expected):
    hole = np.zeros((40, 60), np.bool_)
    hole[corner[0] : corner[0] + 4, corner[1] : corner[1] + 4] = True
    picture = np.zeros((40, 60, 3), np.uint8)
    case = Case("key", "rectangle", picture, hole, picture)

    rows, columns = case.window(20)

    assert (rows.start, columns.start) == expected
    assert (rows.stop - rows.start, columns.stop - columns.start) == (20, 20)
    assert hole[rows, columns].sum() == 16


def test_window_larger_than_the_photograph_is_its_short_side():
    picture = np.zeros((40, 60, 3), np.uint8)
    case = Case("key", "rectangle", picture, np.ones((40, 60), np.bool_), picture)

    rows, columns = case.window(256)

    assert (rows, columns) == (slice(0, 40), slice(10, 50))


def test_unknown_kind_of_hole_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInputError, match=r"'square'.*rectangle.*blob.*sloppy"):
        CaseOptions(kinds=("square",))


@pytest.mark.parametrize("hole", [(0, 10), (20, 10), (40, 60)])
def test_holes_that_do_not_fit_are_refused(hole):
    with pytest.raises(InvalidInputError, match="do not fit"):
        CaseOptions(short_side=48, hole=hole)
