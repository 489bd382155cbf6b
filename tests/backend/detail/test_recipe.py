"""How far fills follow the completion: those of holes that the network knows, and those of larger ones."""

from dataclasses import replace

import numpy as np
import pytest

from glcic_backend.detail import FAITHFUL, FREE, Task, search, transfer_texture
from glcic_backend.detail import fills as detailed
from glcic_backend.detail.fills import add_details
from glcic_backend.detail.nearest_neighbours import Matcher
from glcic_backend.detail.options import DetailOptions
from glcic_backend.detail.pyramid import RADIUS
from glcic_backend.scene.fill import Fill
from glcic_backend.scene.holes import find_holes
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.scene import Scene


def stripes(height, width):
    """Dark stripes on the left half, light ones on the right: a guide tells which belong into a hole between them."""
    shade = np.where(np.arange(width) < width // 2, 0.25, 0.75)
    wave = 0.15 * np.sin(np.arange(height) * 0.9)
    return np.repeat((shade[None, :] + wave[:, None])[..., None], 3, axis=2).astype(np.float32)


def filled_by(recipe):
    """The mean shade of a hole in the dark half for which the completion says light."""
    picture = stripes(160, 320)
    hole = np.zeros(picture.shape[:2], bool)
    hole[50:110, 50:110] = True
    picture[hole] = 0.75
    scene = Scene(picture, ~hole, hole)
    assert transfer_texture(Task(scene, 2, 10.0, recipe, 0), lambda share: None, None)
    return float(scene.picture[hole].mean())


@pytest.mark.parametrize(("side", "fewer"), [(120, True), (60, False)])
def test_the_rounds_of_a_large_level_end_once_its_pieces_have_settled(monkeypatch, side, fewer):
    passes = []
    improve = Matcher.improve
    monkeypatch.setattr(Matcher, "improve", lambda *arguments: passes.append(len(arguments[2])) or improve(*arguments))

    def counted(settled):
        passes.clear()
        monkeypatch.setattr(search, "_SETTLED", settled)
        picture = stripes(240, 240)
        truth = picture.copy()
        hole = np.zeros(picture.shape[:2], bool)
        hole[60 : 60 + side, 60 : 60 + side] = True
        picture[hole] = 0.5
        scene = Scene(picture, ~hole, hole)
        assert transfer_texture(Task(scene, 3, 10.0, FREE, 0), lambda share: None, None)
        return passes.count((side + 2 * RADIUS) ** 2), np.abs(scene.picture - truth)[hole].mean()

    settled = search._SETTLED
    (all_of_them, exact), (told, error) = counted(0.0), counted(settled)

    assert all_of_them == 3 * FREE.rounds_at(0)
    assert (told < all_of_them) is fewer
    assert error < exact + 0.005


def test_a_weighty_guide_holds_the_fill_to_the_completion():
    free, followed = (filled_by(replace(FREE, guide=guide)) for guide in (0.0, 30.0))

    assert followed > 0.6
    assert free < 0.5


@pytest.mark.parametrize(("largest", "expected"), [(72, FAITHFUL), (64, FREE), (40, FREE)])
def test_holes_that_the_network_hardly_knows_are_filled_freely(monkeypatch, largest, expected):
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    masked = np.zeros((200, 200), bool)
    masked[70:130, 70:130] = True
    holes = find_holes(masked)
    fills = [Fill(hole.box, hole.mask, np.full((*hole.mask.shape, 3), 0.5, np.float32)) for hole in holes]
    recipes = []
    monkeypatch.setattr(detailed, "transfer_texture", lambda task, *rest: recipes.append(task.recipe) or False)

    photograph, options = Photograph(image, ~masked, False), DetailOptions("automatic", 0, largest)
    add_details(photograph, holes, fills, [[] for _ in holes], options, lambda share: None, None)

    assert recipes == [expected]


def test_the_last_number_of_rounds_stands_for_all_coarser_scales():
    recipe = replace(FREE, rounds=(1, 2, 3))

    assert [recipe.rounds_at(number) for number in range(5)] == [1, 2, 3, 3, 3]


def test_the_rim_fades_faster_than_what_lies_deeper():
    recipe = replace(FREE, fading=1.5, rim_fading=2.0, rim=4)

    factors = np.exp(recipe.fading_at(np.array([0.0, 1.0, 4.0, 6.0], np.float32)))

    assert np.allclose(factors, [1.0, 2.0, 16.0, 36.0])


def test_the_fading_ends_half_way_where_structure_is_found_and_stays_where_it_is_refined():
    recipe = replace(FREE, structure=40.0, fading_ends=0.5)

    found, refined = ([recipe.fading_left(turn, 9, thickness) for turn in range(9)] for thickness in (40.0, 41.0))

    assert np.allclose(found, [1, 0.75, 0.5, 0.25, 0, 0, 0, 0, 0])
    assert refined == [1.0] * 9
    assert recipe.fading_left(0, 1, 40.0) == 1
