"""A completion, its surroundings and a hole in; the completion blended into them out (section 3.5.1)."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.fast_marching import RADIUS, first_front
from glcic_backend.blending.multigrid import Mask
from glcic_backend.blending.poisson import membrane
from glcic_backend.errors import CancelledError

_MARGIN = RADIUS + 1
"""Surroundings that the fast marching estimate reads: its radius, and one pixel more for slopes."""


def blend(
    completion: NDArray[np.float32],
    image: NDArray[np.float32],
    hole: Mask,
    known: Mask,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Fit the completion's colours to the surroundings and keep its gradients.

    On the outermost ring of the hole the result is the colour that fast marching carries in from outside; within, it
    is the completion plus the smoothest function that makes up for the difference on the ring. The hole may have any
    shape and several parts, and may touch the border of the image, where nothing binds it. A part that no known
    pixel touches keeps its completion.

    Args:
        completion: float32 [H, W, C], any unit; read in the hole only, as the network is trained there only (Eq. 2).
        image: float32 [H, W, C], same unit; read where known.
        hole: bool [H, W], the pixels to fill.
        known: bool [H, W], pixels that may be used as surroundings. A pixel that is neither hole nor known acts like
            the border of the image.
        cancelled: polled several times a second.

    Returns:
        float32 [H, W, C]: the blended completion in the hole, exactly `image` elsewhere. Values may exceed the unit's
        range a little, as those of the completion do not know of the shift.

    Raises:
        CancelledError: `cancelled` returned true.
    """
    result = image.copy()
    if not hole.any():
        return result
    box = _neighbourhood(hole)
    filled = _blended_hole(completion[box], image[box], hole[box], known[box], cancelled)
    result[hole] = filled[hole[box]]
    return result


def _blended_hole(
    completion: NDArray[np.float32],
    image: NDArray[np.float32],
    hole: Mask,
    known: Mask,
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float32]:
    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while it was being blended.")

    ring, colours = first_front(image, hole, known, check)
    check()
    colours -= completion[ring]
    check()
    difference = np.zeros_like(completion)
    difference[ring] = colours
    check()
    bound = _bound_parts(hole, ring)
    check()
    u = membrane(bound, ring, hole | known, difference, cancelled)
    check()
    u += completion
    return u


def _neighbourhood(hole: Mask) -> tuple[slice, slice]:
    """The part of the image that blending reads."""
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    return slice(max(0, y - _MARGIN), y + height + _MARGIN), slice(max(0, x - _MARGIN), x + width + _MARGIN)


def _bound_parts(hole: Mask, ring: Mask) -> Mask:
    """The 4-connected parts of the hole that hold a pixel of the ring."""
    count, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=4)
    bound = np.zeros(count, dtype=bool)
    bound[labels[ring]] = True
    parts: Mask = bound[labels]
    return parts
