"""Scores inside the hole, against values worked out by hand or by a slow, plain implementation."""

import math

import numpy as np
import pytest

from glcic_train.scores.metrics import MAX_PSNR, beside, l1, psnr, sharpness, ssim


def picture(seed, height=14, width=13):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def hole():
    """An L of 34 pixels, away from the borders."""
    mask = np.zeros((14, 13), np.bool_)
    mask[3:10, 2:4] = True
    mask[8:10, 4:12] = True
    mask[3, 4:8] = True
    return mask


def constant(value, hole):
    return np.full((*hole.shape, 3), value, np.uint8)


@pytest.mark.parametrize("score", [l1, psnr, ssim, sharpness])
def test_only_pixels_in_the_hole_count(score, hole):
    result, truth = picture(0), picture(1)
    elsewhere = np.where(hole[..., None], result, picture(2))

    assert score(elsewhere, truth, hole) == score(result, truth, hole)


class TestL1:
    def test_equals_the_mean_difference_by_hand(self, hole):
        truth = constant(10, hole)
        result = truth + np.array([0, 3, 9], np.uint8)

        assert l1(result, truth, hole) == 4

    def test_negative_differences_do_not_wrap_around(self, hole):
        assert l1(constant(5, hole), constant(250, hole), hole) == 245


class TestPsnr:
    def test_a_difference_of_a_tenth_of_the_range_gives_20_decibels(self, hole):
        assert psnr(constant(125, hole), constant(99, hole), hole) == pytest.approx(20 * math.log10(255 / 26))

    def test_perfect_result_has_the_stated_maximum(self, hole):
        assert psnr(picture(0), picture(0), hole) == MAX_PSNR

    def test_worst_result_has_0_decibels(self, hole):
        assert psnr(constant(255, hole), constant(0, hole), hole) == 0


def slow_ssim(result, truth, hole):
    """The definition in plain loops: Gaussian weights of the pixels that lie in the hole, normalised."""
    total, count = 0.0, 0
    places = [tuple(place) for place in np.argwhere(hole)]
    for y, x in places:
        near = [(v, u) for v, u in places if abs(v - y) <= 5 and abs(u - x) <= 5]
        weights = np.array([math.exp(-((v - y) ** 2 + (u - x) ** 2) / (2 * 1.5**2)) for v, u in near])
        weights /= weights.sum()
        for channel in range(3):
            a = np.array([float(result[v, u, channel]) for v, u in near])
            b = np.array([float(truth[v, u, channel]) for v, u in near])
            mean_a, mean_b = weights @ a, weights @ b
            variance_a, variance_b = weights @ (a - mean_a) ** 2, weights @ (b - mean_b) ** 2
            covariance = weights @ ((a - mean_a) * (b - mean_b))
            c1, c2 = 6.5025, 58.5225
            numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
            total += numerator / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
            count += 1
    return total / count


class TestSsim:
    def test_equals_the_definition_in_plain_loops(self, hole):
        result = (picture(0) // 2 + picture(1) // 2).astype(np.uint8)

        assert ssim(result, picture(1), hole) == pytest.approx(slow_ssim(result, picture(1), hole), abs=1e-9)

    def test_equals_the_definition_for_a_hole_at_the_border(self):
        hole = np.zeros((14, 13), np.bool_)
        hole[:6, 9:] = True

        expected = slow_ssim(picture(0), picture(1), hole)
        assert ssim(picture(0), picture(1), hole) == pytest.approx(expected, abs=1e-9)

    def test_identical_pictures_have_1(self, hole):
        assert ssim(picture(0), picture(0), hole) == pytest.approx(1)

    def test_flat_pictures_have_the_luminance_term_alone(self, hole):
        expected = (2 * 100 * 200 + 6.5025) / (100**2 + 200**2 + 6.5025)

        assert ssim(constant(100, hole), constant(200, hole), hole) == pytest.approx(expected)

    def test_negative_picture_has_a_negative_structure(self, hole):
        assert ssim(255 - picture(0), picture(0), hole) < 0


class TestSharpness:
    def test_half_the_contrast_is_half_as_sharp(self, hole):
        truth = picture(0) // 2 * 2

        assert sharpness(truth // 2, truth, hole) == pytest.approx(0.5)

    def test_flat_result_has_0(self, hole):
        assert sharpness(constant(99, hole), picture(0), hole) == 0

    def test_single_edge_equals_the_value_by_hand(self):
        hole = np.ones((1, 4), np.bool_)
        truth = np.array([[[0] * 3, [0] * 3, [10] * 3, [10] * 3]], np.uint8)
        result = np.array([[[0] * 3, [5] * 3, [10] * 3, [10] * 3]], np.uint8)

        assert sharpness(result, truth, hole) == pytest.approx(math.sqrt(50 / 100))

    def test_flat_truth_has_no_value(self, hole):
        assert math.isnan(sharpness(picture(0), constant(7, hole), hole))


class TestBeside:
    def test_counts_the_eight_pixels_round_the_hole_and_nothing_else(self):
        hole = np.zeros((41, 41), np.bool_)
        hole[20, 20] = True
        rows, columns = np.mgrid[-20:21, -20:21]
        distance = np.hypot(rows, columns)
        truth, result = constant(100, hole), constant(100, hole)
        result[hole] = 0
        result[distance > 9] = 0

        assert beside(result, truth, hole) == 0
        result[20, 12] = 200  # 8 pixels to the left
        assert 0 < beside(result, truth, hole) == pytest.approx(100 / (distance <= 8).sum(), rel=0.1)

    def test_a_hole_without_anything_round_it_has_nothing_beside(self):
        assert beside(picture(0), picture(1), np.ones((14, 13), np.bool_)) == 0
