"""Lines that the user draws: what of them counts, and that edges go on where they lead."""

import numpy as np
import pytest

from glcic_backend.detail.drawn_lines import drawn_lines, goes_on_as
from glcic_backend.detail.line_pairs import interrupted_lines
from glcic_backend.errors import InvalidInputError
from glcic_backend.scene.scene import Scene
from glcic_backend.wire.geometry import Rectangle, moved_lines

from . import drawn_scenes
from .line_scenes import band, broken


def scene_of(made):
    return Scene(made.image.astype(np.float32) / 255, ~made.hole, made.hole)


def level_line(hole=(70, 40, 40, 40)):
    """A dark line of two pixels at the height of 60.3, on grey, 180 x 120."""
    return broken(np.full((120, 180, 3), 0.7), band(120, 180, 0.0, 2), np.full(3, 0.2), hole)


@pytest.mark.parametrize(
    ("name", "most_without", "least"), [("kink", 0.7, 0.95), ("shore", 0.85, 0.95), ("cable", 0.5, 0.8)]
)
@pytest.mark.parametrize("aside", [0, 2])
def test_an_edge_goes_on_along_the_line_that_is_drawn_where_it_does_not_by_itself(
    engine, name, most_without, least, aside
):
    without, drawn = [], []
    for seed in range(2):
        made, corners = getattr(drawn_scenes, name)(np.random.default_rng(seed))
        lines = [drawn_scenes.flat(corners, aside)]
        without.append(made.kept(engine.complete(made.image, made.hole, seed=seed)))
        drawn.append(made.kept(engine.complete(made.image, made.hole, lines=lines, seed=seed)))

    assert np.mean(without) <= most_without
    assert least <= np.mean(drawn) <= 1.1


def test_a_crop_gives_with_the_line_moved_what_the_whole_image_gives_and_outside_nothing_changes(engine):
    made, corners = drawn_scenes.kink(np.random.default_rng(0))
    image = np.pad(made.image, ((300, 300), (400, 400), (0, 0)), mode="symmetric")
    hole = np.pad(made.hole, ((300, 300), (400, 400)))
    line = moved_lines([drawn_scenes.flat(corners, 0.37)], 400, 300)
    crop = engine.context(image.shape[1], image.shape[0], Rectangle(520, 370, 80, 100))
    part = slice(crop.y, crop.bottom), slice(crop.x, crop.right)

    whole = engine.complete(image, hole, lines=line)
    cropped = engine.complete(image[part].copy(), hole[part].copy(), lines=moved_lines(line, -crop.x, -crop.y))

    assert image[part].shape != image.shape
    assert np.array_equal(whole[part], cropped)
    assert np.array_equal(whole[~hole], image[~hole])


def test_a_line_may_be_drawn_where_holes_are_filled_on_sheets(engine):
    made = level_line(hole=(80, 55, 12, 12))

    completed = engine.complete(made.image, made.hole, lines=[[10, 60.3, 170, 60.3]])

    assert 0.8 <= made.kept(completed) <= 1.2


def test_lines_do_nothing_to_holes_that_they_do_not_lead_into(engine):
    made, corners = drawn_scenes.kink(np.random.default_rng(0))
    image = np.concatenate([made.image, made.image[::-1]])
    first, second = np.zeros(image.shape[:2], bool), np.zeros(image.shape[:2], bool)
    first[:240], second[240:] = made.hole, made.hole
    line = [drawn_scenes.flat(corners)]

    alone = engine.complete(image, second, seed=1)
    both = engine.complete(image, first | second, lines=line, seed=1)

    assert np.abs(both[second].astype(int) - alone[second]).mean() < 3
    assert made.kept(both[:240]) > 0.95


def test_what_is_hidden_of_a_line_lies_between_its_known_parts_and_looks_as_they_do():
    made = level_line()

    (line,) = drawn_lines(scene_of(made), np.array([(10.0, 59.8), (170.0, 59.8)]))

    assert line.hidden[0, 0] < 70 < 109 < line.hidden[-1, 0]
    assert line.gap == pytest.approx(42, abs=2)
    assert line.path[0, 0] == 10 and line.path[-1, 0] == 170
    assert np.allclose(line.profiles[0], line.profiles[1], atol=1e-6)
    assert line.profiles[0].min() < 0.3 and line.profiles[0].max() == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("aside", [-3.0, 0.0, 2.5])
def test_a_line_that_is_drawn_a_little_beside_what_it_means_follows_that(aside):
    made = level_line()

    (line,) = drawn_lines(scene_of(made), np.array([(10.0, 59.8 + aside), (170.0, 59.8 + aside)]))

    assert np.allclose(line.path[:, 1], 59.8, atol=0.35)


def test_a_line_that_ends_in_the_hole_goes_on_as_far_as_it_is_drawn():
    (line,) = drawn_lines(scene_of(level_line()), np.array([(10.0, 59.8), (90.0, 59.8)]))

    assert line.path[-1, 0] == pytest.approx(90, abs=0.5)
    assert np.array_equal(line.profiles[0], line.profiles[1])


@pytest.mark.parametrize(
    "corners",
    [
        [(80, 60), (100, 60)],  # within the hole
        [(10, 20), (170, 20)],  # beside it
        [(-50, -20), (-50, 300)],  # outside the picture
        [(10, 60), (10, 60)],  # a point
    ],
)
def test_other_lines_are_none(corners):
    assert drawn_lines(scene_of(level_line()), np.array(corners, float)) == []


def test_a_line_counts_each_time_it_comes_out_of_the_hole_and_wherever_it_begins():
    made = level_line()
    there_and_back = np.array([(-500.0, 50.0), (900.0, 50.0), (900.0, 70.0), (-500.0, 70.0)])

    lines = drawn_lines(scene_of(made), there_and_back)

    assert [round(float(line.path[0, 1])) for line in lines] == [50, 70]
    assert lines[0].path[0, 0] < lines[0].path[-1, 0] and lines[1].path[0, 0] > lines[1].path[-1, 0]


def test_a_line_of_endless_length_is_refused():
    zigzag = np.array([(x, 60.0) for _ in range(200) for x in (0.0, 179.0)])

    with pytest.raises(InvalidInputError, match="20000 pixels long"):
        drawn_lines(scene_of(level_line()), zigzag)


def test_an_edge_that_was_found_is_left_to_the_line_that_was_drawn_at_its_end():
    made = level_line()
    (found, *_) = interrupted_lines(scene_of(made))
    (elsewhere,) = drawn_lines(scene_of(made), np.array([(10.0, 59.8), (90.0, 59.8), (90.0, 20.0)]))
    (other,) = drawn_lines(scene_of(made), np.array([(10.0, 45.0), (170.0, 45.0)]))

    assert goes_on_as(found, elsewhere)
    assert not goes_on_as(found, other)


def test_in_the_hole_a_turned_line_asks_for_the_known_direction_that_is_nearest():
    corners = np.array([(10.0, 59.8), (80.0, 59.8), (90.0, 50.0), (100.0, 59.8), (170.0, 59.8)])

    (line,) = drawn_lines(scene_of(level_line()), corners)

    assert np.allclose(line.directions, line.directions[0], atol=0.05)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([[1, 2, 3]], "two corners or more"),
        ([[1, 2]], "two corners or more"),
        ([[0, 0, np.nan, 5]], "must be a number"),
        ([[0, 0, 2e6, 5]], "must be a number"),
        ([[0, 0, 5, 5]] * 17, "at most 16 lines"),
        ([[0, 0] * 1001], "at most 1000 corners"),
        ([["a", 0, 1, 1]], "cannot be followed"),
        (["0,0,1,1"], "cannot be followed"),
        ([[5, 5, 170, 5]], "Line 1 leads into no hole"),
        ([[10, 60, 170, 60], [80, 60, 100, 60]], "Line 2 leads into no hole"),
    ],
)
def test_lines_that_cannot_be_followed_are_refused_with_the_reason(engine, lines, why):
    made = level_line()

    with pytest.raises(InvalidInputError, match=why):
        engine.complete(made.image, made.hole, lines=lines)
