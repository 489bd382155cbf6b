"""A level in, what the rarity of their colours adds to the costs of its sources out.

A thing that stands out from its surroundings is a poor source. Its copy may fit all round, since it brings a rim of
background along, and then only its colours tell: they are rare in the surroundings, and at the hole. Pixels are judged,
not patches: an edge between two common colours is not rare.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.pyramid import PATCH, Level

_COMMON = 0.02
"""Share of the surroundings that look like a pixel, from which on it is common."""

_LIGHT, _TINTS = 12, 24
"""Values that are told apart of lightness, and of each difference of colours."""

_COLOURS = np.array(
    [
        [_LIGHT / 3, _LIGHT / 3, _LIGHT / 3, 0],
        [0.75 * _TINTS, 0, -0.75 * _TINTS, _TINTS / 2],
        [-0.5 * _TINTS, _TINTS, -0.5 * _TINTS, _TINTS / 2],
    ],
    np.float32,
)
"""From RGB, 0..1, to lightness, red minus blue, and green minus both."""

_NEAR = 0.25
"""How far round the hole it is looked for what is common there, times the hole's thickness."""

_STEPS = 8
"""In so many steps it is measured how far that is."""


def rarity(level: Level, weight: float) -> NDArray[np.float32]:
    """What is added to the cost of each source, float32 [n], by position; at least 0.

    Args:
        weight: of a patch of rare pixels alone, times the mean variance of the sources' patches; 0 adds nothing.
    """
    if weight == 0:
        return np.zeros(level.count, np.float32)
    shape = level.count // level.stride, level.stride
    picture = level.pixels.reshape(*shape, 3)
    colours = _colours(picture)
    common = np.maximum(_shares(colours, level.is_source), _shares(colours, level.is_known & _near_hole(level)))
    rare = np.maximum(1 - common / np.float32(_COMMON), 0)[colours]
    patches = cv2.blur(rare.reshape(shape), (PATCH, PATCH)).ravel()
    return np.asarray(patches * np.float32(weight * _variance(level, picture)), np.float32)


def _colours(picture: NDArray[np.float32]) -> NDArray[np.int32]:
    """The number of each pixel's colour, int32 [n]."""
    values = cv2.transform(np.clip(picture, 0, 1), _COLOURS)
    light, one, other = (
        np.clip(values[..., channel], 0, most - 1).astype(np.int32)
        for channel, most in enumerate((_LIGHT, _TINTS, _TINTS))
    )
    return np.asarray((light * _TINTS + one) * _TINTS + other, np.int32).ravel()


def _shares(colours: NDArray[np.int32], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """For each colour, the share of some pixels that have it or one beside it, float32 [_LIGHT * _TINTS * _TINTS]."""
    count = np.bincount(colours[among], minlength=_LIGHT * _TINTS * _TINTS)
    wide = np.pad(count.reshape(_LIGHT, _TINTS, _TINTS), 1).astype(np.float32)
    for axis in range(3):
        wide += np.roll(wide, 1, axis) + np.roll(wide, -1, axis)
    return np.asarray(wide[1:-1, 1:-1, 1:-1].ravel() / max(1.0, float(count.sum())), np.float32)


def _near_hole(level: Level) -> NDArray[np.bool_]:
    """Positions near the hole, bool [n]."""
    shape = level.count // level.stride, level.stride
    reach = max(PATCH, int(2 * _NEAR * float(level.depth.max())))
    step = max(1, reach // _STEPS)
    hole = np.zeros(shape, np.uint8)
    hole.ravel()[level.targets] = 1
    near = cv2.dilate(hole[::step, ::step], np.ones((2 * (reach // step) + 1,) * 2, np.uint8))
    return np.asarray(cv2.resize(near, shape[::-1], interpolation=cv2.INTER_NEAREST) > 0).ravel()


def _variance(level: Level, picture: NDArray[np.float32]) -> float:
    """The mean variance within a source's patch, of all three channels together."""
    mean = cv2.blur(picture, (PATCH, PATCH))
    squares = cv2.blur(np.square(picture), (PATCH, PATCH)) - np.square(mean)
    return float(np.maximum(squares.reshape(-1, 3)[level.sources], 0).sum(axis=1).mean(dtype=np.float64))
