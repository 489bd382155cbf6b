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


def enclosing(first: Rectangle, second: Rectangle) -> Rectangle:
    """The smallest rectangle that contains both."""
    x, y = min(first.x, second.x), min(first.y, second.y)
    return Rectangle(x, y, max(first.right, second.right) - x, max(first.bottom, second.bottom) - y)


def bounds_of(mask: bytes, width: int) -> Rectangle | None:
    """The smallest rectangle round all bytes of a mask above 0, None if there is none."""
    begun = mask.lstrip(b"\0")
    if not begun:
        return None
    top = (len(mask) - len(begun)) // width
    bottom = (len(mask.rstrip(b"\0")) - 1) // width + 1
    rows = [mask[y * width : (y + 1) * width] for y in range(top, bottom)]
    left = min(width - len(row.lstrip(b"\0")) for row in rows)
    right = max(len(row.rstrip(b"\0")) for row in rows)
    return Rectangle(left, top, right - left, bottom - top)
