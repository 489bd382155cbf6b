"""A hole's box and thickness in; how far from it details are looked for, and in how many scales, out.

Both follow from the hole's box and thickness alone and grow with them, so that what is reckoned for a rectangle round
the holes, before they are known, contains what each of them needs.
"""

import math

from glcic_backend.scene.rectangles import grown
from glcic_backend.wire.geometry import Rectangle

_LEAST_MARGIN = 160
_HOLE_WIDTHS = 1.25
_COARSEST_THICKNESS = 16


def detail_levels(thickness: float) -> int:
    """How often a photograph is halved until a hole of this thickness, in pixels, is small enough to begin with."""
    return max(0, math.ceil(math.log2(max(thickness, 1) / _COARSEST_THICKNESS)))


def detail_window(width: int, height: int, box: Rectangle, thickness: float, context: str, distance: int) -> Rectangle:
    """The part of an image of width x height pixels that gives texture to a hole.

    Args:
        box: of the hole.
        thickness: of the hole, pixels.
        context: one of `wire.messages.CONTEXTS`.
        distance: from the box to the farthest texture, pixels; 0 leaves it to `context`.

    Returns:
        A rectangle whose pixels lie on the image's grid also after they are halved `detail_levels` times.
    """
    if context == "all" and not distance:
        return Rectangle(0, 0, width, height)
    margin = distance or max(_LEAST_MARGIN, math.ceil(_HOLE_WIDTHS * min(box.width, box.height))) * (
        2 if context == "more" else 1
    )
    return grown(box, margin, width, height, 1 << detail_levels(thickness))
