"""What cannot be filled, and why."""

from __future__ import annotations

from gi.repository import Gimp

from .arguments import IN_PLACE, Options
from .refusals import Refusal
from .texts import _


def only_layer(image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """The layer to fill, when there is one, and a selection to fill in it.

    Raises:
        Refusal
    """
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
    """Whether the result can go where the options want it.

    Raises:
        Refusal
    """
    if options.result != IN_PLACE:
        if not options.sample_merged and layer.get_filters():
            raise Refusal(
                _(
                    "The layer has filters that are not merged, so a fill above it would look different. Tick Sample "
                    "merged, choose the result In place, or merge the filters first."
                )
            )
        return
    if layer.is_group():
        raise Refusal(
            _("{layer} is a group of layers. Select a layer in it, or choose the result New layer.").format(
                layer=layer.get_name()
            )
        )
    if not _holds_pixels(layer):
        raise Refusal(
            _(
                "{layer} is made from text, a link or a path, and would become plain pixels. Choose the result New "
                "layer, or rasterise it first."
            ).format(layer=layer.get_name())
        )
    locked = layer
    while locked is not None:
        # A lock binds all that lies in a group, but only the group itself says so.
        if locked.get_lock_content():
            raise Refusal(
                _(
                    "The pixels of {layer} are locked. Unlock them in the Layers dialog, or choose the result New "
                    "layer."
                ).format(layer=locked.get_name())
            )
        locked = locked.get_parent()


def still_there(image: Gimp.Image, layer: Gimp.Layer) -> None:
    """Whether there is still something to write to, after the wait for the fill.

    Raises:
        Refusal
    """
    if not image.is_valid() or not layer.is_valid() or layer.get_image() != image:
        raise Refusal(_("The image or its layer was closed meanwhile, so there is nothing to put the fill into."))
    if image.get_floating_sel() is not None:
        raise Refusal(_("Something was pasted or floated meanwhile, so nothing was changed. Anchor it and try again."))


def _holds_pixels(layer: Gimp.Layer) -> bool:
    # Link and vector layers are new in GIMP 3.2.
    kinds = ("is_text_layer", "is_link_layer", "is_vector_layer")
    return not any(getattr(layer, kind)() for kind in kinds if hasattr(layer, kind))
