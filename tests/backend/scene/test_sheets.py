"""Specks on sheets: small photographs on which each lies with its surroundings, and none sees another's."""

import numpy as np

from glcic_backend.scene.fill import Fill
from glcic_backend.scene.holes import find_holes
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.sheets import AROUND, parts


def strewn(count=60, seed=0):
    """A photograph with specks, one of them in its corner, and a hole that is none."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (700, 900, 3), np.uint8)
    masked = np.zeros(image.shape[:2], bool)
    for x, y in rng.integers(0, (880, 680), (count, 2)):
        masked[y : y + rng.integers(1, 17), x : x + rng.integers(1, 17)] = True
    masked[:5, :9] = True
    masked[300:400, 400:480] = True
    holes = find_holes(masked)
    colours = rng.random((*masked.shape, 3)).astype(np.float32)
    fills = [Fill(hole.box, hole.mask, colours[slices(hole.box)]) for hole in holes]
    return Photograph(image, ~masked, False), holes, fills, colours


def test_each_pixel_of_a_hole_is_in_one_part_and_goes_back_to_its_place():
    photograph, holes, fills, colours = strewn()
    found = np.zeros((photograph.height, photograph.width), int)

    for part in parts(photograph, holes, fills):
        for fill in part.spread(part.fills):
            found[slices(fill.region)] += fill.where
            assert np.array_equal(fill.colour[fill.where], colours[slices(fill.region)][fill.where])

    assert np.array_equal(found, (~photograph.known).astype(int))


def test_the_hole_that_is_no_speck_stays_in_the_photograph_and_the_specks_leave_it():
    photograph, holes, fills, _ = strewn()

    first, *sheets = parts(photograph, holes, fills)

    assert first.photograph is photograph and first.holes == [hole for hole in holes if not hole.is_speck]
    assert sheets and all(sheet.photograph is not photograph for sheet in sheets)


def test_the_sheets_hardly_hold_more_than_the_specks_and_what_is_round_them():
    photograph, holes, fills, _ = strewn()
    specks = [hole for hole in holes if hole.is_speck]

    areas = [part.photograph.known.size for part in parts(photograph, holes, fills)][1:]

    boxes = (grown(hole.box, AROUND, photograph.width, photograph.height) for hole in specks)
    assert sum(areas) < 1.8 * sum(box.width * box.height for box in boxes)
    assert max(areas) <= 512 * 512


def test_a_speck_on_a_sheet_has_its_own_surroundings_and_beyond_them_nothing_is_known():
    photograph, holes, fills, _ = strewn()
    speck = next(hole for hole in holes if hole.is_speck and hole.box.x > 50 and hole.box.y > 50)
    around = grown(speck.box, AROUND, photograph.width, photograph.height)

    (part,) = parts(photograph, [speck], fills)

    assert np.array_equal(part.photograph.image, photograph.image[slices(around)])
    assert np.array_equal(part.photograph.known, photograph.known[slices(around)])


def test_the_shares_of_the_parts_follow_each_other_up_to_one():
    photograph, holes, fills, _ = strewn()
    told = []

    for part in parts(photograph, holes, fills):
        for share in (0.0, 1.0):
            part.scaled(told.append)(share)

    assert told[0] == 0 and told[-1] == 1 and told == sorted(told)
