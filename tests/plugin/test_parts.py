"""The parts of the plug-in that know nothing of GIMP."""

import ast
import sys
from itertools import pairwise

import numpy as np
import pytest

from glcic_backend.wire.geometry import Rectangle

from .conftest import REPOSITORY

SOURCES = sorted((REPOSITORY / "gimp_plugin" / "inpaint-selection").rglob("*.py"))


@pytest.fixture(scope="module")
def areas():
    from inpaint_selection import areas

    return areas


@pytest.fixture(scope="module")
def samples():
    from inpaint_selection import samples

    return samples


@pytest.fixture(scope="module")
def pixel_format():
    from inpaint_selection.pixel_format import PixelFormat

    return PixelFormat


@pytest.fixture(scope="module")
def strokes():
    from inpaint_selection import strokes

    return strokes


# Rectangles


def test_what_two_rectangles_have_in_common(areas):
    first = Rectangle(0, 0, 10, 10)

    assert areas.common(first, Rectangle(4, -3, 20, 8)) == (4, 0, 6, 5)
    assert areas.common(first, Rectangle(10, 0, 5, 5)) is None
    assert areas.common(first, Rectangle(-9, -9, 9, 9)) is None


def test_moving_and_widening(areas):
    assert areas.moved(Rectangle(1, 2, 3, 4), -5, 6) == (-4, 8, 3, 4)
    assert areas.widened(Rectangle(1, 2, 3, 4), 2) == (-1, 0, 7, 8)


def test_the_smallest_rectangle_round_two(areas):
    assert areas.enclosing(Rectangle(0, 0, 10, 10), Rectangle(4, -3, 20, 8)) == (0, -3, 24, 13)


def test_the_bounds_of_a_mask_are_those_of_what_is_above_0(areas):
    mask = np.zeros((9, 8), np.uint8)
    assert areas.bounds_of(mask.tobytes(), 8) is None
    mask[2, 5] = mask[6, 1] = 1
    assert areas.bounds_of(mask.tobytes(), 8) == (1, 2, 5, 5)
    mask[0, 0] = mask[8, 7] = 255
    assert areas.bounds_of(mask.tobytes(), 8) == (0, 0, 8, 9)


# Masks and pixels


@pytest.fixture
def random():
    return np.random.default_rng(7)


def test_a_hole_is_every_pixel_of_any_coverage(samples):
    assert samples.hole_of(bytes([0, 1, 127, 254, 255])) == bytes([0, 255, 255, 255, 255])


def test_padding_puts_a_mask_where_it_lies_in_the_larger_one(samples, random):
    mask = random.integers(0, 256, (4, 3), np.uint8)
    expected = np.zeros((9, 8), np.uint8)
    expected[3:7, 2:5] = mask

    larger = samples.padded(mask.tobytes(), Rectangle(-8, 13, 3, 4), Rectangle(-10, 10, 8, 9))

    assert larger == expected.tobytes()


@pytest.mark.parametrize("size", [1, 4, 12])
def test_cutting_out(samples, random, size):
    pixels = random.integers(0, 256, (9, 8, size), np.uint8)

    part = samples.cut_out(pixels.tobytes(), Rectangle(-10, 10, 8, 9), Rectangle(-8, 13, 3, 4))

    assert part == pixels[3:7, 2:5].tobytes()


@pytest.mark.parametrize("size", [1, 4, 12])
def test_putting_in(samples, random, size):
    pixels = random.integers(0, 256, (9, 8, size), np.uint8)
    new = random.integers(0, 256, (4, 3, size), np.uint8)

    whole = samples.put_in(pixels.tobytes(), Rectangle(-10, 10, 8, 9), new.tobytes(), Rectangle(-8, 13, 3, 4))

    expected = pixels.copy()
    expected[3:7, 2:5] = new
    assert whole == expected.tobytes()


@pytest.mark.parametrize("size", [1, 3, 8, 32])
def test_splicing_takes_the_new_pixels_where_there_is_coverage(samples, random, size):
    old, new = random.integers(0, 256, (2, 7, 11, size), np.uint8)
    mask = random.integers(0, 3, (7, 11), np.uint8) * 127
    assert b"\n" in old.tobytes() + new.tobytes()  # which means nothing in bytes

    spliced = samples.spliced(old.tobytes(), new.tobytes(), mask.tobytes())

    assert spliced == np.where(mask[..., None] > 0, new, old).tobytes()


def test_splicing_knows_no_special_byte_of_coverage(samples):
    assert samples.spliced(bytes(256), bytes([9]) * 256, bytes(range(256))) == bytes([0]) + bytes([9]) * 255


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4])
def test_context_is_what_is_neither_hole_nor_fully_transparent(samples, kind, channels):
    pixels = np.ones((4, 5, channels), kind)
    pixels[..., -1] = 0
    hole = np.zeros((4, 5), np.uint8)
    hole[1:3, 1:4] = 255
    has_context = lambda: samples.has_context(pixels.tobytes(), hole.tobytes(), True, channels)  # noqa: E731

    assert not has_context()
    pixels[2, 2, -1] = 1
    assert not has_context()
    pixels[3, 4, -1] = 256 if kind is np.uint16 else 1
    assert has_context()


def test_without_alpha_all_but_the_hole_is_context(samples):
    assert samples.has_context(bytes(6), bytes([255, 0]), False, 3)
    assert not samples.has_context(bytes(6), bytes([255, 255]), False, 3)


@pytest.mark.parametrize(("kind", "dtype", "full"), [("u1", "u8", 255), ("<u2", "u16", 65535), ("<f4", "f32", 1)])
def test_a_fill_shows_through_where_it_is_not_opaque_over_something(samples, kind, dtype, full):
    def through(old, new, hole=255):
        pixels = [np.array([[9, 9, 9, full], [9, 9, 9, alpha]], kind).tobytes() for alpha in (old, new)]
        return samples.shows_through(*pixels, bytes([255, hole]), dtype)

    assert not through(full, full)
    assert through(full, full / 2)
    assert through(full / 2, 0)
    assert not through(0, full / 2)
    assert not through(full, full / 2, hole=0)


def test_masks_are_inverted_and_compared(samples):
    assert samples.inverted(bytes([0, 1, 255])) == bytes([255, 254, 0])
    assert samples.any_common(bytes([0, 255]), bytes([9, 1]))
    assert not samples.any_common(bytes([0, 255]), bytes([9, 0]))


# Formats


@pytest.mark.parametrize(
    ("stored", "sent"),
    {
        "R'G'B' u8": ("R'G'B' u8", 3, "u8", "perceptual"),
        "R'G'B'A u16": ("R'G'B'A u16", 4, "u16", "perceptual"),
        "RGB u8": ("RGB u8", 3, "u8", "linear"),
        "R~G~B~A half": ("R~G~B~A float", 4, "f32", "perceptual"),
        "Y' u8": ("Y' u8", 1, "u8", "perceptual"),
        "YA double": ("YA float", 2, "f32", "linear"),
        "Y~A u32": ("Y~A float", 2, "f32", "perceptual"),
    }.items(),
)
def test_pixels_are_sent_as_they_are_stored(pixel_format, stored, sent):
    assert pixel_format.of(stored) == sent


@pytest.mark.parametrize("stored", ["_babl-int-4-palette", "cmyk u8", "R'G'B' u1", ""])
def test_pixels_of_another_kind_are_refused_by_name(pixel_format, stored):
    from inpaint_selection.refusals import Refusal

    with pytest.raises(Refusal, match="Image > Mode > RGB"):
        pixel_format.of(stored)


# All of it


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_is_written_in_the_syntax_of_python_3_9(source):
    ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_imports_nothing_but_the_standard_library_gi_and_its_own(source):
    imported = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module.split(".")[0])

    assert imported <= set(sys.stdlib_module_names) | {"gi", "wire", "inpaint_selection"}


# Lines


def disc(size):
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(rows, columns) < size / 2).astype(np.uint8) * 255


def test_of_a_line_those_parts_are_sent_that_lead_through_the_hole(strokes):
    area, coverage = Rectangle(500, 400, 40, 40), disc(40).tobytes()

    straight = [(0.0, 420.0), (2000.0, 420.0)]
    assert strokes.across(straight, area, coverage) == [straight]
    # Through the box, beside the disc.
    assert strokes.across([(490.0, 410.0), (510.0, 390.0)], area, coverage) == []
    assert strokes.across([(0.0, 0.0), (900.0, 300.0)], area, coverage) == []
    # Far away and back again: the way there is left out.
    there = [
        (450.0, 420.0),
        (560.0, 420.0),
        (560.0, 410.0),
        (900.0, 60.0),
        (950.0, 60.0),
        (560.0, 430.0),
        (450.0, 430.0),
    ]
    first, second = strokes.across(there, area, coverage)
    assert first[:2] == [(450.0, 420.0), (560.0, 420.0)] and second[-2:] == [(560.0, 430.0), (450.0, 430.0)]
    assert (950.0, 60.0) not in first


def test_a_point_or_nothing_leads_nowhere(strokes):
    for corners in ([], [(510.0, 410.0)]):
        assert strokes.across(corners, Rectangle(500, 400, 40, 40), disc(40).tobytes()) == []


def test_a_line_keeps_only_the_corners_that_it_needs(strokes):
    angles = np.linspace(0, np.pi, 400)
    arc = [(100 * float(np.cos(angle)), 100 * float(np.sin(angle))) for angle in angles]

    kept = strokes.simplified(arc)

    assert (kept[0], kept[-1]) == (arc[0], arc[-1]) and len(kept) < 40
    for corner in arc:
        assert min(strokes._distance(corner, *piece) for piece in pairwise(kept)) <= 0.25
    assert strokes.simplified([(0.0, 0.0), (3.0, 0.1), (9.0, 0.0)]) == [(0.0, 0.0), (9.0, 0.0)]
    assert strokes.simplified([(0.0, 0.0), (9.0, 0.0), (0.0, 0.0)]) == [(0.0, 0.0), (9.0, 0.0), (0.0, 0.0)]
