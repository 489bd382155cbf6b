"""Holes for which details will be found: where these only begin with the completion, it is made one scale coarser."""

import numpy as np
import pytest
import torch

from glcic_backend.network.completer import Completer
from glcic_backend.network.level import network_window, rough_level
from glcic_backend.scene.holes import Hole
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.wire.geometry import Rectangle

from ..conftest import make_thin_network

LARGEST = 48
COMPLETER = Completer(make_thin_network().float(), (0.47, 0.44, 0.40), LARGEST, torch.device("cpu"))
WIDTH, HEIGHT = 1100, 1000
FOLLOWED, FREE = Rectangle(60, 90, 40, 200), Rectangle(501, 415, 60, 70)


def photograph(*boxes, seed=0):
    image = np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), np.float32)
    known = np.ones((HEIGHT, WIDTH), bool)
    for box in boxes:
        known[slices(box)] = False
    return Photograph(image, known, False)


def hole(box):
    return Hole(box, np.ones((box.height, box.width), bool), min(box.width, box.height))


def completed(image, *boxes, roughly=True):
    fills = COMPLETER.complete(image, [hole(box) for box in boxes], lambda share: None, None, roughly=roughly)
    return {fill.region: fill.colour for fill in fills}


@pytest.mark.parametrize(("thickness", "level"), [(8, 0), (40, 0), (41, 1), (48, 1), (49, 2), (96, 2), (97, 3)])
def test_holes_that_are_not_followed_are_completed_one_level_coarser(thickness, level):
    assert rough_level(thickness, LARGEST) == level


def of_the_window(image, box):
    """The completion of a hole in the window that the network would see, one level coarser."""
    window = grown(network_window(WIDTH, HEIGHT, box, 1), 0, WIDTH, HEIGHT)
    inner = box._replace(x=box.x - window.x, y=box.y - window.y)
    thick = Hole(inner, np.ones((inner.height, inner.width), bool), 2 * LARGEST + 1)
    (fill,) = COMPLETER.complete(image.part(window), [thick], lambda share: None, None)
    return window, fill.colour


def test_what_is_completed_roughly_is_the_completion_of_a_copy_half_as_large_of_the_window():
    image = photograph(FREE)

    window, expected = of_the_window(image, FREE)

    assert window.x > 0 and window.y > 0 and window.right < WIDTH and window.bottom < HEIGHT
    assert np.array_equal(completed(image, FREE)[FREE], expected)


def test_a_hole_that_is_followed_is_completed_as_always_beside_one_that_is_not():
    image = photograph(FOLLOWED, FREE)

    both = completed(image, FREE, FOLLOWED)

    assert np.array_equal(both[FOLLOWED], completed(image, FOLLOWED, roughly=False)[FOLLOWED])
    assert not np.array_equal(both[FREE], completed(image, FREE, roughly=False)[FREE])


def test_a_crop_that_holds_the_networks_window_gives_the_same_bits():
    image = photograph(FREE)
    window = network_window(WIDTH, HEIGHT, FREE, 1)
    crop = grown(window, 0, WIDTH, HEIGHT, 16)
    assert crop.x > 0 and crop.y > 0
    moved = FREE._replace(x=FREE.x - crop.x, y=FREE.y - crop.y)

    assert np.array_equal(completed(image.part(crop), moved)[moved], completed(image, FREE)[FREE])


@pytest.mark.parametrize("box", [Rectangle(0, 0, 60, 70), Rectangle(1039, 927, 61, 73), Rectangle(0, 200, 1100, 60)])
def test_a_hole_at_the_edge_of_the_photograph_is_completed_as_in_its_window(box):
    image = photograph(box)

    assert np.array_equal(completed(image, box)[box], of_the_window(image, box)[1])


def test_progress_rises_to_one_over_holes_of_both_kinds():
    told = []
    COMPLETER.complete(photograph(FOLLOWED, FREE), [hole(FREE), hole(FOLLOWED)], told.append, None, roughly=True)

    assert told == sorted(told)
    assert told[-1] == 1
