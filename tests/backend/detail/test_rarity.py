"""What stands out from its surroundings is a poor source."""

import cv2
import numpy as np

from glcic_backend.detail import FAITHFUL, Task, transfer_texture
from glcic_backend.detail.pyramid import Level
from glcic_backend.detail.rarity import rarity
from glcic_backend.scene.scene import Scene

GREEN, BLUE, ORANGE = (0.3, 0.5, 0.2), (0.3, 0.4, 0.7), (0.8, 0.5, 0.2)
THING = 60, 60  # row and column


def ground(noise=0.02):
    """Green beside blue, with one small orange thing in the green and a hole in the middle."""
    rng = np.random.default_rng(0)
    picture = np.empty((200, 240, 3), np.float32)
    picture[:, :140], picture[:, 140:] = GREEN, BLUE
    cv2.circle(picture, THING[::-1], 6, ORANGE, -1, cv2.LINE_AA)
    picture += rng.normal(0, noise, picture.shape).astype(np.float32)
    hole = np.zeros(picture.shape[:2], bool)
    hole[80:130, 90:170] = True
    return Scene(picture, ~hole, hole)


def costs(scene):
    """By row and column."""
    level = Level(scene)
    return rarity(level, 1.0).reshape(-1, level.stride)[3:-3, 3:-3]


def test_a_thing_costs_more_and_the_ground_and_the_edge_between_its_parts_do_not():
    added = costs(ground())

    assert added[THING] > 0
    assert added[20:40, 20:120].max() == added[20:40, 170:220].max() == 0
    assert added[20:40, 136:144].max() == 0


def test_what_the_hole_touches_is_common_however_small_it_is_in_the_photograph():
    """A post that the mask cuts through is to go on."""
    scene = ground()
    scene.picture[70:140, 125:131] = ORANGE

    assert costs(scene)[75, 128] < 0.2 * costs(ground())[THING]


def test_no_copy_of_a_thing_floats_in_the_fill():
    """The rough completion has its colour, as where a second one like it was removed."""
    for seed in range(3):
        scene = ground(noise=0.08)
        cv2.circle(scene.picture, THING[::-1], 9, ORANGE, -1)
        with_both = scene.picture.copy()
        cv2.circle(with_both, (115, 105), 9, ORANGE, -1)
        scene.picture[scene.hole] = cv2.GaussianBlur(with_both, (0, 0), 3)[scene.hole]

        assert transfer_texture(Task(scene, 2, 4.0, FAITHFUL, seed), lambda share: None, None)

        assert (scene.picture[scene.hole][:, 0] > 0.6).mean() < 0.005  # 0.06 where rarity costs nothing
