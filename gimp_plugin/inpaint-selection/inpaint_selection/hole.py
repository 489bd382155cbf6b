"""The hole: the selection, grown and softened, as a mask."""

from __future__ import annotations

import math
from typing import NamedTuple

from gi.repository import Gegl, Gimp
from wire.geometry import Rectangle

from .areas import common, widened
from .arguments import Options
from .refusals import Refusal
from .samples import cut_out
from .source import in_own_space, stored_encoding
from .texts import _

# A value is 255 times the coverage. Selections and layer masks are linear, and `Y' u8` would bend them, but channels of
# images of 8 non-linear bits have that curve, without a meaning: GIMP takes their stored values for coverage.
_COVERAGE, _CURVED = "Y u8", "Y' u8"


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
    _ok, _selected, left, top, right, bottom = Gimp.Selection.bounds(image)
    area = Rectangle(left, top, right - left, bottom - top)
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
    """Writes the coverage of an area into a channel or layer mask, without undo."""
    assert len(coverage) == area.width * area.height
    encoding = _CURVED if "'" in stored_encoding(channel) else _COVERAGE
    buffer = channel.get_buffer()
    buffer.set(Gegl.Rectangle.new(*area), in_own_space(channel, encoding), coverage)
    buffer.flush()
    channel.update(*area)


def coverage_channel(image: Gimp.Image, area: Rectangle, coverage: bytes) -> Gimp.Channel:
    """A new channel of the image, black but for the area."""
    channel = Gimp.Channel.new(
        image, "Inpaint selection", image.get_width(), image.get_height(), 0.0, Gegl.Color.new("black")
    )
    image.insert_channel(channel, None, 0)
    channel.set_visible(False)
    write_coverage(channel, area, coverage)
    return channel


def _grown(coverage: bytes, area: Rectangle, larger: Rectangle, options: Options) -> bytes:
    """The coverage of `larger` after growing and softening: GIMP's own, in an image that nobody sees."""
    image = Gimp.Image.new(larger.width, larger.height, Gimp.ImageBaseType.GRAY)
    try:
        image.undo_disable()
        place = area._replace(x=area.x - larger.x, y=area.y - larger.y)
        image.select_item(Gimp.ChannelOps.REPLACE, coverage_channel(image, place, coverage))
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
