"""Distances between two sets of feature vectors: do results look like photographs, as a set?"""

import numpy as np


def frechet_distance(results: np.ndarray, truths: np.ndarray) -> float:
    """Frechet distance of the Gaussians with the means and (n - 1) covariances of two sets.

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). Too large for small sets, and the more so the smaller they are:
    compare only values of equally large sets.

    Args:
        results: float [n, D], n >= 2.
        truths: float [m, D], m >= 2.
    """
    x, y = results - results.mean(axis=0), truths - truths.mean(axis=0)
    x, y = x / np.sqrt(len(x) - 1), y / np.sqrt(len(y) - 1)
    # trace((X'X Y'Y)^(1/2)) is the sum of the singular values of X Y', which is small where D is large.
    common = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    shift = np.square(results.mean(axis=0) - truths.mean(axis=0)).sum()
    return float(shift + np.square(x).sum() + np.square(y).sum() - 2 * common)


def kernel_distance(results: np.ndarray, truths: np.ndarray) -> tuple[float, float]:
    """Kernel distance: squared maximum mean discrepancy with the kernel (x'y / D + 1)^3, estimated without bias.

    The estimate of the kernel inception distance, on other features: it may fall below 0 where the sets agree. Row i of
    both sets belongs to the same photograph, so the pairs i, i are left out of all three sums.

    Args:
        results, truths: float [n, D], n >= 3.

    Returns:
        The distance and its standard error, from leaving out one photograph after the other.
    """
    count, dimensions = results.shape
    h = _kernel(results, results, dimensions) + _kernel(truths, truths, dimensions)
    cross = _kernel(results, truths, dimensions)
    h -= cross + cross.T
    np.fill_diagonal(h, 0)
    total = h.sum()
    without = (total - 2 * h.sum(axis=1)) / ((count - 1) * (count - 2))
    error = np.sqrt((count - 1) / count * np.square(without - without.mean()).sum())
    return float(total / (count * (count - 1))), float(error)


def _kernel(a: np.ndarray, b: np.ndarray, dimensions: int) -> np.ndarray:
    return (a @ b.T / dimensions + 1) ** 3
