"""Long thin holes in short pieces: all of their pixels once, and none beside another of its round."""

import cv2
import numpy as np
import pytest

from glcic_backend.scene.holes import SPECK_SIDE, find_holes
from glcic_backend.scene.rectangles import grown
from glcic_backend.scene.strands import strand_pieces

SIZE = (900, 1200)


def line(start, end, width):
    return cv2.line(np.zeros(SIZE, np.uint8), start, end, 1, width) > 0


def ring():
    return cv2.circle(np.zeros(SIZE, np.uint8), (600, 450), 300, 1, 9) > 0


STRANDS = {
    "diagonal": line((3, 5), (1190, 890), 3),
    "level": line((0, 400), (1199, 407), 5),
    "wide": line((100, 100), (1100, 500), 14),
    "ring": ring(),
}


@pytest.mark.parametrize("name", STRANDS)
def test_the_pieces_hold_each_pixel_once_and_are_no_larger_than_specks(name):
    mask = STRANDS[name]
    (hole,) = find_holes(mask)
    found = np.zeros(SIZE, int)

    for pieces in strand_pieces(hole):
        for piece in pieces:
            found[piece.box.y : piece.box.bottom, piece.box.x : piece.box.right] += piece.mask
            assert max(piece.box.width, piece.box.height) <= SPECK_SIDE
            assert piece.thickness == hole.thickness

    assert np.array_equal(found, mask.astype(int))


@pytest.mark.parametrize("name", STRANDS)
def test_pieces_of_one_round_do_not_touch(name):
    (hole,) = find_holes(STRANDS[name])

    for pieces in strand_pieces(hole):
        taken = np.zeros(SIZE, int)
        for piece in pieces:
            box = grown(piece.box, 8, SIZE[1], SIZE[0])
            taken[box.y : box.bottom, box.x : box.right] += 1
        assert taken.max() == 1


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(line((400, 400), (430, 420), 5), id="speck"),
        pytest.param(line((100, 400), (900, 400), 30), id="thick"),
        pytest.param(np.random.default_rng(0).random(SIZE) < 0.5, id="half of all pixels"),
    ],
)
def test_what_is_small_thick_or_everywhere_stays_whole(mask):
    for hole in find_holes(mask):
        assert strand_pieces(hole) == []
