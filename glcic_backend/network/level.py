"""A hole's thickness in; the scale at which the network fills it, and what it sees there, out.

*Level* l is a copy of the photograph that is 2^l times smaller.
"""

import math

from glcic_backend.network import region
from glcic_backend.wire.geometry import Rectangle


def network_level(thickness: float, largest: int) -> int:
    """The finest level at which a hole is no thicker than `largest` pixels."""
    return max(0, math.ceil(math.log2(max(thickness, 1) / largest)))


def network_window(width: int, height: int, box: Rectangle, level: int) -> Rectangle:
    """The part of an image of width x height pixels that the network can see from a hole within `box`, at a level.

    It may reach beyond the image, to whole pixels of the smaller copy.
    """
    step = 1 << level
    x, y = box.x // step, box.y // step
    small = Rectangle(x, y, -(-box.right // step) - x, -(-box.bottom // step) - y)
    seen = region.context_rectangle(-(-width // step), -(-height // step), small)
    return Rectangle(*(step * side for side in seen))
