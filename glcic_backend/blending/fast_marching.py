"""Surroundings in; the colours that they carry to a hole's first front out (fast marching, Telea 2004).

Telea's method fills a hole from its rim inwards, each pixel from its neighbours that are known by then. Blending
(section 3.5.1) needs the outermost ring of the hole only: the Poisson equation settles all pixels within. So this is
the method's first front, all of its pixels at once, in floating point.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.multigrid import Mask, neighbour_count
from glcic_backend.compiled import compiled, in_chunks

RADIUS = 3
"""Pixels of the surroundings that an estimate draws on, as far as this from it."""

_LEAST_DIRECTION = np.float32(1e-3)
_CHUNK = 8192
_SPAN = range(-RADIUS, RADIUS + 1)
_OFFSETS = np.array([(dy, dx) for dy in _SPAN for dx in _SPAN if 0 < dy**2 + dx**2 <= RADIUS**2])


class Front(NamedTuple):
    """The outermost ring of a hole.

    Attributes:
        ring: bool [H, W], the hole's pixels with a known 4-neighbour.
        colours: float32 [n, C], their estimated colours, in the order of `numpy.nonzero(ring)`.
    """

    ring: Mask
    colours: NDArray[np.float32]


def first_front(image: NDArray[np.float32], hole: Mask, known: Mask, check: Callable[[], None] = lambda: None) -> Front:
    """Estimate the colours on a hole's outermost ring from the known pixels round it (Telea 2004, equations 2 to 6).

    An estimate is the weighted mean of the known pixels within `RADIUS`, each continued along its own gradient. It is
    then kept within the range of the known ones among the pixel's 8 neighbours: the gradient helps on smooth slopes,
    but overshoots at edges and in texture.

    Args:
        image: float32 [H, W, C], any unit; read where known.
        hole: bool [H, W].
        known: bool [H, W], no pixel of the hole.
        check: called often; may raise.
    """
    check()
    ring = hole & (neighbour_count(known) > 0)
    check()
    distance = _signed_distance(hole, known, check)
    check()
    rows, columns = (axis.astype(np.int32) for axis in np.nonzero(ring))
    across, down = _normals(distance, rows, columns)
    colours = np.empty((len(rows), image.shape[2]), np.float32)

    def run(begin: int, end: int) -> None:
        part = slice(begin, end)
        normals = across[part], down[part]
        _estimate(image, known, distance, rows[part], columns[part], normals, _OFFSETS, colours[part])

    in_chunks(run, len(rows), _CHUNK, cv2.getNumThreads(), check)
    return Front(ring, colours)


@compiled
def _estimate(
    image: NDArray[np.float32],
    known: Mask,
    distance: NDArray[np.float32],
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    normals: tuple[NDArray[np.float32], NDArray[np.float32]],
    offsets: NDArray[np.int64],
    colours: NDArray[np.float32],
) -> None:
    """Colours of some pixels of the ring, float32 [p, C], from the known ones at some offsets, int64 [o, 2]."""
    height, width = known.shape
    channels = image.shape[2]
    total = np.empty(channels, np.float32)
    low, high = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for index in range(len(rows)):
        row, column = rows[index], columns[index]
        total[:] = 0
        low[:], high[:] = np.inf, -np.inf
        weights = np.float32(0)
        for number in range(len(offsets)):
            dy, dx = offsets[number]
            y, x = row + dy, column + dx
            if y < 0 or x < 0 or y >= height or x >= width or not known[y, x]:
                continue
            # Equations 4 to 6: along the front's normal, near, and on the same level.
            square = np.float32(dy * dy + dx * dx)
            direction = max(-(dx * normals[0][index] + dy * normals[1][index]) / np.sqrt(square), _LEAST_DIRECTION)
            level = 1 + abs(distance[row, column] - distance[y, x])
            weight = direction / (square * level)
            weights += weight
            for channel in range(channels):
                here = image[y, x, channel]
                # The slope is the mean of the differences to known neighbours.
                slope_x, slope_y, beside, above = np.float32(0), np.float32(0), 0, 0
                if x > 0 and known[y, x - 1]:
                    slope_x += here - image[y, x - 1, channel]
                    beside += 1
                if x + 1 < width and known[y, x + 1]:
                    slope_x += image[y, x + 1, channel] - here
                    beside += 1
                if y > 0 and known[y - 1, x]:
                    slope_y += here - image[y - 1, x, channel]
                    above += 1
                if y + 1 < height and known[y + 1, x]:
                    slope_y += image[y + 1, x, channel] - here
                    above += 1
                total[channel] += weight * (here - dx * slope_x / max(beside, 1) - dy * slope_y / max(above, 1))
                if square <= 2:
                    low[channel] = min(low[channel], here)
                    high[channel] = max(high[channel], here)
        for channel in range(channels):
            colours[index, channel] = min(max(total[channel] / weights, low[channel]), high[channel])


def _signed_distance(hole: Mask, known: Mask, check: Callable[[], None]) -> NDArray[np.float32]:
    """Telea's T, float32 [H, W], in pixels: 0 on the innermost known pixels, growing into the hole."""
    to_known = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    check()
    to_hole = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    check()
    return np.where(known, 1 - to_hole, to_known)


def _normals(
    distance: NDArray[np.float32], rows: NDArray[np.int32], columns: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Unit normals of the front, x and y components, pointing into the hole; near 0 where it has no direction."""
    across = cv2.Sobel(distance, cv2.CV_32F, 1, 0)[rows, columns].astype(np.float32, copy=False)
    down = cv2.Sobel(distance, cv2.CV_32F, 0, 1)[rows, columns].astype(np.float32, copy=False)
    length = np.hypot(across, down) + np.float32(1e-6)
    return across / length, down / length
