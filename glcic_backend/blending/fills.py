"""Fills of a photograph in; fills blended into their surroundings out (section 3.5.1), with bounded memory."""

from collections.abc import Callable

import numpy as np

from glcic_backend.blending import blend, rim_noise
from glcic_backend.errors import CancelledError
from glcic_backend.scene.fill import Fill, paste
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices, union
from glcic_backend.wire.geometry import Rectangle

BLEND_MARGIN = 4 + rim_noise.RADIUS
"""Known pixels round the holes that blending looks at: the radius of the fast march, one, and what tells noise."""

_MAX_BLEND_PIXELS = 2048 * 2048
"""Regions that cut one hole are blended together up to this area; beyond, one after the other."""


def blend_fills(
    photograph: Photograph,
    fills: list[Fill],
    progress: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
) -> None:
    """Blend fills into their surroundings, in place.

    Args:
        progress: told the finished share, 0..1.
        cancelled: polled between the solver's cycles.

    Raises:
        CancelledError: `cancelled` returned True.
    """

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while it was being blended.")

    finished: list[Fill] = []
    for group in _touching_groups(fills):
        box = group[0].region
        for fill in group[1:]:
            box = union(box, fill.region)
        crop = grown(box, BLEND_MARGIN, photograph.width, photograph.height)
        surroundings = photograph.rgb(crop)
        known = photograph.known[slices(crop)].copy()
        check()
        # Where a hole was cut, the part that is finished is what the next one has to meet.
        paste(finished, crop, surroundings, known)
        check()
        completion = surroundings.copy()
        to_fill = np.zeros(known.shape, np.bool_)
        paste(group, crop, completion, to_fill)
        to_fill &= ~known
        check()
        calm = rim_noise.without_noise(surroundings, known, check)
        check()
        blended = blend(completion, calm, to_fill, known, cancelled)
        check()
        blended[~to_fill] = surroundings[~to_fill]
        check()
        for fill in group:
            inner = fill.region._replace(x=fill.region.x - crop.x, y=fill.region.y - crop.y)
            fill.colour = blended[slices(inner)]
        finished += group
        progress(len(finished) / len(fills))


def _touching_groups(fills: list[Fill]) -> list[list[Fill]]:
    """Group the fills whose regions touch, which may share a hole, as long as a group stays small enough."""
    groups: list[tuple[Rectangle, list[Fill]]] = []
    for fill in fills:
        box, members = fill.region, [fill]
        for other in list(groups):
            joint = union(box, other[0])
            touches = any(_touch(fill.region, member.region) for member in other[1])
            if touches and joint.width * joint.height <= _MAX_BLEND_PIXELS:
                groups.remove(other)
                box, members = joint, other[1] + members
        groups.append((box, members))
    return [members for _, members in groups]


def _touch(a: Rectangle, b: Rectangle) -> bool:
    return a.x <= b.right and b.x <= a.right and a.y <= b.bottom and b.y <= a.bottom
