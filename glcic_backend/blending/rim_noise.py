"""Noisy surroundings in; surroundings whose noise is not taken for colour out.

The colours on a hole's rim are continued far into it. What is noise in them would become blotches there.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.multigrid import Mask

RADIUS = 3
"""Half the side of the square in which pixels are compared."""

_LEAST_NOISE = 0.5 / 255
"""Standard deviation below which there is none, 0..1: rounding to 8 bits has 0.3 / 255."""
_QUIET = 0.25
"""Of the answers to the noise filter, sorted, the place of the one that noise is told from: edges have larger ones."""
_QUIET_OF_NORMAL = 0.3186
"""The same of a normal distribution, in standard deviations."""
_LEAST_PIXELS = 64
SURELY = 2.0
"""A variance of so many times the noise's may still be noise alone."""

_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Answers to noise with its own standard deviation, and hardly to edges and slopes (Immerkaer 1996)."""


def without_noise(
    image: NDArray[np.float32], known: Mask, check: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Known pixels drawn to the mean of those round them where they differ by no more than noise does (Lee 1980).

    Args:
        image: float32 [h, w, C], 0..1; read where known.
        known: bool [h, w].
        check: called often; may raise.

    Returns:
        float32 [h, w, C]; `image` itself where there is no noise.
    """
    noise = noise_level(image, known, check)
    if noise is None:
        return image
    check()
    size = (2 * RADIUS + 1,) * 2
    weight = known.astype(np.float32)
    count = np.maximum(cv2.blur(weight, size, borderType=cv2.BORDER_CONSTANT), np.float32(1e-6))[..., None]
    values = np.where(known[..., None], image, np.float32(0))
    check()
    mean = cv2.blur(values, size, borderType=cv2.BORDER_CONSTANT) / count
    check()
    variance = cv2.blur(values * values, size, borderType=cv2.BORDER_CONSTANT) / count - mean * mean
    check()
    kept = np.maximum(1 - SURELY * noise**2 / np.maximum(variance, np.float32(1e-12)), 0)
    check()
    return np.where(known[..., None], mean + kept * (image - mean), image).astype(np.float32)


def noise_level(
    image: NDArray[np.float32], known: Mask, check: Callable[[], None] = lambda: None
) -> NDArray[np.float32] | None:
    """Standard deviation of each channel's noise, float32 [C]; None where there is none, or too little to tell.

    Args:
        image: float32 [h, w, C], 0..1; read where known.
        known: bool [h, w].
        check: called often; may raise.
    """
    wholly = cv2.erode(known.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    if np.count_nonzero(wholly) < _LEAST_PIXELS:
        return None
    values = np.where(known[..., None], image, np.float32(0))
    check()
    filtered = cv2.filter2D(values, -1, _SECOND_DIFFERENCES)
    check()
    answers = np.abs(filtered[wholly])
    check()
    noise = np.quantile(answers, _QUIET, axis=0).astype(np.float32) / np.float32(_QUIET_OF_NORMAL)
    return noise if (noise > _LEAST_NOISE).any() else None
