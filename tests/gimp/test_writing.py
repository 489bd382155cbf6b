"""What the image is like after a run: in place and as a new layer, with soft edges, alpha, and undo."""

import numpy as np
import pytest

from .pictures import HOLE, changed, decode, encode, mask_of, photograph, stored

ITEMS = """
lists = image.get_layers(), image.get_selected_layers(), image.get_channels()
result = [[each.get_name() for each in items] for items in lists]
"""
FEATHERED = "image.select_ellipse(REPLACE, 110, 50, 80, 60); Gimp.Selection.feather(image, 12)"


@pytest.fixture
def shown(picture):
    """The photograph in 8 bits, with the hole selected."""
    made = picture(stored(photograph(), "U8_NON_LINEAR"))
    made.select()
    return made


def with_alpha(alpha):
    return stored(photograph(), "U8_NON_LINEAR", alpha=alpha)


def test_in_place_leaves_selection_layers_and_channels(picture):
    shown = picture(stored(photograph(), "U16_NON_LINEAR"), precision="U16_NON_LINEAR")
    shown.run(FEATHERED)
    selection, before = shown.coverage(), shown.run(ITEMS)

    assert shown.inpaint() == ""

    assert changed(shown.before, shown.pixels()).any()
    assert np.array_equal(shown.coverage(), selection)
    assert shown.run(ITEMS) == before


def test_a_new_layer_leaves_all_else(shown):
    selection = shown.coverage()

    assert shown.inpaint(result="new-layer") == ""

    assert shown.run(ITEMS) == [["Inpainted", "a layer"], ["a layer"], []]
    assert not changed(shown.before, shown.pixels()).any()
    assert np.array_equal(shown.coverage(), selection)


def test_a_new_layer_shows_the_same_as_in_place(shown):
    shown.inpaint(result="new-layer")
    seen = shown.pixels("Gimp.Layer.new_from_visible(image, image, 'seen')")[..., :3]
    shown.inpaint(result="in-place")

    assert np.abs(seen.astype(int) - shown.pixels()).max() <= 1


def test_a_new_layer_holds_the_fill_and_the_selection_as_its_mask(shown):
    shown.run(FEATHERED)
    selection = shown.coverage()

    shown.inpaint(result="new-layer")

    x, y = shown.run("new = image.get_layers()[0]; result = list(new.get_offsets())[-2:]")
    mask = shown.coverage("new.get_mask()")
    height, width = mask.shape
    assert np.array_equal(selection[y : y + height, x : x + width], mask)
    assert selection.astype(int).sum() == mask.astype(int).sum()
    assert (shown.pixels("new")[mask > 0][:, 3] == 255).all()
    assert shown.run("result = new.get_edit_mask()") is False


def test_a_new_layer_lies_above_its_source_in_the_same_group(shown):
    shown.run(
        "group = Gimp.GroupLayer.new(image, 'group'); image.insert_layer(group, None, 0)\n"
        "image.reorder_item(layer, group, 0); add_layer(image, 20, 20, parent=group)"
    )

    assert shown.inpaint(result="new-layer") == ""

    names = shown.run("result = [each.get_name() for each in group.get_children()]")
    assert names == ["a layer #1", "Inpainted", "a layer"]


def test_a_soft_edge_is_blended_once_by_its_coverage(shown):
    shown.run(FEATHERED)
    coverage = shown.coverage() / 255.0
    shown.inpaint(result="new-layer")
    x, y = shown.run("new = image.get_layers()[0]; result = list(new.get_offsets())[-2:]")
    fill = shown.pixels("new")[..., :3]
    shown.run("image.remove_layer(new)")

    shown.inpaint(result="in-place")

    rows, columns = slice(y, y + fill.shape[0]), slice(x, x + fill.shape[1])
    share = coverage[rows, columns, None]
    old, new = decode(shown.before[rows, columns] / 255), decode(fill / 255)
    expected = 255 * encode((1 - share) * old + share * new)  # GIMP blends in linear light
    after = shown.pixels()
    assert np.abs(after[rows, columns] - expected).max() <= 1.01
    assert ((share > 0.2) & (share < 0.8)).any()
    assert not changed(shown.before, after)[coverage == 0].any()


def test_growing_fills_round_the_selection(shown):
    shown.inpaint(grow=8)

    different = changed(shown.before, shown.pixels())
    grown = mask_of(different.shape, slice(52, 108), slice(112, 188))
    assert not different[~grown].any()
    assert different[grown].mean() > 0.85
    # Straight up from the middle of an edge, all eight pixels.
    assert different[52:60, 150].any() and different[80, 112:120].any()


def test_softening_leaves_none_of_the_selected_and_fades_outside(shown):
    shown.inpaint(result="new-layer", soften=10.0)

    x, y = shown.run("new = image.get_layers()[0]; result = list(new.get_offsets())[-2:]")
    coverage = np.zeros(shown.before.shape[:2], int)
    mask = shown.coverage("new.get_mask()")
    coverage[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    assert coverage[HOLE].min() >= 253
    fade = coverage[HOLE[0].start - 12 : HOLE[0].start, 150]
    assert (np.diff(fade) >= 0).all()
    assert fade[0] == 0 and 0 < fade[6] < 255
    assert coverage[HOLE[0].start - 13, 150] == 0


def test_grown_selections_end_at_the_edge_of_the_image(picture):
    shown = picture(stored(photograph(), "U8_NON_LINEAR"))
    shown.select(slice(0, 20), slice(0, 30))

    assert shown.inpaint(grow=5, soften=3.0) == ""

    different = changed(shown.before, shown.pixels())
    assert different[:25, :35].mean() > 0.8
    assert not different[30:].any() and not different[:, 40:].any()


def test_the_filled_place_becomes_opaque(picture):
    alpha = np.ones((160, 300))
    alpha[70:90, 130:170] = 0.4
    shown = picture(with_alpha(alpha))
    shown.select()

    assert shown.inpaint() == ""

    after = shown.pixels()
    assert (after[HOLE][..., 3] == 255).all()
    assert not changed(shown.before, after)[~mask_of(after.shape)].any()


def test_fully_transparent_pixels_are_no_context(picture):
    alpha = np.ones((160, 300))
    alpha[:, 185:] = 0
    fills = []
    for hidden in (0.0, 1.0):
        before = with_alpha(alpha)
        before[:, 185:, :3] = 255 * hidden
        shown = picture(before)
        shown.select()
        assert shown.inpaint() == ""
        fills.append(shown.pixels()[HOLE])

    assert np.array_equal(*fills)


def test_a_layer_whose_alpha_is_locked_keeps_it(picture):
    alpha = np.ones((160, 300))
    alpha[70:90, 130:170] = 0.4
    shown = picture(with_alpha(alpha))
    shown.run("layer.set_lock_alpha(True)")
    shown.select()

    assert shown.inpaint() == ""

    after = shown.pixels()
    assert np.array_equal(after[..., 3], shown.before[..., 3])
    assert changed(shown.before, after)[HOLE].mean() > 0.9


def test_sample_merged_fills_an_empty_layer_from_those_below(shown):
    shown.run("clean = add_layer(image, 300, 160); clean.fill(Gimp.FillType.TRANSPARENT)")
    shown.run(FEATHERED)
    coverage = shown.coverage()
    plain = shown.pixels("clean")

    assert shown.inpaint("[clean]", sample_merged=True) == ""

    painted = shown.pixels("clean")
    assert not changed(plain, painted)[coverage == 0].any()
    assert np.abs(painted[..., 3].astype(int) - coverage)[coverage > 0].max() <= 1
    assert not changed(shown.before, shown.pixels()).any()
    # Together they look as if the layer below had been filled.
    seen = shown.pixels("Gimp.Layer.new_from_visible(image, image, 'seen')")[..., :3]
    shown.run("image.remove_layer(clean)")
    assert shown.inpaint() == ""
    assert np.abs(seen.astype(int) - shown.pixels()).max() <= 2


def test_sample_merged_into_a_new_layer_sees_what_is_above_and_lies_on_top_of_it(shown):
    shown.run(
        "above = add_layer(image, image.get_width(), image.get_height(), alpha=False); above.fill(Gimp.FillType.WHITE)"
    )

    assert shown.inpaint(result="new-layer", sample_merged=True) == ""

    fill = shown.pixels("image.get_layers()[0]")
    assert fill.shape[:2] == (40, 60)
    assert shown.inpaint(result="new-layer") == ""
    unaware = shown.pixels("image.get_layers()[2]")
    assert unaware.shape[:2] == (40, 60)
    # What is seen round the hole is white, whatever the photograph below is.
    assert fill[..., :3].min() >= 250
    assert unaware[..., :3].mean() < 200


def test_filters_stay_on_the_layer_that_is_filled(shown):
    shown.run("blur = Gimp.DrawableFilter.new(layer, 'gegl:invert-linear', 'invert'); layer.append_filter(blur)\n")

    assert shown.inpaint() == ""

    assert shown.run("result = len(layer.get_filters())") == 1
    shown.run("[each.delete() for each in layer.get_filters()]")
    different = changed(shown.before, shown.pixels())
    assert not different[~mask_of(different.shape)].any()
    assert different[HOLE].mean() > 0.9


def test_the_image_carries_what_filled_it(shown):
    shown.inpaint()

    said = shown.run("result = bytes(image.get_parasite('inpaint-selection').get_data()).decode()")
    assert said.startswith("model ") and "variant 0" in said and "network" in said


def test_a_new_layer_carries_what_made_it(shown):
    shown.inpaint(result="new-layer", variant=7)

    said = shown.run("result = bytes(image.get_layers()[0].get_parasite('inpaint-selection').get_data()).decode()")
    assert said.startswith("model ") and "variant 7" in said


def test_a_hidden_layer_is_filled(shown):
    shown.run("layer.set_visible(False)")

    assert shown.inpaint() == ""

    assert changed(shown.before, shown.pixels())[HOLE].mean() > 0.9
    assert shown.run("result = layer.get_visible()") is False


def test_sample_merged_into_a_smaller_layer_fills_as_far_as_it_goes(shown):
    shown.run("clean = add_layer(image, 50, 60); clean.set_offsets(150, 70); clean.fill(Gimp.FillType.TRANSPARENT)")

    assert shown.inpaint("[clean]", sample_merged=True) == ""

    painted = shown.pixels("clean")[..., 3]
    assert (painted[:30, :30] == 255).all()  # what of the hole lies in it
    assert not painted[30:].any() and not painted[:, 30:].any()


def test_a_layer_with_a_mask_is_filled_below_the_mask(shown):
    shown.run("mask = layer.create_mask(Gimp.AddMaskType.BLACK); layer.add_mask(mask); layer.set_edit_mask(False)")

    assert shown.inpaint() == ""

    assert changed(shown.before, shown.pixels())[HOLE].mean() > 0.9
    assert not shown.coverage("layer.get_mask()").any()
