"""Rectangles and drawn lines in pixels, shared by the plug-in, the protocol and the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Rectangle(NamedTuple):
    """A rectangle of pixels: columns `x` to `x + width - 1`, rows `y` to `y + height - 1`; rows count downwards."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to the right of the rectangle."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the rectangle."""
        return self.y + self.height

    def contains(self, other: Rectangle) -> bool:
        """Whether `other` lies wholly within this rectangle."""
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

    def reach(self, other: Rectangle) -> int:
        """By how many pixels this rectangle must be widened on all sides to contain `other`."""
        return max(0, self.x - other.x, self.y - other.y, other.right - self.right, other.bottom - self.bottom)


def moved_lines(lines: Iterable[Sequence[float]], x: float, y: float) -> tuple[tuple[float, ...], ...]:
    """Drawn lines, each the x and y of its corners one after the other, moved to the right and downwards."""
    return tuple(tuple(value + (y if place % 2 else x) for place, value in enumerate(line)) for line in lines)
