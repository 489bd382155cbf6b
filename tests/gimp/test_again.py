"""Another try at the same place, and several at once."""

import re

import numpy as np
import pytest

from .pictures import HOLE, changed, mask_of, photograph, stored

REPORT = "result = bytes(%s.get_parasite('inpaint-selection').get_data()).decode()"
ELSEWHERE = slice(20, 50), slice(200, 240)
TIP = slice(70, 76), slice(180, 184)
"""What the selection leaves of a red thing."""
VARIANTS = """
group = image.get_layers()[0]
result = [[each.get_name(), each.get_visible()] for each in group.get_children()]
"""


def keep(shown, machine):
    """Notes the picture as it is, in a file."""
    shown.original = machine.folder / "original"
    shown.original.write_bytes(shown.before.tobytes())
    return shown


@pytest.fixture
def shown(picture, machine):
    """The photograph in 8 bits, with a hole selected that the network's completion does not fill alone."""
    made = picture(stored(photograph(), "U8_NON_LINEAR"))
    made.select()
    return keep(made, machine)


def fill_of(shown, place=HOLE, **options):
    """The fill with some options, from the picture as it was."""
    shown.run("write(layer, path)", path=str(shown.original))
    assert shown.inpaint(**options) == ""
    return shown.pixels()[place]


def variant_of(shown):
    """The number of the image's last fill in place."""
    return int(re.search(r", variant (\d+), ", shown.run(REPORT % "image")).group(1))


@pytest.fixture
def tight(picture, machine):
    """A red thing in a plain wall, of which the selection leaves the tip outside."""
    made = np.random.default_rng(0).normal(150, 3, (160, 300, 1)).repeat(3, 2)
    made[65:95, 130:180] = made[TIP] = (200, 30, 30)
    shown = picture(np.rint(made).astype(np.uint8))
    shown.select()
    return keep(shown, machine)


def test_another_variant_is_another_fill_and_the_same_number_the_same(shown):
    first, second, again = [fill_of(shown, variant=number) for number in (0, 1, 0)]

    assert np.array_equal(first, again)
    assert (first != second).any(axis=2).mean() > 0.5
    assert variant_of(shown) == 0


def test_repeating_takes_the_next_variant_at_the_same_place_and_that_of_the_dialog_elsewhere(shown):
    shown.select(*ELSEWHERE)
    assert shown.repeat() == ""
    of_the_dialog = variant_of(shown)
    shown.select()

    assert shown.inpaint(variant=4) == ""
    assert shown.repeat() == ""
    assert variant_of(shown) == 5
    assert shown.repeat() == ""
    assert variant_of(shown) == 6

    shown.select(*ELSEWHERE)
    assert shown.repeat() == ""
    assert variant_of(shown) == of_the_dialog


def test_a_variant_is_the_same_fill_after_others_since_what_the_hole_covered_is_remembered(tight):
    first, second = [fill_of(tight, variant=number) for number in (5, 6)]
    redness = (first[..., 0].astype(int) - first[..., 1]).max()
    assert redness < 40  # the tip is not continued: what is under the selection told that it belongs to it

    shown_now = tight.original.with_name("second")
    shown_now.write_bytes(tight.pixels().tobytes())
    assert tight.repeat() == ""  # of the fill before, where nothing is red
    assert variant_of(tight) == 7
    assert tight.inpaint(variant=5) == ""
    assert np.array_equal(tight.pixels()[HOLE], first)
    tight.run("write(layer, path)", path=str(shown_now))  # as undo does, twice
    assert tight.inpaint(variant=6) == ""
    assert np.array_equal(tight.pixels()[HOLE], second)


def test_a_larger_hole_at_the_same_place_knows_what_the_smaller_one_covered(tight):
    tight.run("write(layer, path)", path=str(tight.original))
    assert tight.inpaint(grow=2) == ""
    expected = tight.pixels().copy()

    tight.run("write(layer, path)", path=str(tight.original))
    assert tight.inpaint(variant=3) == ""
    assert tight.inpaint(grow=2) == ""

    assert np.array_equal(tight.pixels(), expected)


def test_a_small_hole_in_a_fill_is_about_the_fill(tight):
    assert tight.inpaint() == ""
    (filled := tight.original.with_name("filled")).write_bytes(tight.pixels().tobytes())
    tight.select(slice(64, 84), slice(160, 180))

    assert tight.inpaint() == ""

    after = tight.pixels()
    tight.run("image.detach_parasite('inpaint-selection-covered'); write(layer, path)", path=str(filled))
    assert tight.inpaint() == ""
    assert np.array_equal(tight.pixels(), after)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}\n\n",
        b'{"layer": "1", "area": [0, 0, 9, 9], "fills": []}\nAAAA\n!',
        b'{"area": [0, 0, 1e999, 1]}\n\n',
    ],
)
def test_what_a_file_brings_instead_is_not_believed(shown, data):
    shown.run(
        "image.attach_parasite(Gimp.Parasite.new('inpaint-selection-covered', 1, data.encode()))", data=data.decode()
    )

    assert shown.inpaint() == ""


def test_what_was_painted_over_a_fill_is_what_the_hole_covers(tight):
    tight.inpaint()
    painted = tight.pixels().copy()
    painted[HOLE] = (30, 30, 200)
    (over := tight.original.with_name("painted")).write_bytes(painted.tobytes())
    tight.run("write(layer, path)", path=str(over))

    assert tight.inpaint(variant=1) == ""

    after = tight.pixels()
    tight.run("image.detach_parasite('inpaint-selection-covered'); write(layer, path)", path=str(over))
    assert tight.inpaint(variant=1) == ""
    assert np.array_equal(tight.pixels(), after)


@pytest.mark.parametrize("name", ["inpaint-selection-last", "inpaint-selection-covered"])
def test_what_an_image_remembers_is_neither_saved_nor_an_own_step_of_undo(shown, name):
    shown.inpaint()

    flags = shown.run("p = image.get_parasite(name); result = [p.is_persistent(), p.is_undoable()]", name=name)

    assert flags == [False, False]


def test_several_are_layers_of_a_group_with_the_selection_as_its_mask(shown):
    shown.run("image.select_ellipse(REPLACE, 120, 60, 60, 40); Gimp.Selection.feather(image, 8)")
    selection = shown.coverage()

    assert shown.inpaint(result="several", variant=2) == ""

    assert shown.run(VARIANTS) == [["Variant 1", True], ["Variant 2", False], ["Variant 3", False]]
    assert not changed(shown.before, shown.pixels()).any()
    x, y = shown.run("result = list(group.get_offsets())[-2:]")
    mask = shown.coverage("group.get_mask()")
    assert np.array_equal(selection[y : y + mask.shape[0], x : x + mask.shape[1]], mask)
    assert selection.astype(int).sum() == mask.astype(int).sum()
    assert shown.run("result = [each.get_name() for each in image.get_selected_layers()]") == ["a layer"]
    for number in range(3):
        assert f", variant {number + 2}, " in shown.run(REPORT % f"group.get_children()[{number}]")


def test_each_of_several_looks_like_the_variant_of_its_number_in_place(shown):
    assert shown.inpaint(result="several") == ""
    looks = []
    for number in range(3):
        shown.run(f"for i, each in enumerate(image.get_layers()[0].get_children()): each.set_visible(i == {number})")
        looks.append(shown.pixels("Gimp.Layer.new_from_visible(image, image, 'seen')")[..., :3])
    shown.run("image.remove_layer(image.get_layers()[0])")

    for number, look in enumerate(looks):
        shown.run("write(layer, path)", path=str(shown.original))
        assert shown.inpaint(variant=number) == ""
        assert np.abs(look.astype(int) - shown.pixels()).max() <= 1
        assert not changed(shown.before, look)[~mask_of(look.shape)].any()
    assert not np.array_equal(looks[0], looks[1])
