"""A fill looks, where it is put, as what was there; or a sentence refuses it and names the option that works."""

import numpy as np
import pytest

from .pictures import HOLE, changed, photograph, stored

FILTER = "layer.append_filter(Gimp.DrawableFilter.new(layer, 'gegl:invert-linear', 'invert'))"
GROUP = (
    "group = Gimp.GroupLayer.new(image, 'a group'); image.insert_layer(group, None, 0)\n"
    "image.reorder_item(layer, group, 0)\n"
)
MASK = (
    "image.select_rectangle(REPLACE, 0, 0, 150, 160); mask = layer.create_mask(Gimp.AddMaskType.SELECTION)\n"
    "layer.add_mask(mask); layer.set_edit_mask(False); image.select_rectangle(REPLACE, 120, 60, 60, 40)"
)
BELOW = (
    "Gimp.context_set_foreground(Gegl.Color.new('#3060c0'))\n"
    "below = add_layer(image, 300, 160, position=1); below.edit_fill(Gimp.FillType.FOREGROUND)\n"
)
"""All of it, because there is no selection yet."""

CHANGES = {
    "filter": (FILTER, "filters that are not merged"),
    "opacity": ("layer.set_opacity(35)", "opacity is not 100 %"),
    "mode": ("layer.set_mode(Gimp.LayerMode.MULTIPLY)", "mode is not Normal"),
    "mask": (MASK, "layer mask hides a part"),
}


@pytest.fixture
def shown(picture):
    """The photograph in 8 bits above a blue layer, with the hole selected."""
    made = picture(stored(photograph(), "U8_NON_LINEAR", alpha=np.ones((160, 300))))
    made.run(BELOW)
    made.select()
    return made


def seen(shown):
    return shown.pixels("Gimp.Layer.new_from_visible(image, image, 'seen')")[..., :3].astype(int)


def filled(picture, pixels):
    """What a picture of these pixels, uint8, looks like once its hole is filled."""
    plain = picture(pixels.astype(np.uint8))
    plain.select()
    assert plain.inpaint() == ""
    return plain.pixels()[..., :3].astype(int)


@pytest.mark.parametrize("change", CHANGES)
def test_a_new_layer_above_one_that_is_not_shown_as_it_is_is_refused_and_in_place_works(shown, picture, change):
    code, why = CHANGES[change]
    shown.run(code)
    before = seen(shown)

    message = shown.inpaint(result="new-layer")

    assert why in message and "Choose the result In place." in message
    assert np.array_equal(seen(shown), before)
    assert shown.inpaint() == ""
    own = shown.pixels()[..., :3]
    assert np.array_equal(own, filled(picture, shown.before))  # to which the change applies as to what was there


@pytest.mark.parametrize("where", ["layer", "group"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_visible_in_a_layer_that_is_not_shown_as_it_is_is_refused_and_a_new_layer_works(
    shown, picture, change, where
):
    code, why = CHANGES[change]
    shown.run(GROUP + code.replace("layer.", "group.").replace("(layer", "(group") if where == "group" else code)
    before = seen(shown)

    message = shown.inpaint(sample_merged=True)

    assert why in message and "Choose the result New layer, which goes on top of all" in message
    assert np.array_equal(seen(shown), before)
    assert shown.inpaint(result="new-layer", sample_merged=True) == ""
    after = seen(shown)
    assert np.abs(after - filled(picture, before)).max() <= 2


def test_a_new_layer_above_a_group_with_opacity_is_refused_with_sample_merged_as_the_remedy(shown):
    shown.run(GROUP + "group.set_opacity(35)")

    message = shown.inpaint("[group]", result="new-layer")

    assert "opacity is not 100 %" in message and "Tick Sample merged." in message
    assert shown.inpaint("[group]", result="new-layer", sample_merged=True) == ""


def test_a_mask_that_hides_nothing_of_the_selection_is_no_hindrance(shown):
    shown.run(MASK.replace("0, 0, 150", "0, 0, 200"))

    assert shown.inpaint(result="new-layer") == ""


def test_what_is_visible_is_not_put_below_something_that_is_seen_there(shown):
    shown.run("veil = add_layer(image, 20, 20); veil.set_offsets(130, 70); veil.set_name('a veil')")
    shown.run("veil.fill(Gimp.FillType.WHITE); veil.set_opacity(50)")

    message = shown.inpaint(sample_merged=True)
    assert "“a veil” lies above “a layer”" in message and "New layer" in message

    shown.run("veil.set_offsets(0, 0)")
    assert shown.inpaint(sample_merged=True) == ""


def test_a_half_transparent_layer_is_filled_half_transparent_and_a_new_layer_is_refused(picture):
    shown = picture(stored(photograph(), "U8_NON_LINEAR", alpha=np.full((160, 300), 120 / 255)))
    shown.run(BELOW)
    shown.select()
    before = seen(shown)

    message = shown.inpaint(result="new-layer")
    assert "partly transparent" in message and "Choose the result In place." in message
    assert np.array_equal(seen(shown), before)

    assert shown.inpaint() == ""
    after = shown.pixels()
    assert (after[..., 3] == 120).all()
    assert changed(shown.before, after)[HOLE].mean() > 0.9


def test_a_cut_out_keeps_its_edge(picture):
    alpha = np.zeros((160, 300))
    alpha[:, :150] = 1
    shown = picture(stored(photograph(), "U8_NON_LINEAR", alpha=alpha))
    shown.select()

    assert shown.inpaint() == ""

    filled = shown.pixels()[HOLE][..., 3]
    assert (filled[:, :15] == 255).mean() > 0.95
    assert (filled[:, -15:] == 0).mean() > 0.95
