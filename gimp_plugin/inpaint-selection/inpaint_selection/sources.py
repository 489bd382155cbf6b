"""Where detail may be copied from: a channel of the image as the mask that the daemon is sent."""

from __future__ import annotations

from typing import NamedTuple

from gi.repository import Gegl, Gimp
from wire.geometry import Rectangle

from .areas import bounds_of
from .arguments import MAX_DISTANCE, ONLY, Options
from .refusals import Refusal
from .samples import hole_of, inverted
from .source import in_own_space, stored_encoding
from .texts import _


class Sources(NamedTuple):
    """Where detail may be copied from.

    Attributes:
        channel: that marks it; None if nothing does.
        only: it marks what may be copied, not what may not.
        distance: how far it may be copied from, pixels; 0 leaves that to the context.
    """

    channel: Gimp.Channel | None
    only: bool
    distance: int

    def mask(self, area: Rectangle) -> bytes:
        """One byte for each pixel of an area of the image, 255 where it may be copied, else 0; empty for anywhere."""
        if self.channel is None:
            return b""
        marked = hole_of(_coverage(self.channel, area))
        return marked if self.only else inverted(marked)


def read_sources(image: Gimp.Image, hole: Rectangle, options: Options) -> Sources:
    """Where the options want detail to be copied from, for a hole.

    Unless they say how far, all that is to be copied from is within reach.

    Raises:
        Refusal: there is no such channel, or it marks nothing.
    """
    if not options.channel:
        return Sources(None, False, options.distance)
    channel = image.get_channel_by_name(options.channel)
    if channel is None:
        raise Refusal(
            _("The image has no channel “{channel}”, which should say where to copy from. Choose another one.").format(
                channel=options.channel
            )
        )
    only = options.channel_use == ONLY
    distance = options.distance
    if only and not distance:
        canvas = Rectangle(0, 0, image.get_width(), image.get_height())
        marked = bounds_of(_coverage(channel, canvas), canvas.width)
        if marked is None:
            raise Refusal(
                _("The channel “{channel}” marks nothing to copy from. Paint it white there.").format(
                    channel=options.channel
                )
            )
        distance = min(MAX_DISTANCE, max(1, hole.reach(marked)))
    return Sources(channel, only, distance)


def _coverage(channel: Gimp.Channel, area: Rectangle) -> bytes:
    # A channel of an image of 8 bits has a curve without a meaning: GIMP takes its stored values for coverage.
    encoding = "Y' u8" if "'" in stored_encoding(channel) else "Y u8"
    name = in_own_space(channel, encoding)
    return channel.get_buffer().get(Gegl.Rectangle.new(*area), 1.0, name, Gegl.AbyssPolicy.NONE)
