"""A level in, what the rarity of their colours adds to the costs of its sources out.

A thing that stands out from its surroundings is a poor source. Its copy may fit all round, since it brings a rim of
background along, and then only its colours tell: they are rare in the surroundings, and at the hole. Pixels are judged,
not patches: an edge between two common colours is not rare.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.bands import Band, in_bands
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


def rarity(level: Level, most: float) -> NDArray[np.float32]:
    """What is added to the cost of each source, float32 [n], by position; at least 0.

    Args:
        most: what is added to the cost of a patch of rare pixels alone; 0 adds nothing.
    """
    if most == 0:
        return np.zeros(level.count, np.float32)
    picture = level.pixels.reshape(-1, level.stride, 3)
    colours = np.empty(picture.shape[:2], np.int16)
    near_hole = _near_hole(level)
    counts: dict[int, NDArray[np.intp]] = {}

    def sort(band: Band) -> None:
        colours[band.rows] = _colours(picture[band.rows])
        place = band.positions
        of_band, is_source = colours[band.rows].ravel(), level.is_source[place]
        is_near = level.is_known[place] & near_hole[place]
        counts[band.rows.start] = np.stack([_count(of_band[is_source]), _count(of_band[is_near])])

    in_bands(level, sort)
    # In a fixed order: threads end when they end.
    everywhere, near = np.sum([counts[row] for row in sorted(counts)], axis=0)
    common = np.maximum(_shares(everywhere), _shares(near))
    rare = np.maximum(1 - common / np.float32(_COMMON), 0)
    added = np.empty(level.count, np.float32)

    def add(band: Band) -> None:
        added[band.positions] = band.patch_means(rare[colours[band.wide]]).ravel() * np.float32(most)

    in_bands(level, add)
    return added


def _colours(picture: NDArray[np.float32]) -> NDArray[np.int16]:
    """The number of each pixel's colour, int16 [h, w]."""
    values = cv2.transform(np.clip(picture, 0, 1), _COLOURS)
    light, one, other = (
        np.clip(values[..., channel], 0, most - 1).astype(np.int16)
        for channel, most in enumerate((_LIGHT, _TINTS, _TINTS))
    )
    return np.asarray((light * _TINTS + one) * _TINTS + other, np.int16)


def _count(colours: NDArray[np.int16]) -> NDArray[np.intp]:
    """How often there is each colour, [_LIGHT * _TINTS * _TINTS]."""
    return np.bincount(colours, minlength=_LIGHT * _TINTS * _TINTS)


def _shares(count: NDArray[np.intp]) -> NDArray[np.float32]:
    """For each colour, the share of some pixels that have it or one beside it, float32 [_LIGHT * _TINTS * _TINTS]."""
    wide = np.pad(count.reshape(_LIGHT, _TINTS, _TINTS), 1).astype(np.float32)
    for axis in range(3):
        wide += np.roll(wide, 1, axis) + np.roll(wide, -1, axis)
    return np.asarray(wide[1:-1, 1:-1, 1:-1].ravel() / max(1.0, float(count.sum())), np.float32)


def _near_hole(level: Level) -> NDArray[np.bool_]:
    """Positions near the hole, bool [n]."""
    shape = level.count // level.stride, level.stride
    reach = max(PATCH, int(_NEAR * level.thickness))
    step = max(1, reach // _STEPS)
    hole = np.zeros(shape, np.uint8)
    hole.ravel()[level.targets] = 1
    near = cv2.dilate(hole[::step, ::step], np.ones((2 * (reach // step) + 1,) * 2, np.uint8))
    return np.asarray(cv2.resize(near, shape[::-1], interpolation=cv2.INTER_NEAREST) > 0).ravel()
