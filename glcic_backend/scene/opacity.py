"""The alpha channel round a hole in; how opaque the hole's fill is, where one number says it, out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.holes import Hole
from glcic_backend.scene.rectangles import grown, slices

_RIM = 4
"""Pixels round a hole that say how opaque its fill is."""

_NEARLY = 0.02
"""So far from opaque, or from transparent, nobody sees that a pixel is not."""


def rim_opacity(alpha: NDArray[np.float32], masked: NDArray[np.bool_], hole: Hole) -> float | None:
    """The one opacity that everything at the rim of a hole has.

    Args:
        alpha: float32 [H, W], 0 transparent to 1 opaque, of the whole picture.
        masked: bool [H, W], the pixels of all holes.

    Returns:
        0..1; opaque where a hole has no rim. None if the rim is here more opaque and there less.
    """
    height, width = alpha.shape
    crop = grown(hole.box, _RIM, width, height)
    mine = np.zeros((crop.height, crop.width), np.uint8)
    mine[slices(hole.box._replace(x=hole.box.x - crop.x, y=hole.box.y - crop.y))] = hole.mask
    near = cv2.dilate(mine, np.ones((2 * _RIM + 1,) * 2, np.uint8)) > 0
    rim = alpha[slices(crop)][near & ~masked[slices(crop)]]
    if not rim.size:
        return 1.0
    return float(rim[0]) if (rim == rim[0]).all() else None


def settled(opacity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Opacities within 0..1; what is nearly opaque is opaque, and what is nearly transparent is transparent."""
    return np.select([opacity < _NEARLY, opacity > 1 - _NEARLY], [np.float32(0), np.float32(1)], opacity)
