"""The contrast of sources and of the surroundings in, what it makes of the sources' costs out.

A flat patch is at half the squared distance from a textured one at which another textured patch, unlike it, is. So
where no patch fits well, the nearest one is too flat, and the fill is calmer than the photograph. How much contrast is
wanted at a place, the surroundings of the hole tell. Where a large hole touches rock and sky, they want rock's contrast
of sky, too, and then of a source no more is wanted than what has its colour usually has.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending import blend
from glcic_backend.detail.pyramid import PATCH, Level, Positions

_LEAST = 0.1
"""Contrast, as a share of the mean one, from which on less makes hardly a difference."""
_CALMEST = 1e-12
"""Mean energy that counts as none: a hundredth of what steps of one in 65535 would give."""
_ALLOWANCE = 2.0
"""Times what is usual for its colour, by which a source that has less contrast still counts as too calm."""
_SHADES = 12
"""Values that are told apart in each channel of a colour."""
_MARGIN = 6
"""Surroundings of the hole that are looked at: what fast marching reads."""


class Contrast:
    """By how much the costs of sources with too little contrast are multiplied.

    Wanted * calmness, at most the ceiling and at least 1.

    A patch that fits exactly still costs nothing, and one with more contrast than wanted is not preferred: else a calm
    place at the rim, where nothing fits exactly, would get scraps of what is rich in contrast elsewhere.

    Args:
        level: gives the photograph.
        strength: exponent; 0 leaves the costs as they are.
        by_colour: no more contrast is wanted of a source than sources of its colour have in the mean.

    Attributes:
        flaws: float32 [n, 2], by position: calmness and ceiling.
        wanted: float32 [t], of the targets.
    """

    def __init__(self, level: Level, strength: float, by_colour: bool = False) -> None:
        picture = level.pixels.reshape(-1, level.stride, 3)
        energy = np.zeros(picture.shape[:2], np.float32)
        energy[:, :-1] += _sum_of_squares(np.diff(picture, axis=1))
        energy[:-1] += _sum_of_squares(np.diff(picture, axis=0))
        around = cv2.blur(energy, (PATCH, PATCH)).ravel()
        mean = max(float(around[level.sources].mean(dtype=np.float64)), _CALMEST)
        contrast = around / np.float32(mean)
        calmness = (np.maximum(contrast, 0) + np.float32(_LEAST)) ** np.float32(-strength)
        ceiling = np.full_like(calmness, np.inf)
        if by_colour:
            ceiling = calmness * _usual(level, 1 / calmness) * np.float32(_ALLOWANCE**strength)
        self.flaws: NDArray[np.float32] = np.stack([calmness, ceiling], axis=1)
        self.wanted: NDArray[np.float32] = (_continued(level, contrast) + np.float32(_LEAST)) ** np.float32(strength)

    def factors(self, found: Positions) -> NDArray[np.float32]:
        """For a source of each target, int32 [t], position: at least 1, float32 [t]."""
        calmness, ceiling = self.flaws[found].T
        return np.asarray(np.maximum(np.minimum(self.wanted * calmness, ceiling), 1), np.float32)


def _usual(level: Level, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of values over the sources of the same colour, float32 [n], by position; of what has none, infinite."""
    picture = np.clip(level.pixels.reshape(-1, level.stride, 3), 0, 1)
    shades = np.minimum(cv2.blur(picture, (PATCH, PATCH)) * _SHADES, _SHADES - 1).astype(np.int32)
    colours = ((shades[..., 0] * _SHADES + shades[..., 1]) * _SHADES + shades[..., 2]).ravel()
    count = np.bincount(colours[level.sources], minlength=_SHADES**3)
    total = np.bincount(colours[level.sources], values[level.sources], _SHADES**3)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    return np.asarray(mean[colours], np.float32)


def _sum_of_squares(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the three channels of each pixel. By OpenCV: numpy's sums along so short an axis take four times as long."""
    return np.asarray(cv2.transform(np.square(picture), np.ones((1, 3), np.float32)), np.float32)


def _continued(level: Level, contrast: NDArray[np.float32]) -> NDArray[np.float32]:
    """The contrast that the surroundings of the hole have, continued into it: float32 [t], for each target."""
    shape = -1, level.stride
    rows, columns = level.targets // level.stride, level.targets % level.stride
    top, left = max(0, rows.min() - _MARGIN), max(0, columns.min() - _MARGIN)
    box = slice(top, rows.max() + _MARGIN + 1), slice(left, columns.max() + _MARGIN + 1)
    known = level.is_known.reshape(shape)[box]
    values = contrast.reshape(shape)[box][..., None]
    there = rows - top, columns - left
    wanted = np.zeros(known.shape, np.bool_)
    wanted[there] = True
    continued = blend(np.ones_like(values), values, wanted, known)[..., 0]
    return np.asarray(np.maximum(continued[there], 0), np.float32)
