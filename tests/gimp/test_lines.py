"""Lines to follow: paths of the image, by their names."""

import numpy as np
import pytest

from .pictures import HOLE, mask_of, stored

TURN = (150.0, 92.0)
"""Where the line turns, in the hole; x and y."""


@pytest.fixture
def shown(picture):
    """A dark line of three pixels on grey, which turns in the hole, and a path `wire` along it."""
    rows, columns = np.mgrid[:160, :300] + 0.5
    below = rows - (TURN[1] - np.abs(columns - TURN[0]) * 0.6)
    grey = np.where(np.abs(below) < 2, 0.2, 0.6) + np.random.default_rng(0).normal(0, 0.01, (160, 300))
    made = picture(stored(np.repeat(grey[..., None], 3, axis=2), "U8_NON_LINEAR"))
    made.run(
        "wire = Gimp.Path.new(image, 'wire'); image.insert_path(wire, None, 0)\n"
        "stroke = wire.bezier_stroke_new_moveto(20, turn[1] - 130 * 0.6); wire.bezier_stroke_lineto(stroke, *turn)\n"
        "wire.bezier_stroke_lineto(stroke, 280, turn[1] - 130 * 0.6)",
        turn=TURN,
    )
    made.select()
    return made


def share_of_line(shown):
    """Of the columns of the hole, those in which the line is where it belongs, 0..1."""
    pixels = shown.pixels()[..., 0]
    columns = np.arange(HOLE[1].start, HOLE[1].stop)
    rows = np.rint(TURN[1] - np.abs(columns + 0.5 - TURN[0]) * 0.6 - 0.5).astype(int)
    beside = np.stack([pixels[rows + down, columns] for down in (-1, 0, 1)])
    return float(np.mean(beside.min(axis=0) < 90))


@pytest.fixture(autouse=True)
def original(shown, machine):
    shown.original = machine.folder / "before"
    shown.original.write_bytes(shown.before.tobytes())


def test_a_line_goes_on_along_the_path_that_is_named(shown):
    assert shown.inpaint() == ""
    without = share_of_line(shown)
    shown.run("write(layer, path)", path=str(shown.original))

    assert shown.inpaint(path="wire") == ""

    assert without < 0.8
    assert share_of_line(shown) > 0.95
    outside = ~mask_of(shown.before.shape)
    assert np.array_equal(shown.pixels()[outside], shown.before[outside])


def test_a_layer_that_lies_elsewhere_follows_the_same_path(shown):
    shown.run("layer.resize(260, 150, -15, -4)")

    assert shown.inpaint(path="wire", result="new-layer") == ""

    shown.run("image.flatten(); layer = image.get_layers()[0]")
    assert share_of_line(shown) > 0.95


def test_a_curve_and_a_closed_stroke_are_followed_too(shown):
    shown.run(
        "loop = Gimp.Path.new(image, 'loop'); image.insert_path(loop, None, 0)\n"
        "stroke = loop.bezier_stroke_new_moveto(20, turn[1] - 130 * 0.6); loop.bezier_stroke_lineto(stroke, *turn)\n"
        "loop.bezier_stroke_lineto(stroke, 280, turn[1] - 130 * 0.6)\n"
        "loop.bezier_stroke_cubicto(stroke, 200, -400, 60, -400, 20, turn[1] - 130 * 0.6); loop.stroke_close(stroke)",
        turn=TURN,
    )

    assert shown.inpaint(path="loop") == ""

    assert share_of_line(shown) > 0.95


def test_a_path_that_cannot_be_followed_is_refused_with_what_to_do(shown):
    shown.run(
        "for name, corners in (('beside', [(10, 150), (290, 150)]), ('inside', [(140, 70), (160, 90)])):\n"
        "    each = Gimp.Path.new(image, name); image.insert_path(each, None, 0)\n"
        "    stroke = each.bezier_stroke_new_moveto(*corners[0]); each.bezier_stroke_lineto(stroke, *corners[1])"
    )

    assert "has no path “nothing”" in shown.inpaint(path="nothing")
    assert "“beside” does not lead through the selection" in shown.inpaint(path="beside")
    assert "“inside” could not be followed" in shown.inpaint(path="inside")
    assert np.array_equal(shown.pixels(), shown.before)
