"""Where detail is copied from: sides, distance, and channels of the image by their names."""

import numpy as np
import pytest

from .pictures import stored


@pytest.fixture
def shown(picture):
    """Stripes: level ones on both sides of the hole, upright ones above and below it; those above are a channel, too.

    Of the same colours, because colours are made to fit the rim of the hole, wherever they come from.
    """
    rows, columns = np.mgrid[:160, :300]
    upright = np.abs(rows - 79.5) * 1.5 > np.abs(columns - 149.5)
    stripes = np.where(upright, columns, rows) % 8 < 4
    made = picture(stored(np.repeat(np.where(stripes, 0.7, 0.3)[..., None], 3, axis=2), "U8_NON_LINEAR"))
    made.run(
        "image.select_polygon(REPLACE, [30, 0, 270, 0, 180, 60, 120, 60]); above = Gimp.Selection.save(image)\n"
        "above.set_name('above'); image.set_selected_layers([layer])"
    )
    made.select()
    return made


def share_of_upright(shown):
    """Of the stripes in the middle of the hole, 0..1."""
    inner = shown.pixels()[68:92, 130:170, 0].astype(float)
    across, down = np.abs(np.diff(inner, axis=1)).mean(), np.abs(np.diff(inner, axis=0)).mean()
    return across / (across + down)


def undo(shown):
    shown.run("write(layer, path)", path=str(shown.original))


@pytest.fixture(autouse=True)
def original(shown, machine):
    shown.original = machine.folder / "original"
    shown.original.write_bytes(shown.before.tobytes())


def test_detail_comes_from_the_sides_or_from_above_and_below(shown):
    assert shown.inpaint(sample_from="sides") == ""
    assert share_of_upright(shown) < 0.2
    undo(shown)

    assert shown.inpaint(sample_from="above-and-below") == ""
    assert share_of_upright(shown) > 0.8


def test_detail_comes_only_from_what_a_channel_marks_or_from_all_else(shown):
    assert shown.inpaint(channel="above", channel_use="only") == ""
    assert share_of_upright(shown) > 0.8
    undo(shown)

    shown.run(
        "image.select_polygon(REPLACE, [30, 160, 270, 160, 180, 100, 120, 100]); add = Gimp.Selection.save(image)"
    )
    shown.run(
        "add.combine_masks(above, Gimp.ChannelOps.ADD, 0, 0); add.set_name('both'); image.set_selected_layers([layer])"
    )
    shown.select()
    assert shown.inpaint(channel="both", channel_use="exclude") == ""
    assert share_of_upright(shown) < 0.2


def test_what_is_to_be_copied_may_lie_far_away(picture, machine):
    colour = np.zeros((160, 900, 3))
    colour[...] = np.random.default_rng(0).uniform(0.2, 0.5, (160, 900, 1))
    colour[:, 800:, 0] += 0.4
    shown = picture(stored(colour, "U8_NON_LINEAR"))
    shown.run("image.select_rectangle(REPLACE, 810, 10, 80, 140); Gimp.Selection.save(image).set_name('far')")
    shown.run("image.set_selected_layers([layer])")
    shown.select()

    assert shown.inpaint(channel="far", channel_use="only") == ""

    inner = shown.pixels()[70:90, 135:165].astype(int)
    assert (inner[..., 0] > inner[..., 1] + 20).mean() > 0.7


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"channel": "no such"}, "The image has no channel “no such”"),
        ({"channel": "empty", "channel_use": "only"}, "The channel “empty” marks nothing"),
        ({"channel": "everything"}, "Too little is left to copy from there."),
        ({"channel": "above", "channel_use": "only", "distance": 3}, "Too little is left to copy from there."),
    ],
)
def test_where_nothing_can_be_copied_it_is_told_and_nothing_is_changed(shown, options, sentence):
    shown.run(
        "for name, colour in (('empty', 'black'), ('everything', 'white')):\n"
        "    made = Gimp.Channel.new(image, name, 300, 160, 50, Gegl.Color.new('red'))\n"
        "    image.insert_channel(made, None, 0)\n"
        "    Gimp.context_set_foreground(Gegl.Color.new(colour))\n"
        "    Gimp.Selection.none(image); made.edit_fill(Gimp.FillType.FOREGROUND)\n"
        "image.set_selected_layers([layer])"
    )
    shown.select()

    assert sentence in shown.inpaint(**options)

    assert np.array_equal(shown.pixels(), shown.before)


def test_a_channel_is_read_alike_whatever_precision_the_image_has(shown):
    shown.run("image.convert_precision(Gimp.Precision.U16_LINEAR)")
    shown.before = shown.before.astype(np.uint16)  # whose type is that of the samples now

    assert shown.inpaint(channel="above", channel_use="only") == ""

    assert share_of_upright(shown) > 0.8
