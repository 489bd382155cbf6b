"""Real photographs are continued without a visible seam, with the model that ships."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from .scenes import rim_jump

FOLDER = Path(__file__).parent / "photographs"


def photograph(name):
    return cv2.cvtColor(cv2.imread(str(FOLDER / f"{name}.jpg")), cv2.COLOR_BGR2RGB)


def hole_at(image, x, y, width, height):
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("horizon", (100, 60, 100, 100)),  # the clear sky above it
        ("horizon", (150, 170, 110, 130)),
        ("bricks", (20, 20, 110, 120)),
        ("boards", (30, 150, 110, 110)),
        ("facade", (150, 100, 100, 100)),
    ],
)
def test_no_seam_shows_at_the_rim(engine, name, place):
    image = photograph(name)
    mask = hole_at(image, *place)

    completed = engine.complete(image, mask)

    # A rim may lie where the photograph itself has more contrast than round it.
    assert rim_jump(completed, mask > 0) <= 1.3 * max(1, rim_jump(image, mask > 0))


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_clear_sky_has_no_blotch(engine, quality):
    image = photograph("horizon")
    mask = hole_at(image, 100, 60, 100, 100)

    completed = engine.complete(image, mask, quality=quality)

    blurred, truth = (cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 4) for picture in (completed, image))
    error = np.abs(blurred - truth)[mask > 0]
    assert error.max() <= 12
