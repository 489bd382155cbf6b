"""What several rooms do with rectangles."""

import numpy as np
import pytest

from glcic_backend.scene.rectangles import Boxes, bands
from glcic_backend.wire.geometry import Rectangle


@pytest.mark.parametrize(("pixels", "heights"), [(1, [1] * 7), (60, [3, 3, 1]), (1000, [7])])
def test_bands_are_whole_rows_that_together_are_the_rectangle(pixels, heights):
    cut = list(bands(Rectangle(5, 10, 20, 7), pixels))

    assert [band.height for band in cut] == heights
    assert [band.y for band in cut] == [10 + sum(heights[:number]) for number in range(len(heights))]
    assert {(band.x, band.width) for band in cut} == {(5, 20)}


def test_boxes_meet_a_rectangle_with_which_they_share_a_pixel():
    random = np.random.default_rng(0)
    boxes = [Rectangle(*random.integers(0, 20, 2).tolist(), *random.integers(1, 6, 2).tolist()) for _ in range(200)]
    part = Rectangle(8, 9, 4, 5)

    met = Boxes(boxes).meet(part)

    mine = {(x, y) for x in range(part.x, part.right) for y in range(part.y, part.bottom)}
    for box, meets in zip(boxes, met.tolist(), strict=True):
        theirs = {(x, y) for x in range(box.x, box.right) for y in range(box.y, box.bottom)}
        assert meets == bool(mine & theirs)
    assert Boxes([]).meet(part).shape == (0,)
