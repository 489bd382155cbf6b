"""The contrast of sources and of the surroundings in, what flat sources cost more where texture is wanted out.

What several patches disagree about becomes flat in their mean, and then a flat patch of the photograph, of a wall or a
boat's side, fits best. Once it stands in the fill it fits exactly, and no factor makes more than nothing of no cost: a
smooth blot stays in grass or pebbles. What is added does.
"""

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.bands import Band, in_bands
from glcic_backend.detail.contrast import continued
from glcic_backend.detail.pyramid import Level
from glcic_backend.detail.shades import Shades

_FLATTEST = np.float32(1e-3)
"""Contrast, as a share of the mean one, from which on less makes hardly a difference."""


class Flatness:
    """By how much the costs of flat sources rise: max(0, min(wanted, usual) - texture).

    A source without any contrast costs as much more as the patches of the sources vary in the mean, times the contrast
    that is wanted: another piece of that texture, unlike what stands there, would cost twice as much. The more contrast
    a source has the less is added, and nothing from the share `begins` of the wanted one on. No more is wanted of a
    source than is usual for its colour, so sky may be flat beside rock. Usual is the geometric mean: one edge
    in a calm wall does not make it rough.

    Args:
        level: gives the photograph.
        contrast: float32 [n], by position, as a share of the sources' mean.
        shades: of the level.
        begins: share of the wanted contrast below which a source is flat; 0 adds nothing.
        variance: mean variance within the patches of the sources.

    Attributes:
        flaws: float32 [n, 2], by position: texture, and what is usual for the colour.
        wanted: float32 [t], of the targets.
    """

    def __init__(
        self, level: Level, contrast: NDArray[np.float32], shades: Shades, begins: float, variance: float
    ) -> None:
        self.flaws: NDArray[np.float32] = np.zeros((level.count, 2), np.float32)
        self.wanted: NDArray[np.float32] = np.zeros(len(level.targets), np.float32)
        if begins == 0 or variance == 0:
            return
        logarithms = np.empty(level.count, np.float32)

        def measure(band: Band) -> None:
            place = band.positions
            logarithms[place] = np.log1p(np.maximum(contrast[place], 0) / _FLATTEST)

        in_bands(level, measure)
        usual = np.expm1(shades.usual(logarithms))
        cost = np.float32(variance)

        def judge(band: Band) -> None:
            place = band.positions
            self.flaws[place, 0] = contrast[place] * (cost / np.float32(begins))
            self.flaws[place, 1] = usual[shades.numbers[place]] * (cost * _FLATTEST)

        in_bands(level, judge)
        self.wanted = np.asarray(np.expm1(continued(level, logarithms)) * (cost * _FLATTEST), np.float32)
