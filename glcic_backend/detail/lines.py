"""A scene in; the straight edges that a hole interrupts out, and numbers by which patches are held to them.

A horizon, a board's edge or a wire ends at the hole on one side and goes on beyond it. Patches alone do not know: each
end is continued for itself, and a thin line is invisible in the smaller copies where the search begins. So edges of
both sides that lie in line, and look alike, are joined across the hole (detail/line_pairs.py). Where such a line runs,
numbers are added to the patches' vectors that tell the distance from it and its direction: a patch on the line wants a
source on the line's known part, and one beside it none.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.pyramid import RADIUS

LINE_NUMBERS = 3
"""That are added to a vector."""

_WEIGHT = 0.3
"""Root of what a patch on a line costs that has a source beside it, as a squared difference of colours per pixel."""
_WIDTH = 2.0
"""Standard deviation of the Gaussian across a line within which its numbers count, pixels of each scale."""
_REACH = 3.0
"""Of these standard deviations, beyond which they are 0."""

ACROSS = np.arange(-5, 5.5, 0.5)
"""Pixels from a line at which its colours are known."""

_SOFT = 2.5
"""A painted line is wholly as its profile up to 3 of the 5 pixels, and fades beyond."""

Point = NDArray[np.float64]
"""Column and row, float64 [2]; the centre of a pixel has whole numbers."""


@dataclass(frozen=True)
class Line:
    """A straight edge that a hole interrupts.

    Attributes:
        ends: float64 [4, 2], columns and rows: where it begins, enters the hole, leaves it and ends.
        profiles: float64 [2, a, 3], RGB across both known parts at the distances `ACROSS`, from left to right of who
            walks from the first end to the last.
    """

    ends: NDArray[np.float64]
    profiles: NDArray[np.float64]

    def in_copy(self, halvings: int) -> "Line":
        """The same in a smaller copy."""
        return replace(self, ends=(self.ends + 0.5) / 2**halvings - 0.5)

    def seen_from(self, column: int, row: int) -> "Line":
        """The same in a part of the picture that begins at a column and a row."""
        return replace(self, ends=self.ends - (column, row))

    @property
    def gap(self) -> float:
        """Pixels that are hidden."""
        return float(np.hypot(*(self.ends[2] - self.ends[1])))


def crosses(line: Line, other: Line) -> bool:
    """Whether two lines cross in the hole."""
    (a, b), (c, d) = line.ends[1:3], other.ends[1:3]
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(begin: Point, end: Point, seen: Point) -> float:
    """Above 0 if a point is on the right hand of who walks from `begin` to `end`, below 0 on the left."""
    (x, y), (u, v) = end - begin, seen - begin
    return float(x * v - y * u)


def line_vectors(lines: list[Line], shape: tuple[int, int]) -> NDArray[np.float32]:
    """What holds patches to lines, float32 [n, LINE_NUMBERS], by position in a picture of a shape; 0 far from lines."""
    height, width = shape
    numbers = np.zeros((height + 2 * RADIUS, width + 2 * RADIUS, LINE_NUMBERS), np.float32)
    nearest = np.full(numbers.shape[:2], _REACH * _WIDTH, np.float32)
    for line in lines:
        for begin, end in zip(line.ends[:-1], line.ends[1:], strict=True):
            _draw(begin + RADIUS, end + RADIUS, numbers, nearest)
    return numbers.reshape(-1, LINE_NUMBERS)


def near_lines(lines: list[Line], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels within half a Gaussian's width of a line, bool of a shape."""
    numbers = line_vectors(lines, shape)[:, :2].reshape(shape[0] + 2 * RADIUS, -1, 2)[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return np.asarray(np.hypot(numbers[..., 0], numbers[..., 1]) > _WEIGHT * np.exp(-0.25 / 2))


def paint(lines: list[Line], picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> None:
    """Paint lines into a hole as they look on both sides of it, in place: what the search begins with.

    Args:
        picture: float32 [h, w, 3].
        hole: bool [h, w].
    """
    nearest = np.full(hole.shape, ACROSS[-1], np.float32)
    for line in lines:
        begin, end = line.ends[1:3]
        box, along, aside = _round(begin, end, float(ACROSS[-1]), hole.shape)
        if not along.size:
            continue
        share = along / np.hypot(*(end - begin))
        distance = np.abs(aside)
        painted = hole[box] & (distance < nearest[box]) & (share >= 0) & (share <= 1)
        share, aside, distance = share[painted][:, None], aside[painted], distance[painted]
        first, second = (
            np.stack([np.interp(aside, ACROSS, profile[:, channel]) for channel in range(3)], axis=1)
            for profile in line.profiles
        )
        # Far from the line the completion goes on as it is.
        weight = np.clip(_SOFT * (1 - distance / ACROSS[-1]), 0, 1)[:, None]
        colours = picture[box]
        colours[painted] += (weight * (first + share * (second - first) - colours[painted])).astype(np.float32)
        nearest[box][painted] = distance


def _round(
    begin: Point, end: Point, reach: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.float64], NDArray[np.float64]]:
    """The surroundings of a piece of a line: a box, and how far along it and to its right the pixels are."""
    length = float(np.hypot(*(end - begin)))
    low = np.maximum(np.floor(np.minimum(begin, end) - reach).astype(int), 0)
    high = np.minimum(np.ceil(np.maximum(begin, end) + reach).astype(int) + 1, shape[1::-1])
    if length == 0 or (low >= high).any():
        return (slice(0), slice(0)), np.zeros((0, 0)), np.zeros((0, 0))
    box = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    rows, columns = np.mgrid[box]
    x, y = (end - begin) / length
    along = (columns - begin[0]) * x + (rows - begin[1]) * y
    return box, along, (rows - begin[1]) * x - (columns - begin[0]) * y


def _draw(begin: Point, end: Point, numbers: NDArray[np.float32], nearest: NDArray[np.float32]) -> None:
    """Write a piece's numbers wherever no other piece is nearer; `nearest`, distances in pixels, is kept up to date."""
    box, along, aside = _round(begin, end, _REACH * _WIDTH, nearest.shape)
    if not along.size:
        return
    length = float(np.hypot(*(end - begin)))
    x, y = (end - begin) / length
    beyond = np.maximum(np.maximum(-along, along - length), 0)
    distance = np.hypot(aside, beyond).astype(np.float32)
    closer = distance < nearest[box]
    near = _WEIGHT * np.exp(-np.square(distance / _WIDTH) / 2)
    # The double angle: a line has no beginning.
    told = near * (x * x - y * y), near * 2 * x * y, near * aside / _WIDTH
    numbers[box][closer] = np.stack(told, axis=2)[closer]
    nearest[box][closer] = distance[closer]
