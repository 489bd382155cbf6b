"""What cannot be filled, and why."""

from __future__ import annotations

from gi.repository import Gimp

from .arguments import IN_PLACE, Options
from .refusals import Deleted, Refusal
from .texts import _

_QUICK_MASK = "Qmask"
"""GIMP's name, in every language, of the channel that the Quick Mask is."""


def only_layer(image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """The layer to fill, when there is one, and a selection to fill in it.

    Raises:
        Refusal
    """
    if image.get_channel_by_name(_QUICK_MASK) is not None:
        raise Refusal(_("The Quick Mask is on. Switch it off with Shift+Q, so that it becomes the selection."))
    if image.get_floating_sel() is not None:
        raise Refusal(_("There is a floating selection. Anchor it first, with Layer > Anchor Floating Selection."))
    if len(drawables) != 1:
        raise Refusal(
            _("{count} layers are selected. Select exactly one, by a click in the Layers dialog.").format(
                count=len(drawables)
            )
        )
    (layer,) = drawables
    if layer.is_layer_mask():
        raise Refusal(
            _("The layer mask is selected, not the layer. Click on the layer's own thumbnail in the Layers dialog.")
        )
    if not layer.is_layer():
        raise Refusal(_("A channel is selected, not a layer. Click on the layer in the Layers dialog."))
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Refusal(
            _("This image has a colour palette, which rarely holds the colours of a fill. Use Image > Mode > RGB.")
        )
    if Gimp.Selection.is_empty(image):
        raise Refusal(_("Nothing is selected. Draw a selection round what is to be removed, then try again."))
    return layer


def target(layer: Gimp.Layer, options: Options) -> None:
    """Whether the layer's pixels can be changed, where the options want that.

    Raises:
        Refusal
    """
    why = unchangeable(layer)
    if options.result == IN_PLACE and why is not None:
        raise Refusal(why)


def unchangeable(layer: Gimp.Layer) -> str | None:
    """Why the layer's pixels cannot be changed, and what to do instead; None if they can."""
    if layer.is_group():
        return _("“{layer}” is a group of layers. Select a layer in it, or choose the result New layer.").format(
            layer=layer.get_name()
        )
    if not _holds_pixels(layer):
        return _(
            "“{layer}” is made from text, a link or a path, and would become plain pixels. Choose the result New "
            "layer and tick Sample merged, or rasterise it first."
        ).format(layer=layer.get_name())
    locked = layer
    while locked is not None:
        # A lock binds all that lies in a group, but only the group itself says so.
        if locked.get_lock_content():
            return _(
                "The pixels of “{layer}” are locked. Unlock them in the Layers dialog, or choose the result New layer."
            ).format(layer=locked.get_name())
        locked = locked.get_parent()
    return None


def still_there(image: Gimp.Image, layer: Gimp.Layer) -> None:
    """Whether there is still something to write to in an open image, after the wait for the fill.

    Raises:
        Refusal
    """
    if not layer.is_valid() or layer.get_image() != image:
        raise Deleted()
    if image.get_floating_sel() is not None:
        raise Refusal(_("Something was pasted or floated meanwhile, so nothing was changed. Anchor it and try again."))


def _holds_pixels(layer: Gimp.Layer) -> bool:
    # Link and vector layers are new in GIMP 3.2, and so is that a layer of any such kind can be rasterised and still
    # say that it is one.
    if hasattr(layer, "is_rasterized") and layer.is_rasterized():
        return True
    kinds = ("is_text_layer", "is_link_layer", "is_vector_layer")
    return not any(getattr(layer, kind)() for kind in kinds if hasattr(layer, kind))
