"""Which crop is in which batch (paper, section 3.5)."""

import numpy as np
import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.data import CropOptions, CropPlan, CropSampler

SIZES = np.array([[640, 400], [400, 600], [512, 512], [300, 280], [384, 700], [800, 384], [401, 333]])


def plan(sampler: CropSampler, step: int, sizes: np.ndarray = SIZES) -> CropPlan:
    return sampler.plan(step, sizes, sampler.crop.usable(sizes))


def rows(made: CropPlan) -> list[tuple]:
    return [
        (photo, *resized, *corner, flip, *colour)
        for photo, resized, corner, flip, colour in zip(
            made.photo, made.resized.tolist(), made.corner.tolist(), made.flip, made.colour.tolist(), strict=True
        )
    ]


def test_a_batch_is_a_function_of_seed_and_step_alone():
    late = CropSampler(CropOptions(colour_jitter=0.2), 16, seed=5)
    early = CropSampler(CropOptions(colour_jitter=0.2), 16, seed=5)
    plan(early, 0)

    assert rows(plan(early, 1234)) == rows(plan(late, 1234))


@pytest.mark.parametrize(("seed", "step"), [(5, 8), (6, 7)])
def test_another_step_or_seed_gives_other_crops(seed: int, step: int):
    base = plan(CropSampler(CropOptions(), 16, seed=5), 7)

    other = plan(CropSampler(CropOptions(), 16, seed=seed), step)

    assert rows(other) != rows(base)
    assert not np.array_equal(other.corner, base.corner)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_see_together_what_one_process_sees(world_size: int):
    options = CropOptions(colour_jitter=0.3)
    alone = CropSampler(options, 12, seed=1)
    ranks = [CropSampler(options, 12 // world_size, 1, rank, world_size) for rank in range(world_size)]

    for step in (0, 9):
        together = [row for sampler in ranks for row in rows(plan(sampler, step))]
        assert together == rows(plan(alone, step))


def test_every_photo_comes_once_per_epoch_in_an_order_of_its_own():
    sizes = np.full((10, 2), 400)
    sampler = CropSampler(CropOptions(), 4, seed=2)

    seen = np.concatenate([plan(sampler, step, sizes).photo for step in range(5)])

    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_the_shortest_edge_takes_every_value_of_the_range_and_the_proportions_stay():
    sampler = CropSampler(CropOptions(8, short_side=(8, 12)), 400, seed=3)

    made = plan(sampler, 0, np.array([[32, 16], [16, 48]]))

    assert set(made.resized.min(axis=1)) == {8, 9, 10, 11, 12}
    ratio = made.resized.max(axis=1) / made.resized.min(axis=1)
    assert ratio == pytest.approx(np.where(made.photo == 0, 2, 3))


def test_crops_reach_every_edge_of_the_photo_and_never_leave_it():
    made = plan(CropSampler(CropOptions(8, short_side=(8, 12)), 1000, seed=4), 0, np.array([[24, 16]]))

    room = made.resized - 8 - made.corner
    assert made.corner.min(axis=0).tolist() == [0, 0]
    assert room.min(axis=0).tolist() == [0, 0]
    assert made.corner.max() > 0


def test_half_of_the_crops_are_mirrored_unless_that_is_switched_off():
    flips = plan(CropSampler(CropOptions(), 1000, seed=4), 0).flip
    none = plan(CropSampler(CropOptions(flip=False), 1000, seed=4), 0).flip

    assert 0.4 < flips.mean() < 0.6
    assert not none.any()


def test_a_photo_is_enlarged_by_no_more_than_stated_and_left_out_if_that_is_too_little():
    options = CropOptions(256, short_side=(256, 384), max_upscale=1.25)
    sizes = np.array([[204, 400], [205, 400], [400, 260]])

    made = plan(CropSampler(options, 500, seed=0), 0, sizes)

    assert options.usable(sizes).tolist() == [1, 2]
    assert made.resized[made.photo == 1].min(axis=1).max() == 256
    assert made.resized[made.photo == 2].min(axis=1).max() == 325


def test_a_set_of_photos_that_are_all_too_small_is_refused_with_the_numbers():
    with pytest.raises(InvalidInputError, match=r"None of the 2 photos .* 256 pixels .* 1\.5"):
        CropOptions().usable(np.array([[100, 100], [170, 300]]))


@pytest.mark.parametrize(
    "options",
    [
        {"size": 0},
        {"size": 256, "short_side": (200, 300)},
        {"short_side": (384, 256)},
        {"max_upscale": 0.5},
        {"colour_jitter": 1.0},
    ],
)
def test_options_that_contradict_themselves_are_refused(options: dict):
    with pytest.raises(InvalidInputError):
        CropOptions(**options)


def test_a_rank_outside_the_world_is_refused():
    with pytest.raises(InvalidInputError, match="rank 2 of 2"):
        CropSampler(CropOptions(), 4, seed=1, rank=2, world_size=2)
