"""The parts of the search: levels, nearest neighbours, votes, seams."""

import cv2
import numpy as np
import pytest

from glcic_backend.detail import nearest_neighbours
from glcic_backend.detail.contrast import Contrast, contrasts
from glcic_backend.detail.flatness import Flatness
from glcic_backend.detail.nearest_neighbours import Matcher
from glcic_backend.detail.patches import COMPONENTS, PatchSpace
from glcic_backend.detail.pyramid import RADIUS, Level, doubled
from glcic_backend.detail.seams import without_seams
from glcic_backend.detail.shades import Shades
from glcic_backend.detail.voting import best_vote, mean_vote
from glcic_backend.scene.scene import Scene


def nothing() -> None:
    pass


def scene_of(picture, x, y, w, h):
    hole = np.zeros(picture.shape[:2], bool)
    hole[y : y + h, x : x + w] = True
    return Scene(picture.astype(np.float32), ~hole, hole)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(60) / 5)[:, None, None] * np.cos(np.arange(70) / 7)[None, :, None] / 4 + 0.5
    return scene_of(waves + rng.normal(0, 0.05, (60, 70, 3)), 28, 22, 12, 14)


@pytest.fixture(scope="module")
def level(scene):
    return Level(scene)


def contrast_of(level, strength=0.7):
    return Contrast(level, contrasts(level), strength)


def flatness_of(level, begins=0.0, variance=0.0):
    return Flatness(level, contrasts(level), Shades(level), begins, variance)


def matcher_of(level, vectors, contrast, nearness, seed=0, added=None, flatness=None):
    flatness = flatness_of(level) if flatness is None else flatness
    added = np.zeros(level.count, np.float32) if added is None else added
    nearness = np.full(len(level.targets), nearness)
    return Matcher(level, vectors, contrast, flatness, added, nearness, np.random.default_rng(seed), nothing)


def patch(level, picture, position):
    row, column = (int(value) for value in level.rows_and_columns(np.int32(position)))
    return picture[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1]


def test_sources_are_known_wholly_and_targets_touch_the_hole(scene, level):
    assert all(patch(level, scene.known, position).all() for position in level.sources.tolist())
    assert all(patch(level, scene.hole, position).any() for position in level.targets.tolist())
    assert len(level.targets) == (12 + 2 * RADIUS) * (14 + 2 * RADIUS)
    assert len(level.filled) == 12 * 14


@pytest.mark.parametrize("x", [0, 2, 29, 57, 60])
@pytest.mark.parametrize("y", [0, 1, 25, 46, 48])
def test_the_border_mirrors_what_is_filled_at_the_edge(x, y):
    random = np.random.default_rng(0)
    scene = scene_of(random.random((60, 70, 3)), x, y, 10, 12)
    level = Level(scene)
    colours = random.random((len(level.filled), 3), np.float32)

    pixels = level.pixels.copy()
    level.fill(pixels, colours)

    filled = scene.picture.copy()
    filled[level.rows_and_columns(level.filled)] = colours
    mirrored = np.pad(filled, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    assert (pixels.reshape(mirrored.shape) == mirrored).all()


def test_the_search_finds_what_comparing_all_finds_or_nearly(level):
    vectors = PatchSpace(level).everywhere(nothing)
    contrast, flatness = contrast_of(level), flatness_of(level, 1.0, 0.01)
    added = np.random.default_rng(1).uniform(0, 0.01, level.count).astype(np.float32)
    matcher = matcher_of(level, vectors, contrast, 0.5, added=added, flatness=flatness)
    wanted = vectors[level.targets]
    best = matcher.cost(wanted, matcher.first(wanted))

    found = matcher.anywhere()
    cost = matcher.cost(wanted, found)
    begin = cost.mean()
    for number in range(8):
        matcher.improve(wanted, found, cost, number % 2 == 1)

    calmness = contrast.flaws[level.sources, 0]
    factors = np.maximum(np.multiply.outer(contrast.wanted, calmness), 1)
    (rows, columns), (from_rows, from_columns) = map(level.rows_and_columns, (level.targets, level.sources))
    down, across = np.subtract.outer(rows, from_rows), np.subtract.outer(columns, from_columns)
    distance = np.hypot(down, across)
    farness = 1 + 0.5 * distance / (2 * level.depth.max())
    squares = np.square(wanted[:, None] - vectors[level.sources]).sum(axis=2)
    texture, usual = flatness.flaws[level.sources].T
    flat = np.maximum(np.minimum.outer(flatness.wanted, usual) - texture, 0)
    assert flat.any() and not flat.all()
    costs = (squares * factors + flat + added[level.sources]) * farness
    assert np.allclose(best, costs.min(axis=1), atol=1e-5)
    assert level.is_source[found].all()
    assert np.allclose(cost, matcher.cost(wanted, found))
    assert (cost.mean() - best.mean()) <= 0.1 * (begin - best.mean())


@pytest.mark.parametrize("spoilt", [0, 5])
def test_of_sources_alike_the_first_begins_and_one_without_a_number_never(spoilt):
    """Colours far out of any range have patches that are no numbers."""
    level = Level(scene_of(np.full((60, 70, 3), 0.5), 28, 22, 12, 14))
    vectors = np.zeros((level.count, COMPONENTS), np.float32)
    vectors[level.sources[:spoilt]] = np.nan
    wanted = np.ones((len(level.targets), COMPONENTS), np.float32)

    found = matcher_of(level, vectors, contrast_of(level), 0.0).first(wanted)

    assert (found == level.sources[spoilt]).all()


def test_of_two_sources_alike_the_nearer_one_is_found():
    picture = np.zeros((60, 160, 3))
    picture[:, ::8] = 1
    picture += np.random.default_rng(0).normal(0, 0.05, picture.shape)
    level = Level(scene_of(picture, 70, 25, 10, 10))
    vectors = PatchSpace(level).everywhere(nothing)
    wanted = vectors[level.targets]

    def mean_distance(nearness):
        matcher = matcher_of(level, vectors, contrast_of(level), nearness)
        (rows, columns), (from_rows, from_columns) = map(level.rows_and_columns, (level.targets, matcher.first(wanted)))
        return np.hypot(rows - from_rows, columns - from_columns).mean()

    assert mean_distance(0.5) < 0.7 * mean_distance(0.0)


def hole_of(width, height):
    hole = np.zeros((200, 200), np.uint8)
    cv2.ellipse(hole, (100, 100), (width // 2, height // 2), 0, 0, 360, 1, -1)
    return Level(Scene(np.zeros((200, 200, 3), np.float32), hole == 0, hole > 0))


def test_in_a_wide_hole_a_distance_to_the_side_is_measured_by_its_width():
    level = hole_of(150, 30)
    flat = np.zeros((level.count, COMPONENTS), np.float32)
    matcher = matcher_of(level, flat, contrast_of(level, 0), 1.0, added=np.ones(level.count, np.float32))
    middle = level.number[level.at(np.int32(100), np.int32(100))]
    found = np.full(len(level.targets), level.sources[0])

    def farness(across, down):
        found[middle] = level.at(np.int32(100 + down), np.int32(100 + across))
        return (matcher.cost(flat[: len(found)], found)[middle] - 1) * level.thickness

    # With the patches' rim, 156 by 36 pixels.
    assert farness(90, 0) == pytest.approx(90 * 4 / 3 * 36 / 156, rel=0.03)
    assert farness(0, 40) == pytest.approx(40, rel=0.001)


@pytest.mark.parametrize(("width", "height"), [(50, 50), (60, 50), (30, 150)])
def test_round_a_hole_that_is_not_wide_all_directions_count_alike(width, height):
    assert hole_of(width, height).sideways == 1


def test_a_random_source_that_gains_little_does_not_break_a_piece(level, monkeypatch):
    vectors = PatchSpace(level).everywhere(nothing)
    wanted = vectors[level.targets]
    piece = level.targets - 20 * level.stride

    def share_that_continues_its_neighbour():
        beside = level.number[level.targets + 1]
        inner = beside < len(piece)
        shares = []
        for seed in range(20):
            matcher = matcher_of(level, vectors, contrast_of(level), 0.0, seed)
            found = piece.copy()
            matcher.improve(wanted, found, matcher.cost(wanted, found), False)
            shares.append((found[inner] + 1 == found[beside[inner]]).mean())
        return np.mean(shares)

    whole = share_that_continues_its_neighbour()
    monkeypatch.setattr(nearest_neighbours, "_WORTH_A_JUMP", 1.0)

    assert whole > share_that_continues_its_neighbour()


def test_a_doubled_field_points_to_the_same_places(scene):
    coarse, fine = Level(scene.halved()), Level(scene)
    random = np.random.default_rng(0)
    found = random.choice(coarse.sources, len(coarse.targets))

    result, parents = doubled(found, coarse, fine, random)

    assert fine.is_source[result].all()
    rows, columns = fine.rows_and_columns(result)
    coarse_rows, coarse_columns = coarse.rows_and_columns(found[parents])
    same = (rows // 2 == coarse_rows) & (columns // 2 == coarse_columns)
    assert same.mean() > 0.95


def test_the_best_vote_is_the_cheapest_patch_s_pixel(level):
    shift = 20 * level.stride
    found, cost = level.targets - shift, np.ones(len(level.targets), np.float32)
    cheap = len(level.targets) // 2
    found[cheap], cost[cheap] = level.sources[0], 1e-3

    copied = best_vote(level, found, np.log(cost), nothing)

    near = np.isin(level.filled - level.targets[cheap], level.offsets)
    assert np.array_equal(copied[near], level.filled[near] - level.targets[cheap] + level.sources[0])
    assert np.array_equal(copied[~near], level.filled[~near] - shift)


@pytest.mark.parametrize("cost", [np.inf, np.nan])
def test_costs_that_are_no_numbers_still_lead_to_pixels_of_the_picture(level, cost):
    found = np.full(len(level.targets), level.sources[0], np.int32)

    copied = best_vote(level, found, np.full(len(found), cost, np.float32), nothing)

    assert set(copied) <= set(level.sources[0] + level.offsets)


def test_the_mean_vote_is_what_the_patches_agree_on(level):
    shift = 20 * level.stride

    colours = mean_vote(level, level.targets - shift, np.zeros(len(level.targets), np.float32), nothing)

    assert np.allclose(colours, level.pixels[level.filled - shift], atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 300.0])
def test_a_vote_of_half_the_cost_counts_four_times_in_the_mean(level, scale):
    """The costs' logarithms, which a large hole makes large, stay out of what floating point can hold."""
    shift = 20 * level.stride
    found, cost = level.targets - shift, np.ones(len(level.targets), np.float32)
    centre = len(level.filled) // 2
    cheap = int(level.number[level.filled[centre]])
    found[cheap], cost[cheap] = level.sources[0], 0.5

    colours = mean_vote(level, found, np.log(cost) + scale, nothing)

    squares = np.array([y * y + x * x for y in range(-RADIUS, RADIUS + 1) for x in range(-RADIUS, RADIUS + 1)])
    weights = (1 + 0.02 * squares) ** -2.0
    others = (weights.sum() - 1) * level.pixels[level.targets[cheap] - shift]
    wanted = (4 * level.pixels[level.sources[0]] + others) / (4 + weights.sum() - 1)
    assert np.allclose(colours[centre], wanted, atol=1e-4)


def test_pieces_of_another_brightness_join_without_a_step():
    columns = np.linspace(0.2, 0.5, 80)[None, :, None].repeat(60, 0).repeat(3, 2)
    darker = columns.copy()
    darker[:20] -= 0.1
    scene = scene_of(darker, 30, 28, 20, 20)
    level = Level(scene)
    # The left half is copied from its own rows, the right half from the darker rows above.
    is_right = level.rows_and_columns(level.filled)[1] >= 40
    copied = np.where(is_right, level.filled - 28 * level.stride, level.filled - 20)

    colours = without_seams(level, scene.known, copied, 0.003, 6.0, nothing, None).reshape(20, 20, 3)
    plain = level.pixels[copied].reshape(20, 20, 3)

    step, plain_step = (np.abs(np.diff(values, axis=1))[:, 9].mean() for values in (colours, plain))
    assert plain_step > 0.02
    assert step < 0.25 * plain_step


def test_a_correction_of_shade_reaches_as_far_as_the_screen_lets_it():
    """In a large hole of a blurred photograph, a correction that fades within a few pixels shows as an outline."""
    columns = np.full((100, 160, 3), 0.5, np.float32)
    columns[:, 100:] = 0.4
    scene = scene_of(columns, 30, 30, 40, 40)
    level = Level(scene)
    copied = level.filled + 75

    near, far = (
        without_seams(level, scene.known, copied, screen, 6.0, nothing, None).reshape(40, 40, 3)[20, 20, 0]
        for screen in (0.03, 0.0003)
    )

    assert near < 0.43
    assert far > 0.47


@pytest.mark.parametrize(("shade", "kept"), [(0.38, 0.0), (0.15, 1.0)])
def test_in_a_photograph_with_edges_a_step_of_shade_goes_and_an_edge_stays(shade, kept):
    """Two parts of a sky differ by shade; sky and sea meet at an edge."""
    picture = np.full((100, 200, 3), 0.5, np.float32)
    picture[:, 120:160] = shade
    picture[::2, 190:] = 0
    scene = scene_of(picture, 30, 30, 40, 40)
    level = Level(scene)
    is_right = level.rows_and_columns(level.filled)[1] >= 50
    copied = np.where(is_right, level.filled + 75, level.filled - 29)

    colours = without_seams(level, scene.known, copied, 0.003, 6.0, nothing, None).reshape(40, 40, 3)[20, :, 0]

    assert abs((colours[19] - colours[20]) / (0.5 - shade) - kept) < 0.1


@pytest.mark.parametrize(("cut", "most"), [(0, 0.001), (1, 0.03), (2, 0.005)])
def test_a_ridge_that_is_cut_in_its_soft_edge_does_not_tint_the_sky_beside_it(cut, most):
    """Sky in the left half of the hole, in the right one a ridge without the first pixels of its edge."""
    picture = np.full((160, 140, 3), 0.6, np.float32)
    picture[:, 50], picture[:, 51], picture[:, 52:] = 0.5, 0.35, 0.2
    picture[::2, 130:] = 1
    scene = scene_of(picture, 30, 30, 40, 40)
    level = Level(scene)
    is_ridge = level.rows_and_columns(level.filled)[1] >= 50
    copied = level.filled + 60 * level.stride + np.where(is_ridge, cut, -10)

    colours = without_seams(level, scene.known, copied, 0.003, 6.0, nothing, None).reshape(40, 40, 3)[20, :20, 0]

    assert np.abs(colours - 0.6).max() < most


def test_a_scrap_of_the_thing_outside_the_mask_does_not_tint_the_fill():
    """Half of the rim's left side is the red thing; what is copied there is the grey ground, as everywhere."""
    rng = np.random.default_rng(0)
    picture = (0.5 + rng.normal(0, 0.02, (100, 160, 1))).repeat(3, 2)
    picture[40:50, 20:30] = 0.8, 0.2, 0.2
    picture[:, 100:] += 0.02
    scene = scene_of(picture, 30, 30, 40, 40)
    level = Level(scene)

    colours = without_seams(level, scene.known, level.filled + 75, 0.0003, 6.0, nothing, None).reshape(40, 40, 3)

    tint = (colours[..., 0] - colours[..., 1]).clip(0)
    assert tint[10:20, :4].mean() < 0.03
    assert tint.mean() < 0.005
    assert abs(colours[20:, :4].mean() - 0.5) < 0.01  # elsewhere the shade is made to fit


def test_a_small_scrap_beside_the_rim_does_not_tint_a_calm_fill_either():
    """Of its step little is left in a mean over 7 x 7 pixels, and that would be believed."""
    picture = np.full((100, 160, 3), 0.5, np.float32)
    picture[44:47, 20:30] = 0.85, 0.15, 0.15
    scene = scene_of(picture, 30, 30, 40, 40)
    level = Level(scene)

    colours = without_seams(level, scene.known, level.filled + 75, 0.0003, 6.0, nothing, None).reshape(40, 40, 3)

    assert np.abs(colours - 0.5)[:, 2:].max() < 0.01


@pytest.mark.parametrize(("noise", "most"), [(0.07, 0.004), (0.1, 0.002)])
def test_a_scrap_that_is_no_outlier_does_not_tint_gravel(noise, most):
    """In gravel all steps at the rim are large. None of them is seen, so the copied colours are kept."""
    rng = np.random.default_rng(0)
    picture = (0.5 + rng.normal(0, noise, (100, 160, 1))).repeat(3, 2)
    picture[36:64, 22:30, 0] += 0.1
    picture[36:64, 22:30, 1:] -= 0.05
    scene = scene_of(picture, 30, 30, 40, 40)
    level = Level(scene)

    colours = without_seams(level, scene.known, level.filled + 75, 0.0003, 6.0, nothing, None).reshape(40, 40, 3)

    tint = colours[..., 0] - colours[..., 1]
    assert abs(tint[:, 8:].mean()) < most


@pytest.mark.parametrize("noise", [0.02, 0.03])
def test_in_a_noisy_sky_a_correction_of_shade_reaches_as_far_as_without_noise(noise):
    def shade(noise):
        picture = np.full((100, 160, 3), 0.5)
        picture[:, 90:] = 0.4
        picture += np.random.default_rng(0).normal(0, noise, picture.shape)
        scene = scene_of(picture, 30, 30, 40, 40)
        level = Level(scene)
        colours = without_seams(level, scene.known, level.filled + 70, 0.0003, 6.0, nothing, None)
        return colours.reshape(40, 40, 3)[10:30, 10:30].mean()

    assert abs(shade(noise) - shade(0)) < 0.01


@pytest.mark.parametrize("wide", [1, 3, 80])
def test_a_line_or_an_edge_in_a_calm_piece_of_another_shade_leaves_no_band_beside_it(wide):
    """The whole piece is made lighter alike: were the line's colours kept, they would hold its surroundings."""
    picture = np.full((100, 240, 3), 0.5, np.float32)
    picture[:, 100:] = 0.4
    picture[50 : 50 + wide, 110:220] = 0.1
    picture[::2, 230:] = 0
    scene = scene_of(picture, 30, 30, 40, 40)
    level = Level(scene)

    colours = without_seams(level, scene.known, level.filled + 100, 0.0003, 6.0, nothing, None).reshape(40, 40, 3)

    above = colours[8:19, 20, 0]
    assert above[-1] > above[0] - 0.02
