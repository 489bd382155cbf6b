"""Stored samples to network colours and back, and the blending by coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.errors import InvalidInputError
from glcic_backend.scene import pixels


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.array([[0, 51, 255]], np.uint8), [0, 0.2, 1]),
        (np.array([[0, 13107, 65535]], np.uint16), [0, 0.2, 1]),
        (np.array([[0, 0.2, 1.5]], np.float32), [0, 0.2, 1.5]),
    ],
)
def test_grey_of_each_type_becomes_three_equal_channels_in_0_to_1(image, expected):
    rgb = pixels.to_perceptual_rgb(image)

    assert rgb.shape == (1, 3, 3) and rgb.dtype == np.float32
    np.testing.assert_allclose(rgb[0], np.repeat(np.array(expected)[:, None], 3, axis=1), rtol=1e-6)


def test_alpha_is_no_colour():
    rgba = np.array([[[10, 20, 30, 40]]], np.uint8)

    np.testing.assert_allclose(pixels.to_perceptual_rgb(rgba) * 255, [[[10, 20, 30]]], rtol=1e-6)


def test_linear_light_is_shown_to_the_network_perceptually():
    linear = np.array([[[0.0, 0.2140411, 1.0]]], np.float32)

    np.testing.assert_allclose(pixels.to_perceptual_rgb(linear, linear=True), [[[0, 0.5, 1]]], atol=1e-5)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.int32), np.zeros((4, 4), np.float64), np.zeros(4, np.uint8), np.zeros((4, 4, 5), np.uint8),
     np.zeros((0, 4), np.uint8)],
    ids=["int32", "float64", "one axis", "five channels", "no pixels"],
)  # fmt: skip
def test_other_layouts_are_refused(image):
    with pytest.raises(InvalidInputError):
        pixels.check_image(image)


def test_half_coverage_is_the_middle_of_old_and_new():
    image = np.full((1, 1, 3), 100, np.uint8)
    fill = np.full((1, 1, 3), 200 / 255, np.float32)

    composed = pixels.compose(image, fill, np.full((1, 1), 0.5, np.float32))

    assert composed.tolist() == [[[150, 150, 150]]]


def test_linear_image_is_blended_in_linear_light():
    image = np.zeros((1, 1, 3), np.float32)
    fill = np.full((1, 1, 3), 1.0, np.float32)

    composed = pixels.compose(image, fill, np.full((1, 1), 0.5, np.float32), linear=True)

    np.testing.assert_allclose(composed, 0.5, rtol=1e-6)


def test_grey_image_gets_the_luma_of_the_fill():
    image = np.zeros((1, 1), np.uint16)
    fill = np.array([[[1.0, 0.5, 0.0]]], np.float32)

    composed = pixels.compose(image, fill, np.ones((1, 1), np.float32))

    assert composed.tolist() == [[round(65535 * (0.2126 + 0.5 * 0.7152))]]


def test_filled_pixel_becomes_opaque_by_coverage():
    image = np.array([[[10, 20, 30, 0], [10, 20, 30, 0]]], np.uint8)
    fill = np.full((1, 2, 3), 1.0, np.float32)

    composed = pixels.compose(image, fill, np.array([[1.0, 0.4]], np.float32))

    assert composed.tolist() == [[[255, 255, 255, 255], [255, 255, 255, 102]]]


def test_colour_of_a_transparent_pixel_does_not_bleed_into_a_soft_edge():
    fill = np.full((1, 1, 3), 0.5, np.float32)
    half = np.full((1, 1), 0.5, np.float32)

    on_red, on_blue = (
        pixels.compose(np.array([[[*colour, 0]]], np.uint8), fill, half) for colour in [(255, 0, 0), (0, 0, 255)]
    )

    assert on_red.tolist() == on_blue.tolist()


def test_fill_out_of_range_is_clipped_for_integers():
    fill = np.array([[[-0.5, 1.5, 0.5]]], np.float32)

    composed = pixels.compose(np.zeros((1, 1, 3), np.uint8), fill, np.ones((1, 1), np.float32))

    assert composed.tolist() == [[[0, 255, 128]]]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    channels=st.sampled_from([None, 1, 2, 3, 4]),
    linear=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_samples_without_coverage_are_unchanged_and_full_coverage_hides_the_old(dtype, channels, linear, seed):
    rng = np.random.default_rng(seed)
    shape = (6, 7) if channels is None else (6, 7, channels)
    a, b = (
        rng.random(shape).astype(np.float32)
        if dtype == np.float32
        else rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
        for _ in range(2)
    )
    fill = rng.random((6, 7, 3)).astype(np.float32)
    coverage = rng.choice(np.array([0, 1], np.float32), (6, 7))

    on_a, on_b = (pixels.compose(image, fill, coverage, linear) for image in (a, b))

    assert on_a.shape == shape and on_a.dtype == dtype
    assert np.array_equal(on_a[coverage == 0], a[coverage == 0])
    assert np.array_equal(on_a[coverage == 1], on_b[coverage == 1])
