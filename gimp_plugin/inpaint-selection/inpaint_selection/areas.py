"""Sums with rectangles."""

from __future__ import annotations

from wire.geometry import Rectangle


def moved(area: Rectangle, x: int, y: int) -> Rectangle:
    """The rectangle, moved by x to the right and y downwards."""
    return area._replace(x=area.x + x, y=area.y + y)


def widened(area: Rectangle, margin: int) -> Rectangle:
    """The rectangle with a margin on all sides."""
    return Rectangle(area.x - margin, area.y - margin, area.width + 2 * margin, area.height + 2 * margin)


def common(first: Rectangle, second: Rectangle) -> Rectangle | None:
    """What lies in both, None if nothing does."""
    x, y = max(first.x, second.x), max(first.y, second.y)
    width, height = min(first.right, second.right) - x, min(first.bottom, second.bottom) - y
    return Rectangle(x, y, width, height) if width > 0 and height > 0 else None
