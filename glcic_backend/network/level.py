"""A hole's thickness in; the scale at which the network fills it, and what it sees there, out.

*Level* l is a copy of the photograph that is 2^l times smaller.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence

from glcic_backend.network import region
from glcic_backend.scene.holes import Hole
from glcic_backend.wire.geometry import Rectangle


def network_level(thickness: float, largest: int) -> int:
    """The finest level at which a hole is no thicker than `largest` pixels."""
    return max(0, math.ceil(math.log2(max(thickness, 1) / largest)))


_FOLLOWED = 5 / 6


def is_followed(thickness: float, largest: int) -> bool:
    """Whether details follow what the network paints in a hole of this thickness, and not only begin with it.

    What it paints in the largest holes that it was trained for is a mean of what could be there, too.
    """
    return thickness <= _FOLLOWED * largest


def rough_level(thickness: float, largest: int) -> int:
    """The level at which a hole is completed if details are found for it: where they only begin with it, the next.

    It costs up to a quarter there, and no difference is seen (docs/workshop/detail-transfer-trials.md).
    """
    return network_level(thickness, largest) + (not is_followed(thickness, largest))


_SPREAD_SIDE = 256
_MOST_SPREAD = (32, 128)
"""Squares of `_SPREAD_SIDE` pixels, two and eight megapixels together, that thin holes may touch at full scale, and in
a copy half as large."""


def hole_levels(holes: Sequence[Hole], largest: int) -> list[int]:
    """The level of each hole: `network_level`, but at least 1 or 2 for thin ones that are strewn over a large part of a
    photograph.

    Each speck has 307 pixels round it that the network looks at, so specks all over a photograph, or a scratch across
    it, cost as much as the whole of it. In a copy half as large that is a quarter.
    """
    thin = [hole.box for hole in holes if hole.is_thin]
    left, top = (min((box[axis] for box in thin), default=0) for axis in (0, 1))
    squares = {
        (column, row)
        for box in thin
        for column in range((box.x - left) // _SPREAD_SIDE, (box.right - 1 - left) // _SPREAD_SIDE + 1)
        for row in range((box.y - top) // _SPREAD_SIDE, (box.bottom - 1 - top) // _SPREAD_SIDE + 1)
    }
    least = bisect_left(_MOST_SPREAD, len(squares))
    return [max(network_level(hole.thickness, largest), least if hole.is_thin else 0) for hole in holes]


def largest_level(box: Rectangle, thickness: float, largest: int) -> int:
    """The level that no hole within a rectangle exceeds whose thickness is at most the given one."""
    squares = (box.width // _SPREAD_SIDE + 1) * (box.height // _SPREAD_SIDE + 1)
    return max(network_level(thickness, largest), bisect_left(_MOST_SPREAD, squares))


def network_window(width: int, height: int, box: Rectangle, level: int) -> Rectangle:
    """The part of an image of width x height pixels that the network can see from a hole within `box`, at a level.

    It may reach beyond the image, to whole pixels of the smaller copy.
    """
    step = 1 << level
    x, y = box.x // step, box.y // step
    small = Rectangle(x, y, -(-box.right // step) - x, -(-box.bottom // step) - y)
    seen = region.context_rectangle(-(-width // step), -(-height // step), small)
    return Rectangle(*(step * side for side in seen))
