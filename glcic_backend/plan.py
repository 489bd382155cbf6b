"""Where in the image the engine looks for each hole, and hence which part of it a completion needs.

Every limit here follows from a hole's box and thickness and grows with them, so that what is reckoned for a rectangle
round the holes, before they are known, contains what each of them needs.
"""

import math

from glcic_backend import region
from glcic_backend.holes import union
from glcic_backend.network import SIZE_MULTIPLE
from glcic_backend.scale import largest_thickness, network_level
from glcic_backend.wire.geometry import Rectangle

_LEAST_MARGIN = 160
_HOLE_WIDTHS = 1.25
_COARSEST_THICKNESS = 16
_TRUST_THICKNESS = 64
_TRUST_MARGIN = 8
"""Pixels of the smaller copy: more than the radius in which `trust` looks round a pixel of the rim."""


def detail_levels(thickness: float) -> int:
    """How often a photograph is halved until a hole of this thickness, in pixels, is small enough to begin with."""
    return max(0, math.ceil(math.log2(max(thickness, 1) / _COARSEST_THICKNESS)))


def detail_window(width: int, height: int, box: Rectangle, thickness: float, context: str) -> Rectangle:
    """The part of an image of width x height pixels that gives texture to a hole.

    Args:
        box: of the hole.
        thickness: of the hole, pixels.
        context: one of `wire.messages.CONTEXTS`.

    Returns:
        A rectangle whose pixels lie on the image's grid also after they are halved `detail_levels` times.
    """
    if context == "all":
        return Rectangle(0, 0, width, height)
    margin = max(_LEAST_MARGIN, math.ceil(_HOLE_WIDTHS * min(box.width, box.height)))
    return _widened(box, margin * (2 if context == "more" else 1), 1 << detail_levels(thickness), width, height)


def trust_halvings(thickness: float) -> int:
    """How often a photograph is halved until a hole of this thickness is small enough to compare with its rim."""
    return max(0, math.ceil(math.log2(max(thickness, 1) / _TRUST_THICKNESS)))


def trust_window(width: int, height: int, box: Rectangle, thickness: float) -> Rectangle:
    """The part of an image of width x height pixels of which a hole's rim is seen; arguments as `detail_window`."""
    step = 1 << trust_halvings(thickness)
    return _widened(box, _TRUST_MARGIN * step, step, width, height)


def context_rectangle(
    width: int, height: int, box: Rectangle, largest: int, *, details: bool, context: str
) -> Rectangle:
    """The part of an image that a completion of holes within a rectangle can read.

    Args:
        width, height: of the image, in pixels.
        box: rectangle that contains the holes.
        largest: thickness up to which the network fills holes at full size, pixels.
        details: details are transferred.
        context: one of `wire.messages.CONTEXTS`.

    Returns:
        A rectangle that begins on the grids of the network and of the details.
    """
    thickness = largest_thickness(width, height, box)
    step = 1 << network_level(thickness, largest)
    x, y = box.x // step, box.y // step
    small = Rectangle(x, y, -(-box.right // step) - x, -(-box.bottom // step) - y)
    seen = region.context_rectangle(-(-width // step), -(-height // step), small)
    needed = Rectangle(*(step * side for side in seen))
    needed = union(needed, trust_window(width, height, box, thickness))
    grid = max(SIZE_MULTIPLE * step, 1 << trust_halvings(thickness))
    if details:
        needed = union(needed, detail_window(width, height, box, thickness, context))
        grid = max(grid, 1 << detail_levels(thickness))
    return _widened(needed, 0, grid, width, height)


def _widened(box: Rectangle, margin: int, grid: int, width: int, height: int) -> Rectangle:
    """A rectangle with a margin, then widened to multiples of `grid`, as far as the image reaches."""
    x, y = max(0, box.x - margin) // grid * grid, max(0, box.y - margin) // grid * grid
    right = min(width, -(-(box.right + margin) // grid) * grid)
    bottom = min(height, -(-(box.bottom + margin) // grid) * grid)
    return Rectangle(x, y, right - x, bottom - y)
