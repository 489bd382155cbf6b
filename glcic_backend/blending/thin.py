"""The equation of `multigrid` in thin holes, solved exactly on a list of their pixels: their box costs nothing.

A scratch, a frame or hundreds of specks have few pixels in a large box. Numbered along the hole, each pixel is linked
to no more others than the hole is wide, so Gaussian elimination from one end to the other has little to do.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.multigrid import Mask, neighbour_count
from glcic_backend.compiled import compiled

_DEEPEST = 40
"""Distance in pixels from the rim up to which a hole is thin."""

_WORK_PER_PIXEL = 768
"""Products for each pixel of the box up to which elimination takes less time than the multigrid (measured)."""

_MOST_PIXELS = 1 << 21
"""More are not even numbered: that alone takes as long as a look at the cancel may."""

_MOST_ENTRIES = 1 << 24
"""Numbers that elimination may have to remember: 128 MB."""

_ROWS = 1024
"""Pixels that are eliminated between two looks at whether the completion was cancelled."""


def is_thin(free: Mask) -> bool:
    """Whether every pixel of a hole, bool [H, W], lies near one that is not of it."""
    deep = cv2.distanceTransform(np.pad(free, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return bool(deep.max() <= _DEEPEST)


def solve_thin(
    free: Mask,
    pinned: Mask,
    right_side: NDArray[np.float32],
    screen: NDArray[np.float32] | None,
    check: Callable[[], None],
) -> NDArray[np.float32] | None:
    """Solve (links + screen) u - sum of the free 4-neighbours' u = right side, links being free or pinned neighbours.

    Args:
        free: bool [H, W], pixels with an unknown.
        pinned: bool [H, W], pixels with a given value, whose part of the equation is in the right side. Every
            4-connected part of the free pixels has one beside it, or a screen.
        right_side: float32 [H, W, C], read where free.
        screen: float32 [H, W], at least 0, read where free; None for 0 everywhere.
        check: called between steps; what it raises ends the work.

    Returns:
        u of the free pixels, float32 [f, C], row by row, exact but for rounding; None if the multigrid is faster.
    """
    if np.count_nonzero(free) > _MOST_PIXELS:
        return None
    width = free.shape[1] + 2
    inside = np.pad(free, 1)
    places = np.flatnonzero(inside)
    number = np.full(inside.size, len(places), np.int32)
    number[places] = np.arange(len(places), dtype=np.int32)
    check()
    neighbours = np.stack([number[places + step] for step in (-width, -1, 1, width)])
    check()
    order = _order(neighbours)
    check()
    position = np.full(len(places) + 1, -1, np.int32)  # what is no pixel comes before all
    position[order] = np.arange(len(places), dtype=np.int32)
    check()
    linked = position[neighbours[:, order]]
    check()
    rows = np.arange(len(places), dtype=np.int64)
    lengths = np.maximum.accumulate(np.maximum(linked.max(axis=0), rows)) - rows + 1
    check()
    if lengths.sum() > _MOST_ENTRIES or np.square(lengths).sum() > _WORK_PER_PIXEL * free.size:
        return None
    begins = np.append(0, np.cumsum(lengths))
    check()
    own = neighbour_count(pinned)[free] + (np.float32(0) if screen is None else screen[free])
    diagonal = ((neighbours < len(places)).sum(axis=0) + own)[order].astype(np.float64)
    values = right_side[free][order].astype(np.float64)
    check()
    upper = np.zeros(begins[-1])
    _fill_in(linked, diagonal, begins, upper)
    for begin in range(0, len(places), _ROWS):
        check()
        _eliminate(begins, upper, values, begin, min(begin + _ROWS, len(places)))
    check()
    _substitute(begins, upper, values)
    u = np.empty(values.shape, np.float32)
    u[order] = values
    return u


@compiled
def _order(neighbours: NDArray[np.int32]) -> NDArray[np.int32]:
    """Pixels part by part, each from an end of it: by the number of steps there (Cuthill and McKee 1969).

    Args:
        neighbours: int32 [4, n], the number of each pixel's neighbour, n for none.

    Returns:
        int32 [n], pixels' numbers.
    """
    count = neighbours.shape[1]
    order = np.empty(count, np.int32)
    seen = np.zeros(count, np.int8)
    placed = 0
    for first in range(count):
        if seen[first] == 0:
            begin, start, placed_after = placed, first, placed
            for visit in (1, 2):  # what is found last from anywhere lies at an end
                order[begin] = start
                seen[start] = visit
                done, placed_after = begin, begin + 1
                while done < placed_after:
                    pixel = order[done]
                    done += 1
                    for side in range(4):
                        other = neighbours[side, pixel]
                        if other < count and seen[other] < visit:
                            seen[other] = visit
                            order[placed_after] = other
                            placed_after += 1
                start = order[placed_after - 1]
            placed = placed_after
    return order


@compiled
def _fill_in(
    linked: NDArray[np.int32], diagonal: NDArray[np.float64], begins: NDArray[np.int64], upper: NDArray[np.float64]
) -> None:
    """Write the matrix, from each row's diagonal on, into `upper`; row p lies at begins[p] to begins[p + 1]."""
    for row in range(len(diagonal)):
        upper[begins[row]] = diagonal[row]
        for side in range(4):
            if linked[side, row] > row:
                upper[begins[row] + linked[side, row] - row] = -1.0


@compiled
def _eliminate(
    begins: NDArray[np.int64], upper: NDArray[np.float64], values: NDArray[np.float64], first: int, end: int
) -> None:
    """Take rows first to end from those after them, of a symmetric matrix and its right side, float64 [n, C]."""
    for row in range(first, end):
        pivot = upper[begins[row]]
        length = begins[row + 1] - begins[row]
        for step in range(1, length):
            factor = upper[begins[row] + step] / pivot
            if factor != 0:
                mine = upper[begins[row] + step : begins[row + 1]]
                other = upper[begins[row + step] : begins[row + step] + length - step]
                for column in range(length - step):
                    other[column] -= factor * mine[column]
                for channel in range(values.shape[1]):
                    values[row + step, channel] -= factor * values[row, channel]


@compiled
def _substitute(begins: NDArray[np.int64], upper: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Replace the right side in `values`, float64 [n, C], by the solution, last row first."""
    for row in range(len(values) - 1, -1, -1):
        for step in range(1, begins[row + 1] - begins[row]):
            for channel in range(values.shape[1]):
                values[row, channel] -= upper[begins[row] + step] * values[row + step, channel]
        for channel in range(values.shape[1]):
            values[row, channel] /= upper[begins[row]]
