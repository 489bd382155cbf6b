"""The hole: the selection, grown and softened, as a mask."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import NamedTuple

from gi.repository import Gegl, Gimp
from wire.geometry import Rectangle

from .areas import common, enclosing, moved, widened
from .arguments import Options
from .refusals import Refusal
from .samples import cut_out, padded
from .source import in_own_space
from .texts import _

# A value is 255 times the coverage. Selections and layer masks are linear, and `Y' u8` would bend them.
_COVERAGE = "Y u8"


class Hole(NamedTuple):
    """What is to be filled.

    Attributes:
        area: its bounding box or a little more, in pixels of the image.
        coverage: one byte for each pixel of the area: 0 outside the hole, 255 wholly inside, between on a soft edge.
    """

    area: Rectangle
    coverage: bytes


def read_hole(image: Gimp.Image, options: Options, within: Rectangle) -> Hole:
    """The selection as the options want it, as far as it lies in `within`, a rectangle of the image.

    Raises:
        Refusal: nothing of it does.
    """
    area = _bounds(image)
    coverage = read_coverage(image.get_selection(), area)
    if options.grow or options.soften:
        margin = options.grow + math.ceil(options.soften) + 2
        canvas = Rectangle(0, 0, image.get_width(), image.get_height())
        larger = common(widened(area, margin), canvas) or area
        coverage = _grown(coverage, area, larger, options)
        area = larger
    inside = common(area, within)
    if inside is None or not any(coverage := cut_out(coverage, area, inside)):
        raise Refusal(
            _("The selection lies wholly outside the layer. Select the layer that shows what is to be removed.")
        )
    return Hole(inside, coverage)


def read_coverage(channel: Gimp.Drawable, area: Rectangle) -> bytes:
    """The coverage of an area by a selection or channel, 0 outside of it."""
    return channel.get_buffer().get(Gegl.Rectangle.new(*area), 1.0, _COVERAGE, Gegl.AbyssPolicy.NONE)


def write_coverage(channel: Gimp.Drawable, area: Rectangle, coverage: bytes) -> None:
    """Writes the coverage of an area into the selection or a layer mask, without undo."""
    assert len(coverage) == area.width * area.height
    buffer = channel.get_buffer()
    buffer.set(Gegl.Rectangle.new(*area), in_own_space(channel, _COVERAGE), coverage)
    buffer.flush()
    channel.update(*area)


@contextlib.contextmanager
def selected(image: Gimp.Image, hole: Hole) -> Iterator[None]:
    """Makes the hole the selection, and brings back the user's: the one of this moment, not of the start.

    Mostly it is the selection already. To write to that, GIMP looks at all of its pixels anew, several times.

    The selection's pixels themselves are exchanged, which leaves no trace in the undo history. A channel that keeps
    them would: after undo, no layer would be selected any more.
    """
    selection = image.get_selection()
    place = hole.area
    if not Gimp.Selection.is_empty(image):
        place = enclosing(place, _bounds(image))
    users = read_coverage(selection, place)
    wanted = padded(hole.coverage, hole.area, place)
    if users == wanted:
        yield
        return
    write_coverage(selection, place, wanted)
    try:
        yield
    finally:
        write_coverage(selection, place, users)


def _bounds(image: Gimp.Image) -> Rectangle:
    _ok, _selected, left, top, right, bottom = Gimp.Selection.bounds(image)
    return Rectangle(left, top, right - left, bottom - top)


def _grown(coverage: bytes, area: Rectangle, larger: Rectangle, options: Options) -> bytes:
    """The coverage of `larger` after growing and softening: GIMP's own, in an image that nobody sees."""
    image = Gimp.Image.new(larger.width, larger.height, Gimp.ImageBaseType.GRAY)
    try:
        image.undo_disable()
        write_coverage(image.get_selection(), moved(area, -larger.x, -larger.y), coverage)
        # A soft edge lies outside, so that none of what is to be removed shines through: feathering fades over its
        # radius on either side, so half of the width to either side of an edge that is moved out by that half.
        grow = options.grow + math.ceil(options.soften / 2)
        if grow:
            Gimp.Selection.grow(image, grow)
        if options.soften:
            Gimp.Selection.feather(image, options.soften / 2)
        return read_coverage(image.get_selection(), Rectangle(0, 0, larger.width, larger.height))
    finally:
        image.delete()
