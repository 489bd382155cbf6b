"""Masks: what values mean what, and how a mask grows and softens."""

import numpy as np
import pytest

from glcic_backend.errors import InvalidInputError
from glcic_backend.scene.masks import MAX_GROW, coverage_of, grown_and_softened

MARKED = np.array([[0, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    "mask",
    [
        MARKED.astype(bool),
        MARKED.astype(np.uint8),
        MARKED,
        MARKED.astype(np.uint8) * 255,
        MARKED * 255,
        MARKED.astype(np.uint16) * 65535,
        MARKED.astype(np.uint16) * 255,
        MARKED.astype(np.float32),
        MARKED.astype(np.float64),
        MARKED.astype(np.uint8)[..., None],
    ],
    ids=lambda mask: f"{mask.dtype} to {mask.max()} {mask.ndim}d",
)
def test_bool_and_each_full_range_mean_the_same_without_a_note(mask):
    coverage, note = coverage_of(mask)

    assert coverage.dtype == np.uint8 and coverage.tolist() == [[0, 0, 255], [0, 255, 255]]
    assert note == ""


@pytest.mark.parametrize(
    ("half", "expected"),
    [(np.uint8(100), 100), (np.uint16(25700), 100), (np.float32(0.4), 102), (np.int64(100), 100)],
)
def test_values_between_are_coverage(half, expected):
    full = {"u1": 255, "u2": 65535, "f4": 1, "i8": 255}[half.dtype.str[1:]]
    mask = np.array([[0, half, full]], half.dtype)

    assert coverage_of(mask) == (pytest.approx(np.array([[0, expected, 255]])), "")


@pytest.mark.parametrize("mask", [MARKED.astype(np.uint8) * 3, MARKED * 31, MARKED * 0.1, MARKED.astype("u2") * 900])
def test_a_mask_too_faint_to_show_anything_is_yes_or_no_and_that_is_told(mask):
    coverage, note = coverage_of(mask)

    assert coverage.tolist() == [[0, 0, 255], [0, 255, 255]]
    assert f"its largest value is {mask.max():g}, so it is taken as yes or no" in note


def test_a_light_but_visible_mask_stays_as_it_is():
    assert coverage_of(np.array([[0, 32]], np.uint8)) == (pytest.approx(np.array([[0, 32]])), "")


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        ([[0, 1]], "The mask is of type list; use a numpy array"),
        (None, "The mask is of type NoneType"),
        (np.zeros((4, 4, 3), np.uint8), "use one plane [H, W], such as mask[..., 0]"),
        (np.zeros((0, 4), np.uint8), "use bool, integers or floating point"),
        (np.array([["a"]]), "use bool, integers or floating point"),
        (np.array([[0.0, 255.0]]), "values from 0 to 255; use bool, 0..1"),
        (np.array([[0.0, np.nan]]), "values from nan to nan"),
        (np.array([[-1, 1]]), "values from -1 to 1"),
        (np.array([[0, 70000]]), "values from 0 to 70000"),
    ],
)
def test_what_is_no_mask_is_refused_with_the_remedy(mask, sentence):
    with pytest.raises(InvalidInputError) as refusal:
        coverage_of(mask)

    assert sentence in str(refusal.value)


def square(side=100, begin=40, end=60, value=255):
    mask = np.zeros((side, side), np.uint8)
    mask[begin:end, begin:end] = value
    return mask


def test_growing_moves_the_edge_out_by_so_many_pixels_round_at_the_corners():
    grown = grown_and_softened(square(), 7, 0)

    assert grown[50, 33] == 255 and grown[50, 32] == 0
    assert grown[34, 34] == 0  # 8.5 pixels from the corner
    assert set(np.unique(grown)) == {0, 255}


def test_softening_fades_out_outside_and_leaves_what_was_covered():
    soft = grown_and_softened(square(), 0, 12)

    assert (soft[40:60, 40:60] == 255).all()
    fading = soft[50, 27:41].astype(int)
    assert (np.diff(fading) >= 0).all() and len(set(fading)) > 6
    assert fading[6:8].mean() == pytest.approx(127.5, abs=2)  # half of the way out
    assert fading[0] == 0


def test_soft_edges_grow_as_they_are():
    soft = square(value=90)
    soft[45:55, 45:55] = 255

    grown = grown_and_softened(soft, 3, 0)

    assert grown[50, 37] == 90 and grown[50, 36] == 0 and grown[50, 42] == 255 and grown[50, 41] == 90


def test_at_the_border_of_the_picture_it_ends():
    assert (grown_and_softened(square(20, 2, 18), MAX_GROW, 5) == 255).all()


@pytest.mark.parametrize("options", [(-1, 0), (0, MAX_GROW + 1), (True, 0), ("3", 0), (0, float("nan"))])
def test_a_width_out_of_range_is_refused(options):
    with pytest.raises(InvalidInputError, match="give a number of pixels from 0 to 200"):
        grown_and_softened(square(), *options)
