"""The loops of `multigrid` and of conjugate gradients over a grid's cells, compiled.

Planes are float32 or float64 [h, w], weights float32 [h, w]. Cell [y, x] is red where y + x is even, else black. Values
of cells that are not free are zero, and so are their weights; the outermost rows and columns are such cells.
Each loop goes row by row with what it needs of a few rows, so that a plane passes through memory once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glcic_backend.compiled import compiled

Plane = NDArray[np.floating[Any]]
Weights = NDArray[np.float32]


@compiled
def apply(u: Plane, diagonal: Weights, east: Weights, south: Weights, image: Plane) -> float:
    """image = A u = diagonal * u - sum of the linked neighbours' u times the links' weights.

    Returns:
        The inner product of u and A u.
    """
    height, width = u.shape
    total = 0.0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            image[y, x] = diagonal[y, x] * u[y, x] - (
                south[y - 1, x] * u[y - 1, x]
                + south[y, x] * u[y + 1, x]
                + east[y, x - 1] * u[y, x - 1]
                + east[y, x] * u[y, x + 1]
            )
        total += _row_product(u[y], image[y])
    return total


@compiled
def relax_from_zero(right: Plane, inverse: Weights, east: Weights, south: Weights, u: Plane) -> None:
    """One red-black Gauss-Seidel sweep for A u = right, from u = 0, which is what `u` has to be."""
    height, width = u.shape
    update = np.empty_like(u[0])
    for y in range(1, height):
        if y < height - 1:
            for x in range(2 - y % 2, width - 1, 2):
                u[y, x] = inverse[y, x] * right[y, x]
        if y > 1:  # the row above: the red ones round it are settled
            _relax_row(y - 1, 1, right, inverse, east, south, u, update)


@compiled
def relax_reversed(right: Plane, inverse: Weights, east: Weights, south: Weights, u: Plane) -> None:
    """One black-red Gauss-Seidel sweep for A u = right, in place: the adjoint of `relax_from_zero`."""
    height = len(u)
    update = np.empty_like(u[0])
    for y in range(1, height):
        if y < height - 1:
            _relax_row(y, 1, right, inverse, east, south, u, update)
        if y > 1:
            _relax_row(y - 1, 0, right, inverse, east, south, u, update)


@compiled
def _relax_row(
    y: int, colour: int, right: Plane, inverse: Weights, east: Weights, south: Weights, u: Plane, update: Plane
) -> None:
    """Settle the cells of one colour in one row; `update` is room for a row."""
    width = u.shape[1]
    # All cells are computed and half of them taken: that is faster than every other one.
    for x in range(1, width - 1):
        around = (
            south[y - 1, x] * u[y - 1, x]
            + south[y, x] * u[y + 1, x]
            + east[y, x - 1] * u[y, x - 1]
            + east[y, x] * u[y, x + 1]
        )
        update[x] = inverse[y, x] * (around + right[y, x])
    for x in range(2 - (y + colour) % 2, width - 1, 2):
        u[y, x] = update[x]


@compiled
def restrict(right: Plane, image: Plane, spread: Weights, free: NDArray[np.bool_], coarse: Plane) -> None:
    """coarse = transpose of `add_interpolated` (right - image), where free [h', w']."""
    height, width = right.shape
    rows = np.zeros(2 * free.shape[1] + 2, right.dtype)
    for cy in range(1, height // 2 + 1):
        top = 2 * cy - 3  # of the four rows that draw on this coarse one
        rows[:] = 0
        for step in range(4):
            y = top + step
            if 0 <= y < height:
                weight = np.float32(3 if step in (1, 2) else 1) / np.float32(16)
                for x in range(width):
                    rows[x + 1] += weight * spread[y, x] * (right[y, x] - image[y, x])
        for cx in range(1, width // 2 + 1):
            x = 2 * cx - 2
            if free[cy, cx]:
                coarse[cy, cx] = rows[x] + 3 * (rows[x + 1] + rows[x + 2]) + rows[x + 3]


@compiled
def add_interpolated(coarse: Plane, spread: Weights, u: Plane) -> None:
    """u += bilinear interpolation of the next level's values, times `spread`."""
    height, width = u.shape
    row = np.empty(coarse.shape[1], coarse.dtype)
    for y in range(height):
        near, far = y // 2 + 1, y // 2 + (2 if y % 2 else 0)
        for x in range(len(row)):
            row[x] = (3 * coarse[near, x] + coarse[far, x]) / 16
        for cx in range(1, width // 2 + 1):
            x = 2 * cx - 2
            u[y, x] += spread[y, x] * (3 * row[cx] + row[cx - 1])
            u[y, x + 1] += spread[y, x + 1] * (3 * row[cx] + row[cx + 1])


@compiled
def step(u: Plane, residual: Plane, direction: Plane, image: Plane, length: float) -> None:
    """u += length * direction; residual -= length * image."""
    height, width = u.shape
    factor = u.dtype.type(length)
    for y in range(height):
        for x in range(width):
            u[y, x] += factor * direction[y, x]
            residual[y, x] -= factor * image[y, x]


@compiled
def measure(residual: Plane, correction: Plane) -> tuple[float, float]:
    """The inner product of residual and correction, and the largest value of the correction without its sign."""
    total, largest = 0.0, correction[0, 0]
    for y in range(len(residual)):
        total += _row_product(residual[y], correction[y])
        for x in range(residual.shape[1]):
            largest = max(largest, abs(correction[y, x]))
    return total, largest


@compiled
def turn(direction: Plane, correction: Plane, ratio: float) -> None:
    """direction = correction + ratio * direction."""
    height, width = direction.shape
    factor = direction.dtype.type(ratio)
    for y in range(height):
        for x in range(width):
            direction[y, x] = correction[y, x] + factor * direction[y, x]


@compiled
def _row_product(one: Plane, other: Plane) -> float:
    total = one[0] * other[0]
    for x in range(1, len(one)):
        total += one[x] * other[x]
    return float(total)
