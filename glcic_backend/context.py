"""A hole's rectangle in; the part of the image out that a completion can read.

Whatever each step of a completion looks at follows from a hole's box and thickness and grows with them. So what is
reckoned here for a rectangle round the holes contains what each of them needs.
"""

from glcic_backend.blending.calm_rims import rim_halvings, rim_window
from glcic_backend.detail.window import detail_levels, detail_window
from glcic_backend.network.completion_network import SIZE_MULTIPLE
from glcic_backend.network.level import largest_level, network_window
from glcic_backend.scene.holes import largest_thickness
from glcic_backend.scene.rectangles import grown, union
from glcic_backend.scene.rim import FARTHEST
from glcic_backend.wire.geometry import Rectangle


def context_rectangle(
    width: int, height: int, box: Rectangle, largest: int, *, details: bool, context: str, distance: int
) -> Rectangle:
    """The part of an image that a completion of holes within a rectangle can read.

    Args:
        width, height: of the image, in pixels.
        box: rectangle that contains the holes.
        largest: thickness up to which the network fills holes at full size, pixels.
        details: details are transferred.
        context: one of `wire.messages.CONTEXTS`.
        distance: how far texture may come from, pixels; 0 leaves it to `context`.

    Returns:
        A rectangle that begins on the grids of the network and of the details.
    """
    box = grown(box, FARTHEST, width, height)  # of the mask's rim, a part may have to be filled as well
    thickness = largest_thickness(width, height, box)
    level = largest_level(box, thickness, largest)
    needed = union(network_window(width, height, box, level), rim_window(width, height, box, thickness))
    grid = max(SIZE_MULTIPLE << level, 1 << rim_halvings(thickness))
    if details:
        needed = union(needed, detail_window(width, height, box, thickness, context, distance))
        grid = max(grid, 1 << detail_levels(thickness))
    return grown(needed, 0, width, height, grid)
