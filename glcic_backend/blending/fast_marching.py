"""Surroundings in; the colours that they carry to a hole's first front out (fast marching, Telea 2004).

Telea's method fills a hole from its rim inwards, each pixel from its neighbours that are known by then. Blending
(section 3.5.1) needs the outermost ring of the hole only: the Poisson equation settles all pixels within. So this is
the method's first front, all of its pixels at once, in floating point.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.multigrid import Mask, neighbour_count

RADIUS = 3
"""Pixels of the surroundings that an estimate draws on, as far as this from it."""

_LEAST_DIRECTION = 1e-3


class Front(NamedTuple):
    """The outermost ring of a hole.

    Attributes:
        ring: bool [H, W], the hole's pixels with a known 4-neighbour.
        colours: float32 [n, C], their estimated colours, in the order of `numpy.nonzero(ring)`.
    """

    ring: Mask
    colours: NDArray[np.float32]


def first_front(image: NDArray[np.float32], hole: Mask, known: Mask) -> Front:
    """Estimate the colours on a hole's outermost ring from the known pixels round it (Telea 2004, equations 2 to 6).

    An estimate is the weighted mean of the known pixels within `RADIUS`, each continued along its own gradient. It is
    then kept within the range of the known ones among the pixel's 8 neighbours: the gradient helps on smooth slopes,
    but overshoots at edges and in texture.

    Args:
        image: float32 [H, W, C], any unit; read where known.
        hole: bool [H, W].
        known: bool [H, W], no pixel of the hole.
    """
    ring = hole & (neighbour_count(known) > 0)
    distance = _signed_distance(hole, known)
    near = cv2.dilate(ring.astype(np.uint8), np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)).astype(bool)
    samples = _Samples(image, known & near, known)
    rows, columns = np.nonzero(ring)
    across, down = _normals(distance, rows, columns)
    shape = (len(rows), image.shape[2])
    total, weights = np.zeros(shape, np.float32), np.zeros(len(rows), np.float32)
    low, high = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)
    padded_distance = np.pad(distance, RADIUS)
    for dy, dx in _offsets():
        index = samples.at(rows + dy, columns + dx)
        reach = float(np.hypot(dy, dx))
        # Equations 4 to 6: along the front's normal, near, and on the same level.
        direction = np.maximum(-(dx * across + dy * down) / reach, _LEAST_DIRECTION)
        level = 1 + np.abs(distance[rows, columns] - padded_distance[rows + dy + RADIUS, columns + dx + RADIUS])
        weight = samples.present[index] * direction / (reach**2 * level)
        colour = samples.colours[index]
        total += weight[:, None] * (colour - dx * samples.slopes_x[index] - dy * samples.slopes_y[index])
        weights += weight
        if max(abs(dx), abs(dy)) == 1:
            present = samples.present[index][:, None] > 0
            low = np.where(present, np.minimum(low, colour), low)
            high = np.where(present, np.maximum(high, colour), high)
    return Front(ring, np.clip(total / weights[:, None], low, high))


class _Samples:
    """Known pixels near the ring as lists, so that nothing is computed for all the rest of the image.

    Attributes:
        colours, slopes_x, slopes_y: float32 [n + 1, C], colour and its slope per pixel to the right and down; the
            last row is zero and stands for every pixel that is not listed.
        present: float32 [n + 1], 1, and 0 in the last row.
    """

    def __init__(self, image: NDArray[np.float32], wanted: Mask, known: Mask) -> None:
        rows, columns = np.nonzero(wanted)
        self._index = np.full((wanted.shape[0] + 2 * RADIUS, wanted.shape[1] + 2 * RADIUS), len(rows), np.int32)
        self._index[rows + RADIUS, columns + RADIUS] = np.arange(len(rows), dtype=np.int32)
        self.present = np.append(np.ones(len(rows), np.float32), np.float32(0))
        self.colours = _with_zero_row(image[rows, columns])
        self.slopes_x = _with_zero_row(_slopes(image, known, rows, columns, 0, 1))
        self.slopes_y = _with_zero_row(_slopes(image, known, rows, columns, 1, 0))

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.int32]:
        """Indices of pixels up to `RADIUS` outside the image."""
        return self._index[rows + RADIUS, columns + RADIUS]


def _slopes(
    image: NDArray[np.float32], known: Mask, rows: NDArray[np.intp], columns: NDArray[np.intp], dy: int, dx: int
) -> NDArray[np.float32]:
    """Slope of the colour at some pixels along one axis: the mean of the differences to known neighbours, or 0."""
    height, width = known.shape
    here = image[rows, columns]
    total, count = np.zeros_like(here), np.zeros((len(rows), 1), np.float32)
    for side in (-1, 1):
        y, x = np.clip(rows + side * dy, 0, height - 1), np.clip(columns + side * dx, 0, width - 1)
        # A pixel at the border is clipped to itself: the difference is 0 and must not count.
        usable = (known[y, x] & ((y != rows) | (x != columns)))[:, None]
        total += np.where(usable, side * (image[y, x] - here), 0)
        count += usable
    return (total / np.maximum(count, 1)).astype(np.float32)


def _signed_distance(hole: Mask, known: Mask) -> NDArray[np.float32]:
    """Telea's T, float32 [H, W], in pixels: 0 on the innermost known pixels, growing into the hole."""
    to_known = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    to_hole = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.where(known, 1 - to_hole, to_known)


def _normals(
    distance: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Unit normals of the front, x and y components, pointing into the hole; near 0 where it has no direction."""
    across = cv2.Sobel(distance, cv2.CV_32F, 1, 0)[rows, columns].astype(np.float32, copy=False)
    down = cv2.Sobel(distance, cv2.CV_32F, 0, 1)[rows, columns].astype(np.float32, copy=False)
    length = np.hypot(across, down) + np.float32(1e-6)
    return across / length, down / length


def _offsets() -> list[tuple[int, int]]:
    span = range(-RADIUS, RADIUS + 1)
    return [(dy, dx) for dy in span for dx in span if 0 < dy**2 + dx**2 <= RADIUS**2]


def _with_zero_row(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([values, np.zeros((1, values.shape[1]), np.float32)])
