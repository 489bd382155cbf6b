"""Comb scores: what stands out at periods of two and four pixels."""

import numpy as np
import pytest

from glcic_train.scores.comb import comb_scores, line_spectrum

HOLE = np.zeros((64, 64), np.bool_)
HOLE[8:56, 8:56] = True


def texture(seed: int) -> np.ndarray:
    """Noise of all frequencies around grey: uint8 [64, 64, 3]."""
    grey = np.random.default_rng(seed).normal(128, 20, (64, 64, 1)).clip(0, 255)
    return grey.repeat(3, axis=2).astype(np.uint8)


def with_stripes(image: np.ndarray, period: int, across: bool = True) -> np.ndarray:
    wave = 25 * np.cos(2 * np.pi * np.arange(64) / period)
    stripes = wave[None, :, None] if across else wave[:, None, None]
    return (image + stripes).clip(0, 255).astype(np.uint8)


def scores_of(fill: np.ndarray, truth: np.ndarray) -> dict[int, float | None]:
    return comb_scores([line_spectrum(fill, HOLE)], [line_spectrum(truth, HOLE)])


def test_a_photograph_against_itself_has_scores_of_1():
    assert scores_of(texture(0), texture(0)) == {2: pytest.approx(1), 4: pytest.approx(1)}


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize(("period", "other"), [(2, 4), (4, 2)])
def test_stripes_of_a_period_raise_its_score_and_not_the_other_ones(period, other, across):
    scores = scores_of(with_stripes(texture(1), period, across), texture(2))

    assert scores[period] > 2
    assert scores[other] == pytest.approx(1, abs=0.3)


def test_a_fill_of_less_contrast_has_no_comb():
    truth = texture(3)
    faint = (128 + 0.25 * (truth.astype(float) - 128)).round().astype(np.uint8)
    assert scores_of(faint, truth) == {2: pytest.approx(1, abs=0.1), 4: pytest.approx(1, abs=0.1)}


def test_only_lines_that_lie_in_the_hole_count():
    image, changed = texture(4), with_stripes(texture(4), 2)
    outside = np.where(HOLE[..., None], image, changed)
    np.testing.assert_array_equal(line_spectrum(outside, HOLE), line_spectrum(image, HOLE))


def test_energy_of_a_line_by_hand():
    # One line across of 16 pixels, an alternation of +1 and -1 under a Hann window whose values add up to 8.
    image, hole = np.full((1, 16, 3), 100, np.uint8), np.ones((1, 16), np.bool_)
    image[0, ::2] = 102
    assert line_spectrum(image, hole)[8] == pytest.approx(8**2)


def test_holes_without_a_line_of_16_pixels_have_no_score():
    small = np.zeros((64, 64), np.bool_)
    small[8:20, 8:20] = True
    nothing = line_spectrum(texture(5), small)
    assert not nothing.any()
    assert comb_scores([nothing], [nothing]) == {2: None, 4: None}
