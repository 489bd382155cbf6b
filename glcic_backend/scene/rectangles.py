"""Rectangles of an image: what several rooms do with them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from glcic_backend.wire.geometry import Rectangle


def union(a: Rectangle, b: Rectangle) -> Rectangle:
    """Smallest rectangle that contains both."""
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Rectangle(x, y, max(a.right, b.right) - x, max(a.bottom, b.bottom) - y)


def bounding_box(mask: NDArray[np.bool_]) -> Rectangle | None:
    """Smallest rectangle that contains every True pixel of bool [H, W], or None if there is none."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return Rectangle(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1))


def grown(box: Rectangle, margin: int, width: int, height: int, grid: int = 1) -> Rectangle:
    """A rectangle with a margin, then widened to multiples of `grid`, as far as an image of width x height reaches."""
    x, y = max(0, box.x - margin) // grid * grid, max(0, box.y - margin) // grid * grid
    right = min(width, -(-(box.right + margin) // grid) * grid)
    bottom = min(height, -(-(box.bottom + margin) // grid) * grid)
    return Rectangle(x, y, right - x, bottom - y)


def slices(part: Rectangle) -> tuple[slice, slice]:
    """Rows and columns of a rectangle."""
    return slice(part.y, part.bottom), slice(part.x, part.right)


def bands(region: Rectangle, pixels: int) -> Iterator[Rectangle]:
    """A rectangle cut across, from its top, into parts of about so many pixels at most, or one row."""
    rows = max(1, pixels // region.width)
    for y in range(region.y, region.bottom, rows):
        yield region._replace(y=y, height=min(rows, region.bottom - y))


class Boxes:
    """Rectangles that are asked for by place many times.

    Attributes:
        begins, ends: int64 [n, 2], x and y of their first corners, and of what lies beyond their last ones.
    """

    def __init__(self, boxes: Sequence[Rectangle]) -> None:
        places = np.array(boxes, np.int64).reshape(-1, 4)
        self.begins, self.ends = places[:, :2], places[:, :2] + places[:, 2:]

    def meet(self, part: Rectangle) -> NDArray[np.bool_]:
        """Which of them have pixels of a rectangle, bool [n]."""
        first, behind = (part.x, part.y), (part.right, part.bottom)
        return np.asarray(((self.begins < behind) & (self.ends > first)).all(axis=1))
