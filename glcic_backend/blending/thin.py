"""The equation of `multigrid` in thin holes, solved on a list of their pixels: its cost is theirs, not their box's.

A scratch, a frame or hundreds of specks have few pixels in a large box, and each of them lies near the rim. There
conjugate gradients alone are done within some dozens of steps, for all channels at once.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.multigrid import Mask, neighbour_count
from glcic_backend.compiled import compiled
from glcic_backend.errors import CancelledError

_DEEPEST = 40
"""Distance in pixels from the rim up to which a hole is thin; the steps that it takes grow with it."""

_STEPS = 8
"""Between two looks at the error, and at the cancel."""

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
    screen: float,
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
        screen: at least 0.
        tolerance: float64 [C], bounds for the errors.
        cancelled: polled every few steps.

    Returns:
        u of the free pixels, float32 [f, C], row by row, or None if it takes too many steps.

    Raises:
        CancelledError: `cancelled` returned true.
    """
    width = free.shape[1] + 2
    inside = np.pad(free, 1)
    places = np.flatnonzero(inside)
    number = np.full(inside.size, len(places), np.int32)
    number[places] = np.arange(len(places), dtype=np.int32)
    neighbours = np.stack([number[places + step] for step in (-width, -1, 1, width)], axis=1)
    links = (neighbours < len(places)).sum(axis=1) + neighbour_count(pinned)[free] + screen
    inverse = (1 / links).astype(np.float32)

    channels = right_side.shape[2] + 1
    residual = np.ones((len(places), channels), np.float32)
    residual[:, :-1] = right_side[free]
    u = np.zeros_like(residual)
    # One more row, which stays zero, stands for every neighbour that is not free.
    direction = np.zeros((len(places) + 1, channels), np.float32)
    direction[:-1] = residual * inverse[:, None]
    product = (residual.astype(np.float64) * direction[:-1]).sum(axis=0)
    largest = np.empty(channels, np.float32)
    image = np.empty_like(residual)
    for _ in range(0, _MOST_STEPS, _STEPS):
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while it was being blended.")
        for _ in range(_STEPS):
            _step(neighbours, links.astype(np.float32), inverse, u, residual, direction, image, product, largest)
        if largest[-1] <= _SETTLED:
            torsion = u[:, -1].max() / (1 - largest[-1])
            if (largest[:-1] * torsion <= tolerance).all():
                return np.ascontiguousarray(u[:, :-1])
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
    count, channels = residual.shape
    curvature = np.zeros(channels)
    for pixel in range(count):
        up, left, right, down = neighbours[pixel]
        for channel in range(channels):
            value = links[pixel] * direction[pixel, channel] - (
                direction[up, channel] + direction[left, channel] + direction[right, channel] + direction[down, channel]
            )
            image[pixel, channel] = value
            curvature[channel] += np.float64(value) * direction[pixel, channel]
    length = np.zeros(channels, np.float32)
    for channel in range(channels):
        if curvature[channel] > 0:
            length[channel] = product[channel] / curvature[channel]
    new = np.zeros(channels)
    largest[:] = 0
    for pixel in range(count):
        for channel in range(channels):
            u[pixel, channel] += length[channel] * direction[pixel, channel]
            rest = residual[pixel, channel] - length[channel] * image[pixel, channel]
            residual[pixel, channel] = rest
            new[channel] += np.float64(rest) * rest * inverse[pixel]
            largest[channel] = max(largest[channel], abs(rest))
    ratio = np.zeros(channels, np.float32)
    for channel in range(channels):
        if product[channel] > 0:
            ratio[channel] = new[channel] / product[channel]
        product[channel] = new[channel]
    for pixel in range(count):
        for channel in range(channels):
            direction[pixel, channel] = (
                residual[pixel, channel] * inverse[pixel] + ratio[channel] * direction[pixel, channel]
            )
