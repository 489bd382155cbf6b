"""The contrast of sources and of the surroundings in, what it makes of the sources' costs out.

A flat patch is at half the squared distance from a textured one at which another textured patch, unlike it, is. So
where no patch fits well, the nearest one is too flat, and the fill is calmer than the photograph. How much contrast is
wanted at a place, the surroundings of the hole tell. Where a large hole touches rock and sky, they want rock's contrast
of sky, too, and then of a source no more is wanted than what has its colour usually has.
"""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending import blend
from glcic_backend.detail.bands import Band, in_bands
from glcic_backend.detail.pyramid import Level, Positions
from glcic_backend.detail.shades import Shades

_LEAST = 0.1
"""Contrast, as a share of the mean one, from which on less makes hardly a difference."""
_CALMEST = 1e-12
"""Mean energy that counts as none: a hundredth of what steps of one in 65535 would give."""
_ALLOWANCE = 2.0
"""Times what is usual for its colour, by which a source that has less contrast still counts as too calm."""
_MARGIN = 6
"""Surroundings of the hole that are looked at: what fast marching reads."""
_THICK_ENOUGH, _MOST_HALVINGS = 8, 3
"""The copy in which contrast is continued shows a hole so many pixels thick at least, halved so often at most."""
_MOSTLY = 0.5
"""Share of a pixel of that copy from which on it counts as known."""


class Contrast:
    """By how much the costs of sources with too little contrast are multiplied.

    Wanted * calmness, at most the ceiling and at least 1.

    A patch that fits exactly still costs nothing, and one with more contrast than wanted is not preferred: else a calm
    place at the rim, where nothing fits exactly, would get scraps of what is rich in contrast elsewhere.

    Args:
        level: gives the photograph.
        contrast: float32 [n], by position (`contrasts`).
        strength: exponent; 0 leaves the costs as they are.
        shades: if given, no more contrast is wanted of a source than sources of its colour have in the mean.

    Attributes:
        flaws: float32 [n, 2], by position: calmness and ceiling.
        wanted: float32 [t], of the targets.
    """

    def __init__(
        self, level: Level, contrast: NDArray[np.float32], strength: float, shades: Shades | None = None
    ) -> None:
        self.flaws: NDArray[np.float32] = np.full((level.count, 2), np.inf, np.float32)
        calmness, ceiling = self.flaws.T

        def judge(band: Band) -> None:
            place = band.positions
            calmness[place] = (np.maximum(contrast[place], 0) + np.float32(_LEAST)) ** np.float32(-strength)

        in_bands(level, judge)
        if shades is not None:
            _limit(level, shades, calmness, np.float32(_ALLOWANCE**strength), ceiling)
        self.wanted: NDArray[np.float32] = (continued(level, contrast) + np.float32(_LEAST)) ** np.float32(strength)

    def factors(self, found: Positions) -> NDArray[np.float32]:
        """For a source of each target, int32 [t], position: at least 1, float32 [t]."""
        calmness, ceiling = self.flaws[found].T
        return np.asarray(np.maximum(np.minimum(self.wanted * calmness, ceiling), 1), np.float32)


def contrasts(level: Level) -> NDArray[np.float32]:
    """The mean energy of the patch on each position, float32 [n]; that of the sources has a mean of 1."""
    picture = level.pixels.reshape(-1, level.stride, 3)
    around = np.empty(level.count, np.float32)
    sums: dict[int, tuple[float, int]] = {}

    def measure(band: Band) -> None:
        wide = picture[band.wide]
        energy = np.zeros(wide.shape[:2], np.float32)
        energy[:, :-1] += _sum_of_squares(np.diff(wide, axis=1))
        # To the row below the wide ones, too, as far as there is one.
        below = picture[band.wide.start : band.wide.stop + 1]
        energy[: len(below) - 1] += _sum_of_squares(np.diff(below, axis=0))
        around[band.positions] = band.patch_means(energy).ravel()
        of_sources = around[band.positions][level.is_source[band.positions]]
        sums[band.rows.start] = float(of_sources.sum(dtype=np.float64)), len(of_sources)

    in_bands(level, measure)
    total, count = (sum(sums[row][part] for row in sorted(sums)) for part in (0, 1))
    return around / np.float32(max(total / count, _CALMEST))


def _limit(
    level: Level,
    shades: Shades,
    calmness: NDArray[np.float32],
    allowance: np.float32,
    ceiling: NDArray[np.float32],
) -> None:
    """How far calmness may raise a cost: what is usual for the colour decides.

    Args:
        calmness: float32 [n], by position.
        allowance: times what is usual.
        ceiling: float32 [n], the result; infinite for colours that no source has.
    """
    usual = shades.usual(np.reciprocal(calmness))

    def limit(band: Band) -> None:
        place = band.positions
        ceiling[place] = calmness[place] * usual[shades.numbers[place]] * allowance

    in_bands(level, limit)


def _sum_of_squares(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the three channels of each pixel. By OpenCV: numpy's sums along so short an axis take four times as long."""
    return np.asarray(cv2.transform(np.square(picture), np.ones((1, 3), np.float32)), np.float32)


def continued(level: Level, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the surroundings of the hole have of something, continued into it.

    Thick holes are filled in a smaller copy: what is continued is smooth.

    Args:
        values: float32 [n], by position, at least 0.

    Returns:
        float32 [t], for each target, at least 0.
    """
    step = 1 << min(_MOST_HALVINGS, int(math.log2(max(1.0, level.thickness / _THICK_ENOUGH))))
    shape, margin = (-1, level.stride), step * _MARGIN
    rows, columns = level.targets // level.stride, level.targets % level.stride
    top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
    box = slice(top, rows.max() + margin + 1), slice(left, columns.max() + margin + 1)
    there = rows - top, columns - left
    is_known = level.is_known.reshape(shape)[box]
    known = _means(is_known, step)
    around = _means(np.where(is_known, values.reshape(shape)[box], np.float32(0)), step)
    wanted = np.zeros_like(is_known)
    wanted[there] = True
    stays = known >= _MOSTLY
    fills = (_means(wanted, step) > 0) & ~stays
    around /= np.maximum(known, np.float32(_MOSTLY))
    small: NDArray[np.float32] = blend(np.ones_like(around)[..., None], around[..., None], fills, stays)[..., 0]
    # Pixels that are neither say nothing, but those beside them are made of them, too.
    small[~(stays | fills)] = 1
    size = small.shape[1] * step, small.shape[0] * step
    small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(np.maximum(small[there], 0), np.float32)


def _means(values: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Those of squares of `step` x `step` pixels, float32; what lies beyond the last row and column counts as 0."""
    padded = cv2.copyMakeBorder(
        values.astype(np.float32), 0, -values.shape[0] % step, 0, -values.shape[1] % step, cv2.BORDER_CONSTANT
    )
    size = padded.shape[1] // step, padded.shape[0] // step
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)
