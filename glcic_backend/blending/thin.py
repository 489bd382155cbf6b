"""The equation of `multigrid` in thin holes, solved on a list of their pixels: its cost is theirs, not their box's.

A scratch, a frame or hundreds of specks have few pixels in a large box, and each of them lies near the rim. There
conjugate gradients alone are done within some dozens of steps, for all channels at once.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.forest import solve_forest
from glcic_backend.blending.multigrid import Mask, neighbour_count
from glcic_backend.compiled import compiled
from glcic_backend.errors import CancelledError

_DEEPEST = 40
"""Distance in pixels from the rim up to which a hole is thin; the steps that it takes grow with it."""

_STEPS = 8
"""Between two looks at the error."""

_MOST_STEPS = 480
"""Strands between natural boundaries can be as long as they like and need more: they are for the multigrid."""

_SETTLED = 0.1
"""Largest residual of the torsion function, whose right side is 1, at which it is good enough for a bound."""


def is_thin(free: Mask) -> bool:
    """Whether every pixel of a hole, bool [H, W], lies near one that is not of it."""
    deep = cv2.distanceTransform(np.pad(free, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return bool(deep.max() <= _DEEPEST)


def solve_thin(
    free: Mask,
    pinned: Mask,
    right_side: NDArray[np.float32],
    screen: NDArray[np.float32] | None,
    tolerance: NDArray[np.float64],
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float32] | None:
    """Solve (links + screen) u - sum of the free 4-neighbours' u = right side, links being free or pinned neighbours.

    The error is bounded by the maximum principle: it is nowhere larger than the largest residual times the solution
    for a right side of 1 (the torsion function), which is one more channel here.

    Args:
        free: bool [H, W], pixels with an unknown.
        pinned: bool [H, W], pixels with a given value, whose part of the equation is in the right side.
        right_side: float32 [H, W, C], read where free.
        screen: float32 [H, W], at least 0, read where free; None for 0 everywhere.
        tolerance: float64 [C], bounds for the errors.
        cancelled: polled before each step.

    Returns:
        u of the free pixels, float32 [f, C], row by row, or None if it takes too many steps.

    Raises:
        CancelledError: `cancelled` returned true.
    """

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while it was being blended.")

    width = free.shape[1] + 2
    inside = np.pad(free, 1)
    places = np.flatnonzero(inside)
    number = np.full(inside.size, len(places), np.int32)
    number[places] = np.arange(len(places), dtype=np.int32)
    check()
    neighbours = np.stack([number[places + step] for step in (-width, -1, 1, width)])
    check()
    own = neighbour_count(pinned)[free] + (np.float32(0) if screen is None else screen[free])
    links = ((neighbours < len(places)).sum(axis=0) + own).astype(np.float32)
    inverse = 1 / links
    check()

    count, channels = len(places), right_side.shape[2] + 1
    residual = np.ones((channels, count), np.float32)
    residual[:-1] = right_side[free].T
    check()
    exact = solve_forest(neighbours, links, residual[:-1])
    if exact is not None:
        return exact
    check()
    u, image = np.zeros_like(residual), np.empty_like(residual)
    # One more entry, which stays zero, stands for every neighbour that is not free.
    direction = np.zeros((channels, count + 1), np.float32)
    direction[:, :-1] = residual * inverse
    product = np.einsum("cp,cp->c", residual, direction[:, :-1], dtype=np.float64)
    largest = np.empty(channels, np.float32)
    for _ in range(0, _MOST_STEPS, _STEPS):
        for _ in range(_STEPS):
            check()
            _step(neighbours, links, inverse, u, residual, direction, image, product, largest)
        if largest[-1] <= _SETTLED:
            torsion = u[-1].max() / (1 - largest[-1])
            if (largest[:-1] * torsion <= tolerance).all():
                return np.ascontiguousarray(u[:-1].T)
    return None


@compiled
def _step(
    neighbours: NDArray[np.int32],
    links: NDArray[np.float32],
    inverse: NDArray[np.float32],
    u: NDArray[np.float32],
    residual: NDArray[np.float32],
    direction: NDArray[np.float32],
    image: NDArray[np.float32],
    product: NDArray[np.float64],
    largest: NDArray[np.float32],
) -> None:
    """One step of conjugate gradients, preconditioned by the diagonal, each channel for itself; all in place.

    Args:
        product: float64 [C], residual times preconditioned residual.
        largest: float32 [C], size of the largest residual.
    """
    for channel in range(len(residual)):
        mine, image_here, u_here, rest = direction[channel], image[channel], u[channel], residual[channel]
        curvature = 0.0
        for pixel in range(len(links)):
            around = (
                mine[neighbours[0, pixel]]
                + mine[neighbours[1, pixel]]
                + mine[neighbours[2, pixel]]
                + mine[neighbours[3, pixel]]
            )
            value = links[pixel] * mine[pixel] - around
            image_here[pixel] = value
            curvature += value * mine[pixel]
        length = np.float32(product[channel] / curvature if curvature > 0 else 0.0)
        new, most = 0.0, np.float32(0)
        for pixel in range(len(links)):
            u_here[pixel] += length * mine[pixel]
            left = rest[pixel] - length * image_here[pixel]
            rest[pixel] = left
            new += left * left * inverse[pixel]
            most = max(most, abs(left))
        ratio = np.float32(new / product[channel] if product[channel] > 0 else 0.0)
        product[channel], largest[channel] = new, most
        for pixel in range(len(links)):
            mine[pixel] = rest[pixel] * inverse[pixel] + ratio * mine[pixel]
