"""Lines to follow: a path of the image as the lines that the daemon is sent."""

from __future__ import annotations

from gi.repository import Gimp
from wire.checked import MAX_CORNERS, MAX_LINES

from .arguments import Options
from .hole import Hole
from .refusals import Refusal
from .strokes import across
from .texts import _

_PRECISION = 0.5
"""Of the corners that GIMP makes of a curve, pixels."""


def read_lines(image: Gimp.Image, hole: Hole, options: Options) -> list[list[float]]:
    """Those parts of the path of the options that lead through a hole, as the x and y of their corners in the image.

    Raises:
        Refusal: there is no such path, it does not lead through, or it has too many corners.
    """
    if not options.path:
        return []
    path = image.get_path_by_name(options.path)
    if path is None:
        raise Refusal(
            _("The image has no path “{path}”, which should be followed. Choose another one.").format(path=options.path)
        )
    lines = [part for stroke in path.get_strokes() for part in across(_corners(path, stroke), *hole)]
    if not lines:
        raise Refusal(
            _(
                "The path “{path}” does not lead through the selection. Draw it along the edge to be followed, from "
                "before the selection to beyond it."
            ).format(path=options.path)
        )
    if len(lines) > MAX_LINES or sum(map(len, lines)) > MAX_CORNERS:
        raise Refusal(
            _("The path “{path}” is too intricate. Draw only the edges to be followed.").format(path=options.path)
        )
    return [[value for corner in line for value in corner] for line in lines]


def _corners(path: Gimp.Path, stroke: int) -> list[tuple[float, float]]:
    values, is_closed = path.stroke_interpolate(stroke, _PRECISION)
    corners = [(values[place], values[place + 1]) for place in range(0, len(values), 2)]
    return [*corners, corners[0]] if is_closed and corners else corners
