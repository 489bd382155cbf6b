"""Configurations: named, checked, and printed in full."""

import tomllib
from pathlib import Path

import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.config import load_config, named_configs, parse_config, to_toml

REQUIRED = {
    "places2", "imagenet-center", "celeba", "facade", "ablation-mse", "ablation-global", "ablation-local",
    "ablation-both", "modern", "tiny", "first-cpu",
}  # fmt: skip


def test_every_promised_configuration_is_there_and_valid():
    assert set(named_configs()) >= REQUIRED
    for name in named_configs():
        assert load_config(name).name == name
        assert load_config(name).summary


def test_places2_has_the_numbers_of_the_paper():
    config = load_config("places2")
    assert (config.data.short_side, config.data.crop, config.masks.hole) == ((256, 384), 256, (96, 128))
    assert (config.schedule.completion_steps, config.schedule.discriminator_steps) == (90_000, 10_000)
    assert (config.schedule.total_steps, config.run.batch, config.losses.alpha) == (500_000, 96, 0.0004)
    assert config.completion.optimizer.kind == config.discriminator.optimizer.kind == "adadelta"
    assert (config.discriminator.global_size, config.discriminator.local_size) == (256, 128)
    assert config.losses.generator == "minimax"
    assert [kind for kind, weight in vars(config.masks.weights).items() if weight] == ["rectangle"]


def test_places2_has_none_of_the_departures_from_the_paper():
    losses, completion = load_config("places2").losses, load_config("places2").completion
    assert (losses.feature_matching, losses.perceptual, losses.gram, losses.r1, completion.ema) == (0, 0, 0, 0, 0)
    assert (losses.gradient_ratio, losses.gradient_chroma) == (0, 1)
    assert (completion.channels, completion.joint_statistics, completion.upsampling) == ("width", "batch", "default")
    discriminator = load_config("places2").discriminator
    assert (discriminator.normalisation, discriminator.augment, discriminator.ready_accuracy) == ("batch", "none", 0)


def test_sprint_joint_goes_on_with_a_networks_own_channels_and_statistics_and_holds_the_gradients_ratio():
    config = load_config("sprint-joint")
    assert (config.completion.channels, config.completion.joint_statistics) == ("start", "frozen")
    assert (config.discriminator.normalisation, config.losses.r1) == ("batch", 0)
    assert 1 <= config.losses.gradient_ratio <= 3


def test_every_departure_of_modern_is_an_option_that_switches_it_off():
    # The table of docs/workshop/training.md, right column.
    switched_off = [
        *(f'{network}.optimizer.kind="adadelta"' for network in ("completion", "discriminator")),
        *(f'{network}.optimizer.decay="constant"' for network in ("completion", "discriminator")),
        "completion.ema=0", 'completion.upsampling="default"',
        "masks.weights.rectangle=1", "masks.weights.strokes=0", "masks.weights.blob=0",
        "masks.hole=[96, 128]", "schedule.stages=[]", "discriminator.ready_accuracy=0",
        'losses.generator="minimax"', "losses.gradient_ratio=0", "losses.alpha=0.0004",
    ]  # fmt: skip
    modern, paper = load_config("modern", switched_off), load_config("places2")

    assert modern.masks == paper.masks
    assert modern.losses == paper.losses
    assert (modern.data, modern.run, modern.completion.ema) == (paper.data, paper.run, 0)
    for network in ("completion", "discriminator"):
        own, papers = (vars(getattr(config, network)) | {"optimizer": None} for config in (modern, paper))
        assert own == papers
    assert modern.schedule.stages == paper.schedule.stages


@pytest.mark.parametrize(
    ("name", "crop", "hole", "global_size", "local_size"),
    [
        ("celeba", 160, (48, 96), 160, 96),
        ("imagenet-center", 128, (64, 64), 128, 64),
        ("facade", 256, (96, 128), 256, 128),
    ],
)
def test_the_variants_of_the_paper_differ_in_numbers_only(name, crop, hole, global_size, local_size):
    config = load_config(name)
    assert (config.data.crop, config.masks.hole) == (crop, hole)
    assert (config.discriminator.global_size, config.discriminator.local_size) == (global_size, local_size)


@pytest.mark.parametrize("name", ["celeba", "facade"])
def test_fine_tuning_skips_the_completion_phase_and_needs_a_model(name):
    config = load_config(name)
    assert config.schedule.completion_steps == 0
    assert config.completion.needs_start


@pytest.mark.parametrize("use", ["global", "local", "both"])
def test_the_ablations_of_figure_6_choose_the_discriminators(use):
    assert load_config(f"ablation-{use}").discriminator.use == use


def test_the_ablation_without_discriminators_has_one_phase():
    config = load_config("ablation-mse")
    assert config.discriminator.use == "none"
    assert config.schedule.completion_steps == config.schedule.total_steps == 500_000


def test_first_cpu_is_narrow_and_grows_its_crops():
    config = load_config("first-cpu")
    assert config.completion.width == 0.25
    assert [(s.crop, s.hole, s.batch) for s in config.schedule.stages] == [(96, (16, 56), 16), (128, (24, 72), 16)]
    assert (config.losses.reconstruction, config.losses.gradient) == ("l1", 1.0)
    optimizer = config.completion.optimizer
    assert (optimizer.kind, optimizer.learning_rate) == ("adamw", 1e-3)
    assert (optimizer.decay, optimizer.final) == ("cosine", 0.02)
    assert config.completion.ema == 0.999


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_what_is_printed_reads_back_as_the_same_configuration(name):
    config = load_config(name)
    assert parse_config(tomllib.loads(to_toml(config)), name) == config


def test_text_with_quotes_and_line_breaks_survives_printing():
    config = load_config("tiny", ['summary="a \\"quoted\\" word,\\na second line, \\\\ and é"'])
    assert config.summary == 'a "quoted" word,\na second line, \\ and é'
    assert parse_config(tomllib.loads(to_toml(config)), "tiny") == config


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("run.bach=3", ["run.bach is not an option", "nearest is 'batch'"]),
        ("rum.batch=3", ["rum is not an option", "nearest is 'run'"]),
        ("run.batch=0", ["run.batch is 0", "at least 1"]),
        ("run.batch=true", ["run.batch must be a whole number", "True"]),
        ("run.batch=1.5", ["run.batch must be a whole number"]),
        ("losses.alpha=nan", ["losses.alpha is nan"]),
        ("completion.ema=1.5", ["completion.ema is 1.5", "from 0 to 1"]),
        ("data.flip=1", ["data.flip must be true or false"]),
        ("discriminator.use=bth", ["discriminator.use is 'bth'", "nearest is 'both'", "none"]),
        ("masks.hole=[8]", ["masks.hole must hold 2 values, not 1"]),
        ("masks.hole=12", ["masks.hole must be a list"]),
        ("run=3", ["run must be a section"]),
        ("run.batch.size=3", ["'batch' is a value, not a section"]),
        ("run.batch", ["section.key=value"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(setting, words):
    settings = ["run.batch=4", setting] if setting.startswith("run.batch.") else [setting]
    with pytest.raises(InvalidInputError) as raised:
        load_config("tiny", settings)
    assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (["data.crop=34"], "multiple of 4"),
        (["data.short_side=[24, 48]"], "smaller than the crop"),
        (["data.short_side=[48, 40]"], "must not be larger"),
        (["masks.hole=[8, 40]"], "more than the crop"),
        (["masks.weights.rectangle=0"], "all weights are 0"),
        (["masks.weights.folder=1"], "masks.folder is empty"),
        (["schedule.total_steps=5"], "more than total_steps"),
        (["schedule.completion_steps=0"], "completion.start is empty"),
        (["discriminator.use=none"], "set schedule.completion_steps to 9"),
        (["discriminator.global_size=64"], "both must be equal"),
        (["discriminator.local_size=64"], "more than the crop"),
        (["completion.channels=start"], "completion.start is empty"),
        (["losses.feature_matching=1", "discriminator.augment=diff"], "discriminator.augment changes each"),
        (["discriminator.ready_accuracy=0.9", "validation.count=0"], "validation.count is 0"),
        (["discriminator.ready_accuracy=0.9", "schedule.discriminator_steps=0"], "discriminator_steps is 0"),
        (["losses.gradient_ratio=1", "losses.balance_gradients=5"], "set one of them to 0"),
        (["losses.r1=1", "run.sync_batch_norm=true"], "second derivatives"),
        (["schedule.stages=[{share=0.5, crop=32, short_side=[32,48], hole=[8,16], batch=4}]"], "add up to 0.5"),
    ],
)
def test_options_that_contradict_each_other_are_refused(settings, word):
    with pytest.raises(InvalidInputError, match=word):
        load_config("tiny", settings)


def test_a_file_can_build_on_a_named_configuration(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "tiny"\n[run]\nbatch = 6\n')
    config = load_config(str(file))
    assert config.run.batch == 6
    assert config.data == load_config("tiny").data


def test_a_setting_wins_over_the_file(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "tiny"\n[run]\nbatch = 6\n')
    assert load_config(str(file), ["run.batch=8"]).run.batch == 8


def test_an_unknown_configuration_is_answered_with_the_nearest():
    with pytest.raises(InvalidInputError, match="nearest is 'places2'"):
        load_config("place2")


def test_a_file_that_is_no_toml_is_named(tmp_path: Path):
    file = tmp_path / "broken.toml"
    file.write_text("batch = = 3")
    with pytest.raises(InvalidInputError, match=r"broken\.toml is not valid TOML"):
        load_config(str(file))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InvalidInputError, match=r"gone\.toml cannot be read"):
        load_config(str(tmp_path / "gone.toml"))
