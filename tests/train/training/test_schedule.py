"""Phases, stages and learning rates over a run."""

import dataclasses

import pytest

from glcic_train.config import Config, CropStage, OptimizerConfig, load_config
from glcic_train.training.schedule import Phase, Schedule


def test_the_phases_of_the_paper_change_at_90_000_and_100_000_iterations():
    schedule = Schedule(load_config("places2"))
    places = (0, 89_999, 90_000, 99_999, 100_000, 499_999)
    assert [schedule.phase(place) for place in places] == [
        Phase.COMPLETION, Phase.COMPLETION, Phase.DISCRIMINATOR, Phase.DISCRIMINATOR, Phase.JOINT, Phase.JOINT,
    ]  # fmt: skip


def test_a_run_without_minutes_goes_by_iterations_whatever_the_clock():
    schedule = Schedule(load_config("tiny"))
    assert schedule.place(step=4, elapsed=1e9) == 4


def test_a_run_of_fixed_length_goes_by_the_clock_and_passes_all_phases():
    schedule = Schedule(load_config("places2", ["schedule.minutes=50"]))
    assert schedule.place(step=7, elapsed=0) == 0
    assert schedule.phase(schedule.place(7, elapsed=8.9 * 60)) is Phase.COMPLETION
    assert schedule.phase(schedule.place(7, elapsed=9.5 * 60)) is Phase.DISCRIMINATOR
    assert schedule.phase(schedule.place(7, elapsed=10.5 * 60)) is Phase.JOINT
    assert schedule.place(7, elapsed=50 * 60) == schedule.place(7, elapsed=1e9) == 500_000


def test_crop_stages_share_the_completion_phase():
    schedule = Schedule(load_config("first-cpu"))
    crops = [schedule.stage(share * schedule.total).crop for share in (0, 0.49, 0.51, 0.999)]
    assert crops == [96, 96, 128, 128]


def test_after_the_completion_phase_crops_are_those_of_the_discriminators():
    config = load_config("modern")
    schedule = Schedule(config)
    assert schedule.stage(0).crop == 128
    after = schedule.stage(config.schedule.completion_steps)
    assert (after.crop, after.hole, after.batch) == (256, config.masks.hole, config.run.batch)
    assert isinstance(after, CropStage)


def with_optimizer(**options: object) -> tuple[Config, OptimizerConfig]:
    return load_config("places2"), dataclasses.replace(OptimizerConfig(), learning_rate=2.0, **options)


def test_a_constant_learning_rate_stays():
    config, optimizer = with_optimizer()
    assert {Schedule(config).completion_rate(optimizer, place) for place in (0, 250_000, 499_999)} == {2.0}


def test_a_cosine_falls_from_the_full_rate_to_its_final_share():
    config, optimizer = with_optimizer(decay="cosine", final=0.02)
    rates = [Schedule(config).completion_rate(optimizer, place) for place in (0, 250_000, 500_000)]
    assert rates == pytest.approx([2.0, 2.0 * (0.02 + 0.98 / 2), 0.04])


def test_the_rate_of_the_discriminators_starts_with_their_training():
    config, optimizer = with_optimizer(decay="cosine")
    rates = [Schedule(config).discriminator_rate(optimizer, place) for place in (90_000, 295_000, 500_000)]
    assert rates == pytest.approx([2.0, 1.0, 0.0])


def test_the_warm_up_rises_from_near_zero_to_the_full_rate():
    config, optimizer = with_optimizer(warmup=100)
    rates = [Schedule(config).completion_rate(optimizer, place) for place in (0, 50, 99, 100)]
    assert rates == pytest.approx([0.01, 1.01, 1.99, 2.0])


def test_the_warm_up_of_c_counts_its_own_iterations_not_those_in_which_d_trains_alone():
    config, optimizer = with_optimizer(warmup=100)
    config = dataclasses.replace(
        config, schedule=dataclasses.replace(config.schedule, completion_steps=0, discriminator_steps=300)
    )
    rates = [Schedule(config).completion_rate(optimizer, place) for place in (300, 350, 399, 400)]
    assert rates == pytest.approx([0.01, 1.01, 1.99, 2.0])
