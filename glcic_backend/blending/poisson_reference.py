"""The membrane by a direct sparse solve: slow and exact, to check and time `poisson.membrane` against.

Needs SciPy, which only the tests and the benchmark use. Import this module where it is used, not at the top.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from glcic_backend.blending.multigrid import Mask


def direct_membrane(hole: Mask, pinned: Mask, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Solve the same equation as `poisson.membrane` by sparse LU factorisation in double precision.

    Args:
        hole: bool [H, W]; every 4-connected part has a pinned pixel.
        pinned: bool [H, W], part of the hole.
        values: float [H, W, C], read where pinned.

    Returns:
        float64 [H, W, C], zero outside the hole.
    """
    result = np.where(pinned[..., None], values, 0).astype(np.float64)
    count = int(hole.sum())
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(count)
    pairs = [
        np.stack([one[linked], other[linked]])
        for one, other in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:]))
        for linked in [(one >= 0) & (other >= 0)]
    ]
    one, other = np.concatenate(pairs, axis=1)
    adjacency = sparse.coo_matrix((np.ones(len(one)), (one, other)), (count, count))
    adjacency = (adjacency + adjacency.T).tocsr()
    laplacian = (sparse.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency).tocsr()
    is_pinned = pinned[hole]
    rows = laplacian[~is_pinned]
    right_side = -rows[:, is_pinned] @ result[pinned]
    if len(right_side):
        factors = splu(rows[:, ~is_pinned].tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        result[hole & ~pinned] = factors.solve(right_side)
    return result
