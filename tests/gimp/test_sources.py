"""Where detail is copied from: sides, distance, and channels of the image by their names."""

import numpy as np
import pytest

from .pictures import HOLE, stored

RED, GREEN = (200, 40, 40), (40, 160, 40)
REPORT = "result = bytes(image.get_parasite('inpaint-selection').get_data()).decode()"


@pytest.fixture
def shown(picture):
    """Green noise on both sides of the hole, red noise above and below it; each in a saved channel, too."""
    rows, columns = np.mgrid[:160, :300]
    red = np.abs(rows - 80) * 1.5 > np.abs(columns - 150)
    noise = np.random.default_rng(0).integers(-40, 41, (160, 300, 1))
    colour = np.clip(np.where(red[..., None], RED, GREEN) + noise, 0, 255) / 255
    made = picture(stored(colour, "U8_NON_LINEAR"))
    made.run(
        "image.select_polygon(REPLACE, [30, 0, 270, 0, 150, 80]); red = Gimp.Selection.save(image)\n"
        "red.set_name('the red'); image.set_selected_layers([layer])"
    )
    made.select()
    return made


def share_of_red(shown):
    """In the middle of the hole, where its rim has less to say; the fill is undone."""
    inner = shown.pixels()[70:90, 135:165].astype(int)
    shown.run("write(layer, path)", path=str(shown.original))
    return (inner[..., 0] > inner[..., 1]).mean()


@pytest.fixture(autouse=True)
def original(shown, machine):
    shown.original = machine.folder / "original"
    shown.original.write_bytes(shown.before.tobytes())


def test_detail_comes_from_the_sides_or_from_above_and_below(shown):
    assert shown.inpaint(sample_from="sides") == ""
    assert share_of_red(shown) < 0.3

    assert shown.inpaint(sample_from="above-and-below") == ""
    assert share_of_red(shown) > 0.7


def test_detail_comes_only_from_what_a_channel_marks_or_from_all_else(shown):
    assert shown.inpaint(channel="the red", channel_use="only") == ""
    assert share_of_red(shown) > 0.7

    assert shown.inpaint(channel="the red", channel_use="exclude", sample_from="sides") == ""
    assert share_of_red(shown) < 0.3


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
        ({"channel": "the red", "channel_use": "only", "distance": 3}, "Too little is left to copy from there."),
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
    shown.run("image.convert_precision(Gimp.Precision.FLOAT_LINEAR)")

    assert shown.inpaint(channel="the red", channel_use="only") == ""

    inner = shown.pixels()[HOLE][10:30, 15:45]
    assert (inner[..., 0] > inner[..., 1]).mean() > 0.7
