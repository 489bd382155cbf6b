"""Distances of sets of vectors, against closed forms and plain loops."""

import numpy as np
import pytest
import scipy.linalg

from glcic_train.scores.distances import frechet_distance, kernel_distance


def vectors(count, dimensions, seed, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, dimensions))


def with_moments(count, mean, covariance):
    """Vectors whose mean and (n - 1) covariance are exactly these."""
    x = vectors(count, len(mean), seed=5)
    x -= x.mean(axis=0)
    x = np.linalg.solve(np.linalg.cholesky(np.cov(x.T).reshape(len(mean), -1)), x.T).T
    return x @ np.linalg.cholesky(covariance).T + mean


class TestFrechetDistance:
    def test_equals_the_closed_form_of_two_gaussians_on_a_line(self):
        first = with_moments(50, np.array([1.0]), np.array([[4.0]]))
        second = with_moments(70, np.array([4.0]), np.array([[25.0]]))

        assert frechet_distance(first, second) == pytest.approx((4 - 1) ** 2 + (5 - 2) ** 2)

    def test_equals_the_closed_form_of_two_gaussians_with_diagonal_covariances(self):
        first = with_moments(40, np.zeros(3), np.diag([1.0, 4.0, 9.0]))
        second = with_moments(40, np.array([1.0, 2.0, 2.0]), np.diag([9.0, 4.0, 1.0]))

        assert frechet_distance(first, second) == pytest.approx(9 + 4 + 0 + 4)

    @pytest.mark.parametrize("count", [30, 6])
    def test_equals_the_matrix_square_root_also_for_fewer_vectors_than_dimensions(self, count):
        first, second = vectors(count, 10, 0) * np.arange(1, 11), vectors(count + 3, 10, 1, shift=0.5)
        a, b = np.cov(first.T), np.cov(second.T)
        # A little noise makes the root of a singular product well defined.
        root = scipy.linalg.sqrtm((a + 1e-10 * np.eye(10)) @ (b + 1e-10 * np.eye(10))).real
        shift = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()

        assert frechet_distance(first, second) == pytest.approx(shift + np.trace(a + b - 2 * root), rel=1e-3)

    def test_set_has_no_distance_from_itself(self):
        x = vectors(20, 50, 0)

        assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def slow_kernel_distance(results, truths):
    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    pairs = [(i, j) for i in range(len(results)) for j in range(len(results)) if i != j]
    x, y = results, truths
    return np.mean([k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs])


class TestKernelDistance:
    def test_equals_the_definition_in_plain_loops(self):
        results, truths = vectors(9, 4, 0), vectors(9, 4, 1, shift=1)

        assert kernel_distance(results, truths)[0] == pytest.approx(slow_kernel_distance(results, truths))

    def test_standard_error_is_that_of_leaving_one_photograph_out(self):
        results, truths = vectors(7, 4, 0), vectors(7, 4, 1, shift=1)
        without = [slow_kernel_distance(np.delete(results, i, 0), np.delete(truths, i, 0)) for i in range(7)]

        expected = np.sqrt(6 / 7 * np.square(without - np.mean(without)).sum())
        assert kernel_distance(results, truths)[1] == pytest.approx(expected)

    def test_estimate_for_one_distribution_scatters_around_0(self):
        estimates = [kernel_distance(vectors(30, 8, seed), vectors(30, 8, 1000 + seed))[0] for seed in range(300)]

        assert abs(np.mean(estimates)) < 3 * np.std(estimates) / np.sqrt(300)
        assert min(estimates) < 0 < max(estimates)

    def test_estimate_for_related_pairs_of_one_distribution_scatters_around_0(self):
        estimates = []
        for seed in range(300):
            shared = vectors(30, 8, seed)
            first, second = (shared + vectors(30, 8, 1000 * n + seed) for n in (1, 2))
            estimates.append(kernel_distance(first, second)[0])

        assert abs(np.mean(estimates)) < 3 * np.std(estimates) / np.sqrt(300)

    def test_other_distribution_is_further_away(self):
        truths = vectors(60, 8, 0)

        near, far = (kernel_distance(vectors(60, 8, 1, shift), truths)[0] for shift in (0.2, 1.0))

        assert far > 5 * near

    def test_set_has_no_distance_from_itself(self):
        x = vectors(10, 5, 0)

        assert kernel_distance(x, x) == pytest.approx((0, 0), abs=1e-12)
