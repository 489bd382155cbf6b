"""The equation of `thin` in holes without a ring or a 2 x 2 square in; its solution out, in one pass and back.

A scratch one pixel wide, or a picture of one row, can be as long as it likes: what takes conjugate gradients as many
steps as it has pixels takes Gaussian elimination from its ends two looks at each.
"""

import numpy as np
from numpy.typing import NDArray

from glcic_backend.compiled import compiled


def solve_forest(
    neighbours: NDArray[np.int32], links: NDArray[np.float32], right_side: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Solve links u - sum of the neighbours' u = right side where the neighbours form a forest.

    Args:
        neighbours: int32 [4, n], the number of each pixel's neighbour, n for none.
        links: float32 [n], above 0. In every tree at least one is larger than its pixel has neighbours.
        right_side: float32 [C, n].

    Returns:
        u, float32 [n, C], exact but for rounding, or None where some pixels form a ring.
    """
    weight = links.astype(np.float64)
    values = np.ascontiguousarray(right_side.T, np.float64)
    return values.astype(np.float32) if _solve(neighbours, weight, values) else None


@compiled
def _solve(neighbours: NDArray[np.int32], weight: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Replace the right side in `values`, float64 [n, C], by u; false, and void, where there is a ring."""
    count = len(weight)
    degree = np.zeros(count, np.int32)
    order = np.empty(count, np.int32)
    parent = np.full(count, count, np.int32)
    is_done = np.zeros(count, np.bool_)
    ordered = 0
    for pixel in range(count):
        for side in range(4):
            degree[pixel] += neighbours[side, pixel] < count
        if degree[pixel] <= 1:
            order[ordered] = pixel
            ordered += 1
    done = 0
    while done < ordered:
        pixel = order[done]
        done += 1
        is_done[pixel] = True
        for side in range(4):
            other = neighbours[side, pixel]
            if other < count and not is_done[other]:
                parent[pixel] = other
                weight[other] -= 1 / weight[pixel]
                for channel in range(values.shape[1]):
                    values[other, channel] += values[pixel, channel] / weight[pixel]
                degree[other] -= 1
                if degree[other] == 1:
                    order[ordered] = other
                    ordered += 1
    if ordered < count:
        return False
    for number in range(count - 1, -1, -1):
        pixel = order[number]
        for channel in range(values.shape[1]):
            above = values[parent[pixel], channel] if parent[pixel] < count else 0.0
            values[pixel, channel] = (values[pixel, channel] + above) / weight[pixel]
    return True
