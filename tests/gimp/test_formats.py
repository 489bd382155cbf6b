"""Every way in which GIMP stores pixels: the fill is the same picture, and outside of it no bit changes.

By the network alone: which detail is brought in hangs on the last bit of what it is compared with.
"""

from itertools import product

import numpy as np
import pytest

from .pictures import HOLE, changed, mask_of, perceptual, photograph, stored

LAYERS = {"rgb": (False, False), "rgba": (False, True), "grey": (True, False), "grey-alpha": (True, True)}
"""Whether a layer is grey, and whether it has alpha."""

CASES = [
    *product(["U8_NON_LINEAR", "U8_LINEAR", "U16_NON_LINEAR", "U16_LINEAR"], LAYERS),
    *product(["HALF_NON_LINEAR", "HALF_LINEAR", "FLOAT_NON_LINEAR", "FLOAT_LINEAR"], LAYERS),
    *product(["U8_PERCEPTUAL", "U16_PERCEPTUAL", "HALF_PERCEPTUAL", "FLOAT_PERCEPTUAL"], ["rgba"]),
    *product(["U32_NON_LINEAR", "U32_LINEAR", "DOUBLE_NON_LINEAR", "DOUBLE_LINEAR"], ["rgba"]),
]


@pytest.fixture(scope="module")
def expected_fill(gimp, machine):
    """The fill of the photograph in 8 bits, by whether it is grey: float64 [rows, columns, channels], perceptual."""
    from .pictures import Picture

    fills = {}
    for grey in (False, True):
        shown = Picture(gimp, machine.folder, stored(photograph(), "U8_NON_LINEAR", grey))
        shown.select()
        assert shown.inpaint(quality="fast") == ""
        fills[grey] = perceptual(shown.pixels(), "U8_NON_LINEAR")[HOLE]
        gimp.run("image.delete()")
    return fills


@pytest.mark.parametrize(("precision", "layer"), CASES)
def test_only_the_selection_changes_and_to_the_same_colours(picture, expected_fill, precision, layer):
    grey, alpha = LAYERS[layer]
    colour = photograph()
    opaque = np.ones(colour.shape[:2]) if alpha else None
    shown = picture(stored(colour, precision, grey, opaque), precision=precision)
    shown.select()

    assert shown.inpaint(quality="fast") == ""

    after = shown.pixels()
    different = changed(shown.before, after)
    assert not different[~mask_of(after.shape)].any()
    assert different[HOLE].mean() > 0.9
    # 8 bits of linear light are coarse in the shadows.
    tolerance = 0.05 if precision == "U8_LINEAR" else 0.01
    assert np.abs(perceptual(after, precision)[HOLE] - expected_fill[grey]).max() < tolerance


@pytest.mark.parametrize("precision", ["FLOAT_LINEAR", "HALF_NON_LINEAR"])
def test_values_beyond_white_and_below_black_stay_outside_the_selection(picture, precision):
    colour = photograph()
    colour[:20] = 1.5
    before = stored(colour, precision)
    before[-20:] = -0.25
    shown = picture(before, precision=precision)
    shown.select()

    assert shown.inpaint() == ""

    after = shown.pixels()
    assert not changed(before, after)[~mask_of(after.shape)].any()
    assert np.isfinite(after).all()


def test_a_wide_gamut_profile_is_kept_and_its_colours_are_not_converted(picture, machine):
    profile = machine.folder / "wide.icc"
    picture(stored(photograph(), "U8_NON_LINEAR")).run(
        "open(path, 'wb').write(Gimp.ColorProfile.new_rgb_adobe().get_icc_profile())", path=str(profile)
    )
    before = stored(photograph(), "U8_NON_LINEAR")
    before[:, :20] = (0, 255, 0)  # outside of sRGB
    shown = picture(before, profile=str(profile))
    shown.select()

    assert shown.inpaint() == ""

    after = shown.pixels()
    different = changed(before, after)
    assert not different[~mask_of(after.shape)].any()
    assert different[HOLE].mean() > 0.9
    # The stored numbers are what the network saw, so its fill is the one for the same numbers in sRGB.
    plain = picture(before)
    plain.select()
    assert plain.inpaint() == ""
    assert np.abs(plain.pixels()[HOLE].astype(int) - after[HOLE]).max() <= 1
