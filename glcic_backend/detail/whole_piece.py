"""A level in; one piece of the photograph that fills the whole hole out, where one fits.

A wall, a fence or a row of windows repeats. The search, which begins with a rough completion, may settle for a mixture
of its phases; shifted by a period as a whole it fits at once (dominant shifts: He and Sun 2012).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.pyramid import PATCH, Level, Positions
from glcic_backend.scene.scene import Scene

_MISFIT = 0.25
"""Mean squared difference at the rim, as a share of the rim's variance, up to which a piece is worth a trial.

Two places that have nothing in common differ by twice the variance."""


def whole_piece(level: Level, scene: Scene, told: NDArray[np.bool_]) -> Positions | None:
    """A source for each target, int32 [t], all as far away; None where no piece fits at the rim.

    Args:
        told: bool [h, w], pixels of the hole that are as good as known: a piece without the rail does not fit.
    """
    hole = scene.hole.astype(np.uint8)
    covered = cv2.dilate(hole, np.ones((2 * PATCH - 1, 2 * PATCH - 1), np.uint8))
    x, y, width, height = cv2.boundingRect(covered)
    box = slice(y, y + height), slice(x, x + width)
    rim = (covered[box] > 0) & (scene.known[box] | (told[box] & scene.hole[box]))
    if not rim.any():
        return None
    usable = scene.known if scene.sources is None else scene.sources
    shown = scene.picture[box]
    misfit = cv2.matchTemplate(
        scene.picture, shown, cv2.TM_SQDIFF, mask=np.repeat(rim[..., None], 3, axis=2).astype(np.float32)
    )
    unusable = cv2.matchTemplate((~usable).astype(np.float32), covered[box].astype(np.float32), cv2.TM_CCORR)
    misfit = np.where(unusable < 0.5, misfit, np.inf)
    row, column = np.unravel_index(int(misfit.argmin()), misfit.shape)
    variance = float(shown[rim].var(axis=0, dtype=np.float64).sum())
    if not misfit[row, column] <= _MISFIT * variance * np.count_nonzero(rim):
        return None
    found = np.asarray(level.targets + int(row - y) * level.stride + int(column - x), np.int32)
    good = level.is_source[found]
    if not good.any():
        return None
    # At the picture's border, where patches of the hole look over it and those of sources must not.
    found[~good] = found[good][0]
    return found
