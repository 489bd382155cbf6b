"""Whether a fill will look, where it is put, as its source looks."""

from __future__ import annotations

from collections.abc import Iterator

from gi.repository import Gegl, Gimp

from .areas import common, moved
from .arguments import IN_PLACE, Options
from .checks import unchangeable
from .hole import Hole, read_coverage
from .refusals import Refusal
from .samples import any_common, hole_of, inverted
from .source import extent_of
from .texts import _

_PLAIN = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY, Gimp.LayerMode.PASS_THROUGH)


def check(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, options: Options) -> None:
    """Whether the fill's colours are seen as they are.

    A layer's own pixels look the same in the layer, and what is visible looks the same on top of all. What is put
    elsewhere must not be changed by anything on the way to the screen.

    Raises:
        Refusal: they are not; it names the option that works.
    """
    if options.result == IN_PLACE and options.sample_merged:
        for item in (layer, *_parents(layer)):
            why = _change(item, hole)
            if why:
                raise Refusal(
                    _(
                        "What is visible would look different in “{layer}”: {why}. Choose the result New layer, which "
                        "goes on top of all, or untick Sample merged."
                    ).format(layer=item.get_name(), why=why)
                )
        above = _seen_above(image, layer, hole)
        if above is not None:
            raise Refusal(
                _(
                    "“{above}” lies above “{layer}” and is seen in the selection, so the fill would be seen through "
                    "it. Choose the result New layer, which goes on top of all, or untick Sample merged."
                ).format(above=above.get_name(), layer=layer.get_name())
            )
    if options.result != IN_PLACE and not options.sample_merged:
        why = _change(layer, hole)
        if why:
            raise Refusal(
                _("A fill above “{layer}” would look different from it: {why}. {remedy}").format(
                    layer=layer.get_name(), why=why, remedy=_remedy(layer)
                )
            )


def check_transparency(layer: Gimp.Layer, options: Options, shows_through: bool) -> None:
    """Whether a fill covers what it is put upon.

    Args:
        shows_through: the fill is not opaque where its source showed something.

    Raises:
        Refusal: it does not.
    """
    if not shows_through or (options.result == IN_PLACE and not options.sample_merged):
        return
    if options.sample_merged:
        remedy = _("Choose the result In place, without Sample merged, on the layer that shows it.")
    else:
        remedy = _remedy(layer)
    raise Refusal(
        _(
            "The picture is partly transparent here, and so is the fill: what is to be removed would shine through "
            "it. {remedy}"
        ).format(remedy=remedy)
    )


def _remedy(layer: Gimp.Layer) -> str:
    """What to do where a fill cannot lie above a layer."""
    if unchangeable(layer) is None:
        return _("Choose the result In place.")
    return _("Tick Sample merged.")


def _parents(layer: Gimp.Layer) -> Iterator[Gimp.Layer]:
    parent = layer.get_parent()
    while parent is not None:
        yield parent
        parent = parent.get_parent()


def _change(item: Gimp.Layer, hole: Hole) -> str | None:
    """What makes the item look different from its pixels in the hole; None if nothing does."""
    if any(each.get_visible() for each in item.get_filters()):
        return _("it has filters that are not merged")
    if item.get_opacity() < 100:
        return _("its opacity is not 100 %")
    if item.get_mode() not in _PLAIN:
        return _("its mode is not Normal")
    mask = item.get_mask()
    if mask is not None and item.get_apply_mask():
        extent = extent_of(item)
        shown = read_coverage(mask, moved(hole.area, -extent.x, -extent.y))
        if any_common(hole_of(hole.coverage), hole_of(inverted(shown))):
            return _("its layer mask hides a part of the selection")
    return None


def _seen_above(image: Gimp.Image, layer: Gimp.Layer, hole: Hole) -> Gimp.Layer | None:
    """A layer above that is seen in the hole."""
    for item in (layer, *_parents(layer)):
        parent = item.get_parent()
        siblings = parent.get_children() if parent is not None else image.get_layers()
        for other in siblings[: image.get_item_position(item)]:
            if other.get_visible() and other.get_opacity() > 0 and _is_in(other, hole):
                return other
    return None


def _is_in(layer: Gimp.Layer, hole: Hole) -> bool:
    extent = extent_of(layer)
    if common(extent, hole.area) is None:
        return False
    place = Gegl.Rectangle.new(*moved(hole.area, -extent.x, -extent.y))
    alpha = layer.get_buffer().get(place, 1.0, "YA u8", Gegl.AbyssPolicy.NONE)[1::2]
    return any_common(hole_of(hole.coverage), alpha)
