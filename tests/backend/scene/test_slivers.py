"""What a mask has cut off a thing is followed and doubted; what goes on, or is found elsewhere too, is believed."""

import time

import numpy as np
import pytest

from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rim import doubtful_rim
from glcic_backend.scene.slivers import SEEN

from .rim_scenes import HEIGHT, WIDTH, doubtful, kite, sky


def test_a_tip_is_doubted_as_a_whole_and_with_its_soft_edge():
    image, masked = kite(14)

    found = doubtful(image, masked)

    left = (np.abs(image.astype(int) - sky()).max(axis=2) > 40) & ~masked
    assert left.sum() > 50 and found[left].all()
    assert found.sum() < 4 * left.sum()


def test_a_knot_on_a_wire_is_doubted_where_the_mask_covers_the_wire_alone():
    # So thin and level a mask has no pixel among those that are looked at from beside it.
    image, masked, knot = sky(), np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    masked[78:83, 30:170] = True
    knot[70:78, 95:107] = True
    image[masked | knot] = (30, 25, 20)

    assert doubtful(image, masked)[knot].all()


def test_a_tip_between_two_holes_is_doubted():
    # So little lies far from both that it is looked for farther away.
    image, masked, tip = sky(), np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    masked[20:, 20:80] = masked[20:, 122:182] = True
    tip[80:86, 80:90] = True
    image[masked | tip] = (220, 40, 30)

    found = doubtful(image, masked)

    assert found[tip].all()
    assert found.sum() < 4 * tip.sum()


def test_what_lies_between_letters_is_no_rest_of_a_thing():
    # A red board, all of which is near to some letter. Nothing is to go but the letters.
    image, masked = sky(), np.zeros((HEIGHT, WIDTH), bool)
    image[60:100, 20:124] = (220, 40, 30)
    masked[20:, 20:60] = masked[20:, 84:124] = True

    assert doubtful(image, masked).sum() < 20


def test_what_lies_between_letters_is_none_beside_another_large_hole_either():
    image, masked = np.concatenate([sky()] * 2), np.zeros((2 * HEIGHT, WIDTH), bool)
    image[60:100, 30:106] = (220, 40, 30)
    masked[20:106, 30:60] = masked[20:106, 76:106] = masked[112:300] = True

    assert doubtful(image, masked)[:106].sum() < 20


def test_a_rope_that_hardly_differs_from_a_calm_sky_is_doubted():
    image, masked = sky(), np.zeros((HEIGHT, WIDTH), bool)
    image[:] = (180, 200, 230)
    image[40:120, 98:102] = (155, 175, 208)  # a tenth darker
    masked[40:108, 80:120] = True

    found = doubtful(image, masked)

    assert found[108:120, 98:102].all()
    assert found.sum() < 200


def test_what_goes_on_beyond_is_the_photographs_own():
    # A post of which the mask has cut a part out, and whose rest stands.
    image, masked = sky(), np.zeros((HEIGHT, WIDTH), bool)
    image[40:, 95:105] = (60, 45, 30)
    masked[20:100, 80:120] = True

    assert doubtful(image, masked).sum() < 20


def test_what_does_not_look_like_what_is_masked_is_believed():
    image, masked = kite(14)
    image[masked] = (30, 60, 150)

    assert doubtful(image, masked).sum() < 20


def test_what_there_is_more_of_is_believed():
    # One of several alike things was masked, and another one reaches the mask.
    image, masked = kite(14)
    for x in range(4, WIDTH, 24):
        image[125:155, x : x + 8] = (240, 210, 40)

    assert not doubtful(image, masked)[108:].any()


PINK = (205, 120, 110)
DARKER_PINK, BROWN = (182, 97, 87), (152, 67, 57)
"""Darker pink is alike to pink; brown is to darker pink alone, so stones of it keep that from standing out."""


def gravel(stones: dict[tuple[int, int, int], float], seed: int = 1) -> np.ndarray:
    """Grey stones of 4 x 4 pixels, and coloured ones by share."""
    random, shape = np.random.default_rng(seed), (HEIGHT // 4, WIDTH // 4)
    result = random.integers(70, 190, (*shape, 1)) + random.integers(-8, 9, (*shape, 3))
    for colour, share in stones.items():
        result[random.random(shape) < share] = colour
    return result.astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)


def cut_off_below(
    deep: int, stones: dict[tuple[int, int, int], float], seed: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pink thing in gravel, of which the mask leaves a strip that is so deep: image, mask and strip."""
    image, masked, left = gravel(stones, seed), np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    masked[40:100, 60:140] = True
    left[100 : 100 + deep, 75:125] = True
    image[masked | left] = PINK
    return image, masked, left


@pytest.mark.parametrize("deep", [4, 8])
def test_what_looks_like_a_few_stones_but_far_more_like_the_thing_is_doubted(deep):
    image, masked, left = cut_off_below(deep, {PINK: 0.05})

    found = doubtful(image, masked)

    assert found[left].all()
    assert found[~left].mean() < 0.01


@pytest.mark.parametrize("flip", [np.flipud, np.fliplr, np.rot90], ids=["upside down", "mirrored", "on its side"])
def test_what_is_doubted_is_the_same_whichever_way_the_picture_is_turned(flip):
    for seed in range(8):
        image, masked, _ = cut_off_below(8, {PINK: 0.08, BROWN: 0.1}, seed)

        turned = doubtful(np.ascontiguousarray(flip(image)), np.ascontiguousarray(flip(masked)))

        assert np.array_equal(turned, flip(doubtful(image, masked))), seed


@pytest.mark.parametrize("flip", [np.flipud, np.fliplr, np.rot90], ids=["upside down", "mirrored", "on its side"])
def test_what_is_doubted_between_two_holes_is_the_same_whichever_way_the_picture_is_turned(flip):
    # Above the tip one hole is 30 thick to the left and thicker to the right: uphill of the tip lies both.
    image, masked = np.concatenate([sky()] * 3), np.zeros((3 * HEIGHT, WIDTH), bool)
    for x in range(WIDTH):
        masked[170 - max(0, x - 80) : 200, x] = True
    masked[224:] = True
    tip = np.zeros_like(masked)
    tip[200:208, 85:100] = True
    image[masked | tip] = (220, 40, 30)

    found = doubtful(image, masked)
    turned = doubtful(np.ascontiguousarray(flip(image)), np.ascontiguousarray(flip(masked)))

    assert found[tip].all()
    assert np.array_equal(turned, flip(found))


def test_what_looks_like_a_few_stones_is_believed_where_it_goes_deeper():
    image, masked, left = cut_off_below(13, {PINK: 0.05})

    assert not doubtful(image, masked)[left].any()


def test_what_looks_like_a_few_stones_is_believed_where_a_shade_of_it_leads_on():
    image, masked, left = cut_off_below(8, {PINK: 0.05, BROWN: 0.2})
    assert doubtful(image, masked)[left].all()

    image[108:, 94:106] = DARKER_PINK

    assert not doubtful(image, masked)[left].any()


def test_what_looks_like_a_few_stones_is_believed_where_there_is_much_of_a_shade_of_it():
    image, masked, left = cut_off_below(4, {PINK: 0.05, BROWN: 0.2})
    assert doubtful(image, masked)[left].all()

    image[104:109, 30:170] = DARKER_PINK

    assert not doubtful(image, masked)[left].any()


def test_what_looks_like_a_few_stones_is_believed_where_little_of_it_is_masked():
    stones = {PINK: 0.06}
    image, masked, left = cut_off_below(8, stones)
    image[40:88, 60:140] = gravel(stones)[40:88, 60:140]

    assert not doubtful(image, masked)[left].any()


def test_a_stone_beside_a_small_mask_is_no_rest_of_a_thing():
    # So little is masked that its shares say nothing.
    found = []
    for seed in range(8):
        masked = np.zeros((HEIGHT, WIDTH), bool)
        masked[70:90, 90:110] = True
        found.append(doubtful(gravel({PINK: 0.08}, seed), masked).sum())

    assert np.mean(found) < 10


def test_the_cancel_is_looked_at_all_the_time_however_much_is_left_outside():
    # Twelve long bars whose masks are all too narrow, in gravel of which some stones are of their colour.
    random, size = np.random.default_rng(0), 2000
    image = random.integers(80, 160, (size, size, 1), np.uint8).repeat(3, 2)
    image[random.random((size, size)) < 0.05] = (200, 90, 80)
    masked = np.zeros((size, size), bool)
    for x in range(100, size - 100, 160):
        image[92:-92, x - 8 : x + 48] = (200, 90, 80)
        masked[100:-100, x : x + 40] = True
    doubtful(image[:400, :400], masked[:400, :400])  # what is compiled once is compiled

    looks = [time.process_time()]
    found = doubtful_rim(Photograph(image, ~masked, False), masked, lambda: looks.append(time.process_time()))

    assert found.sum() > 100_000
    assert np.diff(looks).max() < 0.15 * (looks[-1] - looks[0])


def test_a_crop_round_a_cut_off_tip_gives_what_the_image_gives():
    image, masked = kite(14)
    wide, hole = np.tile(image, (2, 2, 1)), np.zeros((2 * HEIGHT, 2 * WIDTH), bool)
    hole[:HEIGHT, :WIDTH] = masked
    crop = slice(0, 121 - 14 + SEEN), slice(0, 150 + SEEN)

    assert np.array_equal(doubtful(wide[crop], hole[crop]), doubtful(wide, hole)[crop])
