"""What cannot be filled is refused with a sentence, and nothing is changed."""

import pytest

from .pictures import PHOTOGRAPH, changed, photograph, stored


@pytest.fixture
def shown(picture):
    """The photograph in 8 bits, with the hole selected."""
    made = picture(stored(photograph(), "U8_NON_LINEAR"))
    made.select()
    return made


REFUSED = {
    "no selection": ("Gimp.Selection.none(image)", "[layer]", "Nothing is selected"),
    "selection off the layer": (
        "image.resize(600, 300, 0, 0); image.select_rectangle(REPLACE, 400, 200, 50, 50)",
        "[layer]",
        "wholly outside the layer",
    ),
    "floating selection": (
        "Gimp.edit_copy([layer]); Gimp.edit_paste(layer, False)",
        "[image.get_floating_sel()]",
        "Anchor",
    ),
    "layer beside a floating selection": (
        "Gimp.edit_copy([layer]); Gimp.edit_paste(layer, False)",
        "[layer]",
        "Anchor",
    ),
    "group": (
        "group = Gimp.GroupLayer.new(image, 'a group'); image.insert_layer(group, None, 0)\n"
        "image.reorder_item(layer, group, 0)",
        "[group]",
        "“a group” is a group of layers",
    ),
    "text layer": (
        "text = Gimp.TextLayer.new(image, 'some text', Gimp.context_get_font(), 80, Gimp.Unit.pixel())\n"
        "image.insert_layer(text, None, 0); text.set_offsets(100, 40)",
        "[text]",
        "made from text",
    ),
    "layer mask": (
        "mask = layer.create_mask(Gimp.AddMaskType.WHITE); layer.add_mask(mask)",
        "[mask]",
        "layer mask is selected",
    ),
    "channel": (
        "channel = Gimp.Channel.new(image, 'c', 300, 160, 50, Gegl.Color.new('red'))\n"
        "image.insert_channel(channel, None, 0)",
        "[channel]",
        "A channel is selected",
    ),
    "the selection itself": ("", "[image.get_selection()]", "A channel is selected"),
    "locked pixels": ("layer.set_lock_content(True)", "[layer]", "pixels of “a layer” are locked"),
    "locked by its group": (
        "group = Gimp.GroupLayer.new(image, 'a group'); image.insert_layer(group, None, 0)\n"
        "image.reorder_item(layer, group, 0); group.set_lock_content(True)",
        "[layer]",
        "pixels of “a group” are locked",
    ),
    "no layer": ("", "[]", "0 layers are selected"),
    "two layers": ("second = add_layer(image, 10, 10)", "[layer, second]", "2 layers are selected"),
    "indexed": (
        "image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 64, False, False, '')",
        "[layer]",
        "Image > Mode > RGB",
    ),
    "everything selected": ("Gimp.Selection.all(image)", "[layer]", "Nothing is left to fill from"),
    "an empty layer": (
        "clean = add_layer(image, 300, 160); clean.fill(Gimp.FillType.TRANSPARENT)",
        "[clean]",
        "Sample merged",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_a_sentence_and_nothing_is_changed(shown, case):
    preparation, layers, sentence = REFUSED[case]
    shown.run(preparation)
    count = "result = [len(image.get_layers()), len(image.get_channels())]"
    before = shown.pixels(), shown.run(count)

    message = shown.inpaint(layers)

    assert sentence in message
    assert "Traceback" not in message
    assert not changed(before[0], shown.pixels()).any()
    assert shown.run(count) == before[1]


@pytest.mark.parametrize(
    ("case", "options"), [("group", {}), ("text layer", {"sample_merged": True}), ("locked pixels", {})]
)
def test_what_cannot_be_changed_can_be_filled_into_a_new_layer(shown, case, options):
    preparation, layers, _ = REFUSED[case]
    shown.run(preparation)
    before = shown.pixels(f"{layers}[0]")

    assert shown.inpaint(layers, result="new-layer", **options) == ""

    assert not changed(before, shown.pixels(f"{layers}[0]")).any()
    assert "Inpainted" in shown.run("result = [each.get_name() for each in image.get_layers()]")


KINDS = {
    "text": REFUSED["text layer"][0],
    "link": "text = Gimp.LinkLayer.new(image, Gio.File.new_for_path(photograph)); image.insert_layer(text, None, 0)",
    "vector": (
        "path = Gimp.Path.new(image, 'p'); image.insert_path(path, None, 0)\n"
        "path.bezier_stroke_new_ellipse(180., 80., 30., 20., 0.)\n"
        "text = Gimp.VectorLayer.new(image, path); image.insert_layer(text, None, 0)"
    ),
}


RASTERISE = """
if hasattr(text, "rasterize"):
    text.rasterize()
else:  # as painting on it does
    text.edit_clear()
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_filled_in_place_once_it_is_rasterised(shown, machine, kind):
    if kind != "text" and machine.gimp_version() < "3.1":
        pytest.skip(f"this GIMP has no {kind} layers yet")
    shown.run(KINDS[kind], photograph=str(PHOTOGRAPH))
    assert "made from text, a link or a path" in shown.inpaint("[text]")
    shown.run(RASTERISE)
    before = shown.pixels("text")

    assert shown.inpaint("[text]") == ""

    assert changed(before, shown.pixels("text")).any()


def test_the_quick_mask_is_told_from_a_channel(shown):
    shown.run("mask = Gimp.Selection.save(image); mask.set_name('Qmask')")

    assert "The Quick Mask is on" in shown.inpaint("[mask]")


def test_a_model_that_is_not_installed_is_refused_by_name(shown):
    assert "no-such-model" in shown.inpaint(model="no-such-model")
    assert not changed(shown.before, shown.pixels()).any()
