"""Bringing the fill into the image, in one step of undo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from gi.repository import Gegl, Gimp
from wire.geometry import Rectangle

from .areas import moved
from .hole import Hole, selected, write_coverage
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
        shows_through: it is not opaque where its source showed something.
        report: a line that tells what made it: model, device, variant, time.
    """

    encoding: str
    pixels: bytes
    shows_through: bool
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
    with _one_undo_step(image), selected(image, hole):
        shadow = layer.get_shadow_buffer()
        _set(shadow, place, in_own_space(layer, fill.encoding), fill.pixels)
        if not layer.merge_shadow(True):
            raise Refusal(_("GIMP did not let “{layer}” be changed.").format(layer=layer.get_name()))
        # GIMP blends in numbers that hold neither 16-bit nor floating point samples exactly, so the pixels that the
        # fill does not touch are put back bit by bit. Undo is not concerned: it has kept the whole area.
        new = _read(layer, place, stored)
        _set(layer.get_buffer(), place, in_own_space(layer, stored), spliced(old, new, hole.coverage))
        layer.update(*place)
        # Not to the layer: GIMP's undo of a layer's parasite ends a group of steps that it never began, and complains.
        image.attach_parasite(_report(fill))


def write_new_layer(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, fill: Fill, on_top: bool) -> None:
    """Puts the fill into a new layer, with the hole's coverage as its mask.

    Args:
        on_top: of all layers; else directly above `layer`.
    """
    with _one_undo_step(image):
        new = _new_layer(image, hole, fill, _("Inpainted"))
        image.insert_layer(new, *_place(image, layer, on_top))
        new.set_offsets(hole.area.x, hole.area.y)
        _mask(new, hole)
        # The next selection is meant for the same layer.
        image.set_selected_layers([layer])


def write_several(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, fills: list[Fill], on_top: bool) -> None:
    """Puts several fills into layers of a new group, the first visible, with the hole's coverage as the group's mask.

    Args:
        on_top: of all layers; else directly above `layer`.
    """
    with _one_undo_step(image):
        group = Gimp.GroupLayer.new(image, _("Inpainted"))
        image.insert_layer(group, *_place(image, layer, on_top))
        for number, fill in enumerate(fills, 1):
            new = _new_layer(image, hole, fill, _("Variant {number}").format(number=number))
            new.set_visible(number == 1)
            image.insert_layer(new, group, number - 1)
            new.set_offsets(hole.area.x, hole.area.y)
        _mask(group, hole)
        image.set_selected_layers([layer])


def _place(image: Gimp.Image, layer: Gimp.Layer, on_top: bool) -> tuple[Gimp.Layer | None, int]:
    """The parent and position of what is put above a layer, or of all."""
    return (None, 0) if on_top else (layer.get_parent(), image.get_item_position(layer))


def _new_layer(image: Gimp.Image, hole: Hole, fill: Fill, name: str) -> Gimp.Layer:
    """A layer with the fill, which is in no image yet."""
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if grey else Gimp.ImageType.RGBA_IMAGE
    new = Gimp.Layer.new(image, name, hole.area.width, hole.area.height, kind, 100.0, Gimp.LayerMode.NORMAL)
    whole = hole.area._replace(x=0, y=0)
    _set(new.get_buffer(), whole, in_own_space(new, fill.encoding), fill.pixels)
    new.update(*whole)
    new.attach_parasite(_report(fill))
    return new


def _mask(layer: Gimp.Layer, hole: Hole) -> None:
    """Gives a layer that lies on the hole's area, or a group of such, the hole's coverage as its mask."""
    mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(mask)
    write_coverage(mask, hole.area._replace(x=0, y=0), hole.coverage)
    layer.set_edit_mask(False)


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


def _report(fill: Fill) -> Gimp.Parasite:
    return Gimp.Parasite.new(_PARASITE, Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, fill.report.encode())
