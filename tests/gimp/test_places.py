"""Layers that do not lie where the canvas does, and selections that reach over their edges."""

import numpy as np
import pytest

from .pictures import changed, photograph, stored


@pytest.mark.parametrize("offset", [(0, 0), (37, 21), (-45, -30)], ids=str)
@pytest.mark.parametrize("canvas", [(200, 100), (500, 400)], ids=["small canvas", "large canvas"])
def test_a_layer_is_filled_where_the_selection_meets_it(picture, offset, canvas):
    shown = picture(stored(photograph(), "U8_NON_LINEAR"))
    shown.run("layer.set_offsets(*offset); image.resize(*canvas, 0, 0)", offset=offset, canvas=canvas)
    shown.select(slice(40, 70), slice(90, 130))

    assert shown.inpaint() == ""

    different = changed(shown.before, shown.pixels())
    rows = slice(40 - offset[1], 70 - offset[1])
    columns = slice(90 - offset[0], 130 - offset[0])
    assert different[rows, columns].mean() > 0.9
    different[rows, columns] = False
    assert not different.any()


@pytest.mark.parametrize("result", ["in-place", "new-layer"])
def test_a_selection_over_the_edge_of_the_layer_is_filled_as_far_as_the_layer_goes(picture, result):
    shown = picture(stored(photograph(), "U8_NON_LINEAR"))
    shown.run("image.resize(400, 300, 50, 40)")
    shown.select(slice(20, 60), slice(20, 90))

    assert shown.inpaint(result=result) == ""

    if result == "in-place":
        different = changed(shown.before, shown.pixels())
        assert different[:20, :40].mean() > 0.9
        assert not different[20:].any() and not different[:, 40:].any()
    else:
        new = "new = image.get_layers()[0]; result = [*list(new.get_offsets())[-2:], new.get_width(), new.get_height()]"
        assert shown.run(new) == [50, 40, 40, 20]


def test_pixels_off_the_canvas_are_context(picture):
    fills = []
    for brightness in (0.1, 0.9):
        colour = photograph()
        colour[:, 200:] = brightness
        shown = picture(stored(colour, "U8_NON_LINEAR"))
        shown.run("image.resize(200, 160, 0, 0)")
        shown.select(slice(60, 100), slice(150, 200))
        assert shown.inpaint() == ""
        fills.append(shown.pixels()[60:100, 190:200].mean())

    assert fills[1] > fills[0] + 20


def test_several_parts_of_a_selection_are_all_filled(picture):
    shown = picture(stored(photograph(), "U8_NON_LINEAR"))
    shown.select(slice(20, 50), slice(20, 60))
    shown.run("image.select_ellipse(Gimp.ChannelOps.ADD, 200, 80, 50, 50)")
    coverage = shown.coverage()

    assert shown.inpaint() == ""

    different = changed(shown.before, shown.pixels())
    assert not different[coverage == 0].any()
    assert different[coverage > 0].mean() > 0.9


def test_a_child_of_a_group_is_filled_in_place(picture):
    shown = picture(stored(photograph(), "U8_NON_LINEAR"))
    shown.run(
        "group = Gimp.GroupLayer.new(image, 'group'); image.insert_layer(group, None, 0)\n"
        "image.reorder_item(layer, group, 0); group.set_offsets(10, 5)"
    )
    shown.select()

    assert shown.inpaint() == ""

    different = changed(shown.before, shown.pixels())
    assert different[55:95, 110:170].mean() > 0.9
    different[55:95, 110:170] = False
    assert not different.any()


def test_a_single_pixel_can_be_filled(picture):
    before = stored(photograph(), "U8_NON_LINEAR")
    before[80, 150] = (255, 0, 255)
    shown = picture(before)
    shown.select(slice(80, 81), slice(150, 151))

    assert shown.inpaint() == ""

    assert np.argwhere(changed(before, shown.pixels())).tolist() == [[80, 150]]
