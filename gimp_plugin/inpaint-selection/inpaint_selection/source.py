"""The pixels that the fill is made from: a layer's own, or what is visible."""

from __future__ import annotations

import gi

gi.require_version("Babl", "0.1")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402
from wire.geometry import Rectangle  # noqa: E402

from .areas import moved  # noqa: E402
from .pixel_format import PixelFormat  # noqa: E402
from .refusals import Deleted  # noqa: E402


class Source:
    """A drawable to read from.

    Attributes:
        extent: where it lies, in pixels of the image.
        format: how its pixels are sent.
    """

    def __init__(self, drawable: Gimp.Drawable) -> None:
        self._drawable = drawable
        self.extent = extent_of(drawable)
        self.format = PixelFormat.of(stored_encoding(drawable))

    def read(self, area: Rectangle) -> bytes:
        """The pixels of an area of the image, which lies in the extent, in `format`.

        Raises:
            Deleted: the drawable is not there any more; GIMP itself would say that, too, and not as well.
        """
        if not self._drawable.is_valid():
            raise Deleted()
        place = moved(area, -self.extent.x, -self.extent.y)
        name = in_own_space(self._drawable, self.format.encoding)
        return self._drawable.get_buffer().get(Gegl.Rectangle.new(*place), 1.0, name, Gegl.AbyssPolicy.NONE)


def extent_of(drawable: Gimp.Drawable) -> Rectangle:
    """Where a drawable lies, in pixels of the image."""
    _ok, x, y = drawable.get_offsets()
    return Rectangle(x, y, drawable.get_width(), drawable.get_height())


def stored_encoding(drawable: Gimp.Drawable) -> str:
    """Babl's encoding of what is stored, such as `R'G'B'A u16`."""
    return str(Babl.format_get_encoding(drawable.get_format()))


def in_own_space(drawable: Gimp.Drawable, encoding: str) -> str:
    """The name of a format in the drawable's colour space; a plain name would convert to sRGB's primaries."""
    return str(Babl.get_name(Babl.format_with_space(encoding, drawable.get_format())))


def visible(image: Gimp.Image) -> Gimp.Layer:
    """What is visible, as a layer that is in no image. Whoever asks deletes it."""
    return Gimp.Layer.new_from_visible(image, image, "visible")
