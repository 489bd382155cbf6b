"""Sources in, the pixels that they copy out; such pixels in, what they cost as sources that are to be avoided out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.pyramid import PATCH, RADIUS, Level, Positions

_WINDOW = np.ones((PATCH, PATCH), np.uint8)


def copied_pixels(level: Level, found: Positions) -> NDArray[np.float32]:
    """The pixels of a level that lie in the patches of sources, float32 [h, w]: 1, others 0."""
    centres = np.zeros(level.shape, np.uint8)
    centres[level.rows_and_columns(found)] = 1
    return cv2.dilate(centres, _WINDOW, borderValue=0).astype(np.float32)


def cost_of_copied(level: Level, copied: NDArray[np.float32], most: float) -> NDArray[np.float32]:
    """What is added to the cost of each source, float32 [n], by position.

    Args:
        copied: float32 of any size, 0..1, for each pixel of a larger or smaller copy of the level's scene.
        most: what is added to the cost of a patch of copied pixels alone.
    """
    height, width = level.shape
    share = cv2.resize(copied, (width, height), interpolation=cv2.INTER_AREA)
    of_patch = cv2.blur(share, (PATCH, PATCH), borderType=cv2.BORDER_REFLECT_101)
    border = (RADIUS,) * 4
    return cv2.copyMakeBorder(of_patch, *border, cv2.BORDER_REFLECT_101).ravel() * np.float32(most)
