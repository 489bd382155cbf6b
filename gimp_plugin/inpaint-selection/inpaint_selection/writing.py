"""Bringing the fill into the image, in one step of undo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from gi.repository import Gegl, Gimp
from wire.geometry import Rectangle

from .areas import moved
from .hole import Hole, coverage_channel, write_coverage
from .refusals import Refusal
from .samples import spliced
from .source import extent_of, in_own_space, stored_encoding
from .texts import _

_PARASITE = "inpaint-selection"


class Fill(NamedTuple):
    """The pixels that the daemon made, for the area of the hole.

    Attributes:
        encoding: babl's encoding of `pixels`, in the colour space of the image.
        pixels: rows from the top, without gaps.
        report: a line that tells what made it: model, device, time.
    """

    encoding: str
    pixels: bytes
    report: str


def write_in_place(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, fill: Fill) -> None:
    """Blends the fill into the layer by the hole's coverage; pixels without any keep every bit.

    Raises:
        Refusal: GIMP does not let the layer be changed.
    """
    extent = extent_of(layer)
    place = moved(hole.area, -extent.x, -extent.y)
    stored = stored_encoding(layer)
    old = _read(layer, place, stored)
    with _one_undo_step(image), _selected(image, hole):
        shadow = layer.get_shadow_buffer()
        _set(shadow, place, in_own_space(layer, fill.encoding), fill.pixels)
        if not layer.merge_shadow(True):
            raise Refusal(_("GIMP did not let {layer} be changed.").format(layer=layer.get_name()))
        # GIMP blends in numbers that hold neither 16-bit nor floating point samples exactly, so the pixels that the
        # fill does not touch are put back bit by bit. Undo is not concerned: it has kept the whole area.
        new = _read(layer, place, stored)
        _set(layer.get_buffer(), place, in_own_space(layer, stored), spliced(old, new, hole.coverage))
        layer.update(*place)
        _attach_report(layer, fill)


def write_new_layer(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, fill: Fill) -> None:
    """Puts the fill into a new layer above `layer`, with the hole's coverage as its mask."""
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if grey else Gimp.ImageType.RGBA_IMAGE
    whole = Rectangle(0, 0, hole.area.width, hole.area.height)
    with _one_undo_step(image):
        new = Gimp.Layer.new(image, _("Inpainted"), whole.width, whole.height, kind, 100.0, Gimp.LayerMode.NORMAL)
        image.insert_layer(new, layer.get_parent(), image.get_item_position(layer))
        new.set_offsets(hole.area.x, hole.area.y)
        _set(new.get_buffer(), whole, in_own_space(new, fill.encoding), fill.pixels)
        mask = new.create_mask(Gimp.AddMaskType.BLACK)
        new.add_mask(mask)
        write_coverage(mask, whole, hole.coverage)
        new.set_edit_mask(False)
        new.update(*whole)
        _attach_report(new, fill)
        # The next selection is meant for the same layer.
        image.set_selected_layers([layer])


def _read(layer: Gimp.Layer, place: Rectangle, stored: str) -> bytes:
    return layer.get_buffer().get(Gegl.Rectangle.new(*place), 1.0, in_own_space(layer, stored), Gegl.AbyssPolicy.NONE)


def _set(buffer: Gegl.Buffer, place: Rectangle, name: str, pixels: bytes) -> None:
    # A wrong length would be a line on standard error, and nothing written.
    area = place.width * place.height
    assert len(pixels) % area == 0
    buffer.set(Gegl.Rectangle.new(*place), name, pixels)
    buffer.flush()


@contextlib.contextmanager
def _one_undo_step(image: Gimp.Image) -> Iterator[None]:
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()
        Gimp.displays_flush()


@contextlib.contextmanager
def _selected(image: Gimp.Image, hole: Hole) -> Iterator[None]:
    """Makes the hole the selection, and brings back the user's: the one of this moment, not of the start."""
    layers = image.get_selected_layers()
    users = None if Gimp.Selection.is_empty(image) else Gimp.Selection.save(image)
    channel = coverage_channel(image, hole.area, hole.coverage)
    image.select_item(Gimp.ChannelOps.REPLACE, channel)
    try:
        yield
    finally:
        image.remove_channel(channel)
        if users is None:
            Gimp.Selection.none(image)
        else:
            image.select_item(Gimp.ChannelOps.REPLACE, users)
            image.remove_channel(users)
        image.set_selected_layers(layers)


def _attach_report(layer: Gimp.Layer, fill: Fill) -> None:
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    layer.attach_parasite(Gimp.Parasite.new(_PARASITE, flags, fill.report.encode()))
