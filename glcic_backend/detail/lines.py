"""A scene in; the straight edges that a hole interrupts out, and numbers by which patches are held to them.

A horizon, a board's edge or a wire ends at the hole on one side and goes on beyond it. Patches alone do not know: each
end is continued for itself, and a thin line is invisible in the smaller copies where the search begins. So edges of
both sides that lie in line, and look alike, are joined across the hole (detail/line_pairs.py); where they do not, the
user may draw how they go on (detail/drawn_lines.py). Where such a line runs,
numbers are added to the patches' vectors that tell the distance from it and its direction: a patch on the line wants a
source on the line's known part, and one beside it none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.pyramid import RADIUS

LINE_NUMBERS = 3
"""That are added to a vector."""

FOUND, DRAWN = 0.3, 1.0
"""Root of what a patch on a line costs that has a source beside it, as a squared difference of colours per pixel: on
one that was found, and on one that the user has drawn, which also leads where nothing of it is to be seen."""
_WIDTH = 2.0
"""Standard deviation of the Gaussian across a line within which its numbers count, pixels of each scale."""
_REACH = 3.0
"""Of these standard deviations, beyond which they are 0."""

ACROSS = np.arange(-5, 5.5, 0.5)
"""Pixels from a line at which its colours are known."""

_SOFT = 2.5
"""A painted line is wholly as its profile up to 3 of the 5 pixels, and fades beyond."""

_ALIKE = float(np.cos(2 * np.radians(10)))
"""Cosine of the double angle between directions that are still one."""
_TINY = float(np.finfo(np.float64).tiny)

Point = NDArray[np.float64]
"""Column and row, float64 [2]; the centre of a pixel has whole numbers."""

Path = NDArray[np.float64]
"""Corners, float64 [n, 2], each a `Point`."""


@dataclass(frozen=True)
class Line:
    """An edge or a thin line that a hole interrupts.

    Attributes:
        path: the corners from where it begins to where it ends, both known.
        enters, leaves: the numbers of those corners where it enters the hole and leaves it.
        profiles: float64 [2, a, 3], RGB across both known parts at the distances `ACROSS`, from left to right of who
            walks from the first corner to the last.
        weight: `FOUND` or `DRAWN`.
    """

    path: Path
    enters: int
    leaves: int
    profiles: NDArray[np.float64]
    weight: float

    def in_copy(self, halvings: int) -> "Line":
        """The same in a smaller copy."""
        return replace(self, path=(self.path + 0.5) / 2**halvings - 0.5)

    def seen_from(self, column: int, row: int) -> "Line":
        """The same in a part of the picture that begins at a column and a row."""
        return replace(self, path=self.path - (column, row))

    @property
    def hidden(self) -> Path:
        """The corners of the hidden part."""
        return self.path[self.enters : self.leaves + 1]

    @property
    def directions(self) -> NDArray[np.float64]:
        """By piece of the path the direction that a source shall have, float64 [n - 1, 2].

        As unit vectors at the double angle: a line has no beginning. It is that of the piece, unless it turns away in
        the hole from all that is known of it. Then it is the known one that is nearest, for there is no other.
        """
        x, y = np.diff(self.path, axis=0).T
        angles = np.stack([x * x - y * y, 2 * x * y], axis=1) / np.maximum(x * x + y * y, _TINY)[:, None]
        hidden = slice(self.enters, self.leaves)
        known = np.delete(angles, hidden, axis=0)
        alike = angles[hidden] @ known.T
        turned = alike.max(axis=1) < _ALIKE
        angles[hidden][turned] = known[alike.argmax(axis=1)][turned]
        return np.asarray(angles)

    @property
    def gap(self) -> float:
        """Pixels that are hidden."""
        return float(np.hypot(*np.diff(self.hidden, axis=0).T).sum())


def crosses(line: Line, other: Line) -> bool:
    """Whether two lines cross in the hole."""
    return any(
        _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
        for a, b in pairwise(line.hidden)
        for c, d in pairwise(other.hidden)
    )


def _turn(begin: Point, end: Point, seen: Point) -> float:
    """Above 0 if a point is on the right hand of who walks from `begin` to `end`, below 0 on the left."""
    (x, y), (u, v) = end - begin, seen - begin
    return float(x * v - y * u)


def line_vectors(lines: Sequence[Line], shape: tuple[int, int]) -> NDArray[np.float32]:
    """What holds patches to lines, float32 [n, LINE_NUMBERS], by position in a picture of a shape; 0 far from lines."""
    height, width = shape
    numbers = np.zeros((height + 2 * RADIUS, width + 2 * RADIUS, LINE_NUMBERS), np.float32)
    nearest = np.full(numbers.shape[:2], _REACH * _WIDTH, np.float32)
    for line in lines:
        for (begin, end), direction in zip(pairwise(line.path), line.directions, strict=True):
            _draw(begin + RADIUS, end + RADIUS, line.weight, direction, numbers, nearest)
    return numbers.reshape(-1, LINE_NUMBERS)


def near_lines(lines: Sequence[Line], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels within half a Gaussian's width of a line, bool of a shape."""
    numbers = line_vectors([replace(line, weight=1.0) for line in lines], shape)[:, :2]
    numbers = numbers.reshape(shape[0] + 2 * RADIUS, -1, 2)[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return np.asarray(np.hypot(numbers[..., 0], numbers[..., 1]) > np.exp(-0.25 / 2))


def paint(lines: list[Line], picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> None:
    """Paint lines into a hole as they look on both sides of it, in place: what the search begins with.

    Args:
        picture: float32 [h, w, 3].
        hole: bool [h, w].
    """
    nearest = np.full(hole.shape, ACROSS[-1], np.float32)
    for line in lines:
        corners, before = line.hidden, 0.0
        for number, (begin, end) in enumerate(pairwise(corners)):
            length = float(np.hypot(*(end - begin)))
            box, along, aside = _round(begin, end, float(ACROSS[-1]), hole.shape)
            beyond = np.maximum(np.maximum(-along, along - length), 0)
            distance = np.hypot(aside, beyond)
            painted = hole[box] & (distance < nearest[box])
            # Round its corners a line is whole; beyond its ends it is not there.
            painted &= (along >= 0) | (number > 0)
            painted &= (along <= length) | (number < len(corners) - 2)
            share = ((before + along.clip(0, length)) / line.gap)[painted][:, None]
            aside, distance = np.copysign(distance, aside)[painted], distance[painted]
            first, second = (
                np.stack([np.interp(aside, ACROSS, profile[:, channel]) for channel in range(3)], axis=1)
                for profile in line.profiles
            )
            # Far from the line the completion goes on as it is.
            weight = np.clip(_SOFT * (1 - distance / ACROSS[-1]), 0, 1)[:, None]
            colours = picture[box]
            colours[painted] += (weight * (first + share * (second - first) - colours[painted])).astype(np.float32)
            nearest[box][painted] = distance
            before += length


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


def _draw(
    begin: Point,
    end: Point,
    weight: float,
    direction: Point,
    numbers: NDArray[np.float32],
    nearest: NDArray[np.float32],
) -> None:
    """Write a piece's numbers wherever no other piece is nearer; `nearest`, distances in pixels, is kept up to date."""
    box, along, aside = _round(begin, end, _REACH * _WIDTH, nearest.shape)
    if not along.size:
        return
    length = float(np.hypot(*(end - begin)))
    beyond = np.maximum(np.maximum(-along, along - length), 0)
    distance = np.hypot(aside, beyond).astype(np.float32)
    closer = distance < nearest[box]
    near = weight * np.exp(-np.square(distance / _WIDTH) / 2)
    told = near * direction[0], near * direction[1], near * aside / _WIDTH
    numbers[box][closer] = np.stack(told, axis=2)[closer]
    nearest[box][closer] = distance[closer]
