"""What a line that was drawn has to do with a hole. Knows nothing of GIMP."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .areas import widened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wire.geometry import Rectangle

    Corner = tuple[float, float]

NEAR = 100
"""Pixels round a hole within which a line says what it looks like."""

_EXACT = 0.25
"""Pixels by which a line may miss a corner that is left out of it."""


def across(corners: Sequence[Corner], area: Rectangle, coverage: bytes) -> list[list[Corner]]:
    """Those parts of a line near a hole that lead through it, with no more corners than they need.

    Args:
        corners: x and y of each, pixels of the image.
        area: that the hole lies in.
        coverage: one byte for each pixel of the area, above 0 in the hole.
    """
    parts: list[list[Corner]] = [[]]
    near = widened(area, NEAR)
    for begin, end in _pieces(corners):
        if not _may_meet(begin, end, near):
            parts.append([])
            continue
        parts[-1] += [end] if parts[-1] else [begin, end]
    return [simplified(part) for part in parts if _leads_through(part, area, coverage)]


def simplified(corners: Sequence[Corner]) -> list[Corner]:
    """A line without the corners that it hardly misses, after Ramer, Douglas and Peucker."""
    kept = {0, len(corners) - 1}
    spans = [(0, len(corners) - 1)]
    while spans:
        first, last = spans.pop()
        far, number = _EXACT, 0
        for between in range(first + 1, last):
            missed = _distance(corners[between], corners[first], corners[last])
            if missed > far:
                far, number = missed, between
        if number:
            kept.add(number)
            spans += [(first, number), (number, last)]
    return [corners[number] for number in sorted(kept)]


def _pieces(corners: Sequence[Corner]) -> list[tuple[Corner, Corner]]:
    """The straight pieces of a line."""
    return [(corners[number - 1], corners[number]) for number in range(1, len(corners))]


def _distance(corner: Corner, begin: Corner, end: Corner) -> float:
    """How far a corner is from a straight piece."""
    across, down = end[0] - begin[0], end[1] - begin[1]
    x, y = corner[0] - begin[0], corner[1] - begin[1]
    length = across * across + down * down
    share = min(1.0, max(0.0, (x * across + y * down) / length)) if length else 0.0
    return math.hypot(x - share * across, y - share * down)


def _may_meet(begin: Corner, end: Corner, area: Rectangle) -> bool:
    """Whether the box of a straight piece meets an area."""
    left, right = sorted((begin[0], end[0]))
    top, bottom = sorted((begin[1], end[1]))
    return left < area.right and right >= area.x and top < area.bottom and bottom >= area.y


def _leads_through(corners: Sequence[Corner], area: Rectangle, coverage: bytes) -> bool:
    """Whether a line meets a pixel of the hole."""
    for begin, end in _pieces(corners):
        if not _may_meet(begin, end, area):
            continue
        steps = math.ceil(math.dist(begin, end)) or 1
        for step in range(steps + 1):
            x = math.floor(begin[0] + (end[0] - begin[0]) * step / steps) - area.x
            y = math.floor(begin[1] + (end[1] - begin[1]) * step / steps) - area.y
            if 0 <= x < area.width and 0 <= y < area.height and coverage[y * area.width + x]:
                return True
    return False
