"""Specks on sheets: small photographs on which each lies with its surroundings, and none sees another's."""

from itertools import chain

import cv2
import numpy as np

from glcic_backend.scene.fill import Fill
from glcic_backend.scene.holes import find_holes
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.sheets import batches
from glcic_backend.scene.strands import AROUND


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


def scratched():
    """A photograph with a scratch from side to side, 6 pixels wide, and its fills."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (700, 900, 3), np.uint8)
    line = cv2.line(np.zeros(image.shape[:2], np.uint8), (0, 40), (899, 610), 1, 6)
    holes = find_holes(line > 0)
    colours = rng.random(image.shape).astype(np.float32)
    return Photograph(image, line == 0, False), holes, [Fill(h.box, h.mask, colours[slices(h.box)]) for h in holes]


def parts(photograph, holes, fills, **options):
    """All parts, each spread before the next batch is made."""
    for batch in batches(photograph, holes, fills, **options):
        for make in batch:
            part = make()
            yield part
            part.spread(part.fills)


def test_each_pixel_of_a_hole_is_in_one_part_and_goes_back_to_its_place():
    photograph, holes, fills, colours = strewn()
    found = np.zeros((photograph.height, photograph.width), int)

    for part in parts(photograph, holes, fills, around=9):
        for fill in part.spread(part.fills):
            found[slices(fill.region)] += fill.where
            assert np.array_equal(fill.colour[fill.where], colours[slices(fill.region)][fill.where])

    assert np.array_equal(found, (~photograph.known).astype(int))


def test_the_hole_that_is_no_speck_stays_in_the_photograph_and_the_specks_leave_it():
    photograph, holes, fills, _ = strewn()

    first, *sheets = parts(photograph, holes, fills)

    assert first.photograph is photograph and first.holes == [hole for hole in holes if not hole.is_speck]
    assert sheets and all(sheet.is_sheet and sheet.photograph is not photograph for sheet in sheets)


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

    assert np.array_equal(part.photograph.image, photograph.rgb(around))
    assert np.array_equal(part.photograph.known, photograph.known[slices(around)])


def test_a_scratch_lies_on_sheets_in_pieces_that_know_those_of_the_rounds_before():
    photograph, holes, fills = scratched()
    unknown = ~photograph.known

    rounds = [[make() for make in batch] for batch in batches(photograph, holes, fills) if batch]
    first = sum(int(np.count_nonzero(~part.photograph.known)) for part in rounds[0])

    assert len(rounds) == 4 and not any(part.photograph is photograph for part in chain(*rounds))
    assert sum(int(part.fills[0].where.sum()) for part in chain(*rounds)) == np.count_nonzero(unknown)
    assert first > sum(int(part.fills[0].where.sum()) for part in rounds[0])


def test_what_was_finished_in_the_rounds_before_is_known_and_stands_in_the_picture():
    photograph, holes, fills = scratched()
    seen = []

    for batch in batches(photograph, holes, fills):
        for make in batch:
            part = make()
            seen.append(part.photograph.image[part.photograph.known])
            part.fills[0].colour[:] = 7
            part.spread(part.fills)

    assert not (seen[0] == 7).any() and (seen[-1] == 7).any()


def test_specks_of_any_height_fit_on_their_sheets():
    """High ones after low ones in the sheet's last row."""
    masked = np.zeros((700, 700), bool)
    heights = [20] * 6 + [3] * 24 + [3, 3, 3, 40, 40, 40]
    for number, height in enumerate(heights):
        y, x = 40 + 80 * (number // 6), 40 + 80 * (number % 6)
        masked[y : y + height, x : x + 6] = True
    photograph = Photograph(np.zeros((700, 700, 3), np.uint8), ~masked, False)
    holes = find_holes(masked)
    fills = [Fill(hole.box, hole.mask, np.ones((*hole.mask.shape, 3), np.float32)) for hole in holes]

    sheets = list(parts(photograph, holes, fills))

    assert sum(int(part.fills[0].where.sum()) for part in sheets) == np.count_nonzero(masked)


def test_the_shares_of_the_parts_follow_each_other_up_to_one():
    photograph, holes, fills, _ = strewn()
    told = []

    for part in parts(photograph, holes, fills):
        for share in (0.0, 1.0):
            part.scaled(told.append)(share)

    assert told[0] == 0 and told[-1] == 1 and told == sorted(told)
