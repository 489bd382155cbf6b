"""The paper's experiments at a budget of seconds."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from glcic_backend.blending import blend
from glcic_backend.errors import CancelledError, InvalidInputError
from glcic_backend.model_files.model_file import default_model_path, load_model
from glcic_train.cli import group
from glcic_train.config import load_config
from glcic_train.experiments.budget import Budget
from glcic_train.experiments.definitions import ABLATIONS, EXPERIMENTS, FROM_ONE_NETWORK
from glcic_train.training.checkpoint import load_checkpoint
from glcic_train.training.schedule import Phase, Schedule
from glcic_train.training.start import channels_of

SMALL = (
    "data.short_side=[32,48]", "data.crop=32", "data.workers=0", "masks.hole=[8,16]", "run.batch=2", "run.threads=1",
    "discriminator.global_size=32", "discriminator.local_size=16", "validation.count=0", "completion.width=0.25",
)  # fmt: skip


def experiment(name: str, photos: Path, out: Path, *options: str, settings: tuple[str, ...] = SMALL) -> str:
    words = ["experiment", name, str(photos), "--out", str(out), "--count", "2", "--rows", "1", "--device", "cpu"]
    words += [word for setting in settings for word in ("--set", setting)]
    result = CliRunner().invoke(group, [*words, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


class TestBudget:
    def test_iterations_scale_the_phases_of_the_paper_in_proportion(self):
        settings = Budget(iterations=1000).settings(load_config("places2").schedule)

        schedule = Schedule(load_config("places2", settings))
        phases = [schedule.phase(step) for step in range(1000)]
        # 90 : 10 : 400
        assert [phases.count(phase) for phase in Phase] == [180, 20, 800]

    @pytest.mark.parametrize(
        "name", [*ABLATIONS, *FROM_ONE_NETWORK, "facade", "facade-joint", "celeba", "imagenet-center"]
    )
    @pytest.mark.parametrize("iterations", [10, 999])
    def test_every_configuration_keeps_the_phases_it_has(self, name, iterations):
        whole = load_config(name)
        short = load_config(name, Budget(iterations=iterations).settings(whole.schedule))

        assert short.schedule.total_steps == iterations
        present = [
            {schedule.phase(step) for step in range(0, schedule.total, max(1, schedule.total // 1000))}
            for schedule in (Schedule(whole), Schedule(short))
        ]
        assert present[0] == present[1]

    def test_minutes_leave_the_phases_and_set_the_clock(self):
        assert Budget(minutes=30).settings(load_config("places2").schedule) == ["schedule.minutes=30.0"]

    @pytest.mark.parametrize("given", [{}, {"iterations": 5, "minutes": 1.0}])
    def test_one_of_both_must_be_given(self, given):
        with pytest.raises(InvalidInputError, match=r"--iterations N or --minutes M"):
            Budget(**given)

    def test_too_few_iterations_are_refused(self):
        with pytest.raises(InvalidInputError, match="2 iterations are too few"):
            Budget(iterations=2).settings(load_config("places2").schedule)


@pytest.mark.slow
def test_the_ablation_trains_all_four_alike_and_scores_them_in_one_run(photos, tmp_path):
    output = experiment("ablation", photos, tmp_path, "--iterations", "10")

    values = json.loads((tmp_path / "results.json").read_bytes())
    assert set(values["scores"]["rectangle"]) == set(values["models"]) == set(ABLATIONS)
    assert len({model["sha256"] for model in values["models"].values()}) == 4
    assert all(name in output for name in ABLATIONS)
    for name in ABLATIONS:
        assert load_model(tmp_path / f"{name}.safetensors").info.name == name
        assert load_checkpoint(tmp_path / "runs" / name)["step"] == 10
    # Truth, input and the four results, of the whole photograph here, which is smaller than 256 pixels.
    assert cv2.imread(str(tmp_path / "sheet-rectangle.png")).shape[1] == 6 * 48 + 5 * 4


@pytest.mark.slow
def test_the_ablation_with_the_recipe_goes_on_from_one_network_at_its_own_channels(photos, tmp_path):
    quick = ("discriminator.ready_accuracy=0", "discriminator.width=0.0625", "losses.alpha=10")
    experiment("ablation-recipe", photos, tmp_path, "--iterations", "10", settings=(*SMALL[:-1], *quick))

    values = json.loads((tmp_path / "results.json").read_bytes())
    assert set(values["scores"]["rectangle"]) == {"start", *FROM_ONE_NETWORK}
    start = load_model(default_model_path())
    for name in FROM_ONE_NETWORK:
        checkpoint = load_checkpoint(tmp_path / "runs" / name)
        assert channels_of(checkpoint["networks"]["completion"]) == start.network.outputs
        assert checkpoint["step"] == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "recipe"),
    [("facade", ()), ("facade-recipe", ("discriminator.ready_accuracy=0", "losses.alpha=10")), ("celeba", ())],
)
def test_fine_tuning_is_scored_before_and_after(name, recipe, photos, tmp_path):
    settings = (*SMALL[:-1], "data.short_side=[32,40]", "discriminator.width=0.25", *recipe)
    experiment(name, photos, tmp_path, "--iterations", "10", settings=settings)

    values = json.loads((tmp_path / "results.json").read_bytes())
    before, after = (values["models"][when] for when in ("before", "after"))
    assert before["sha256"] != after["sha256"]
    scores = values["scores"]["rectangle"]
    # It starts from the shipped model: ten iterations do not throw that away.
    assert scores["after"]["l1"]["value"] == pytest.approx(scores["before"]["l1"]["value"], rel=1)
    assert values["options"]["square"] is (name == "celeba")
    (model,) = tmp_path.glob("*.safetensors")
    assert model.stat().st_size <= 16 * 2**20


@pytest.mark.slow
def test_centre_holes_are_scored_beside_the_model_on_the_same_squares_without_blending(photos, tmp_path, monkeypatch):
    settings = (*SMALL, "data.short_side=[32,32]", "masks.hole=[16,16]")
    monkeypatch.setattr("glcic_train.experiments.definitions.blend", lambda *_: pytest.fail("blended"))

    output = experiment("centre", photos, tmp_path, "--iterations", "10", settings=settings)

    values = json.loads((tmp_path / "results.json").read_bytes())
    assert set(values["scores"]["centre"]) == {"shipped", "imagenet-center"}
    assert (values["options"]["short_side"], values["options"]["square"]) == (32, True)
    assert "4.1.2" in output


@pytest.mark.slow
def test_an_experiment_that_was_stopped_goes_on(photos, tmp_path):
    stopped = (*SMALL, "run.time_limit=1e-9")
    with pytest.raises(CancelledError, match="same command goes on"):
        experiment("centre", photos, tmp_path, "--iterations", "10", settings=stopped)
    before = load_checkpoint(tmp_path / "runs" / "imagenet-center")["step"]

    with pytest.raises(InvalidInputError, match="another budget or other settings"):
        experiment("centre", photos, tmp_path, "--iterations", "20", settings=(*SMALL, "run.time_limit=0"))
    experiment("centre", photos, tmp_path, "--iterations", "10", settings=(*SMALL, "run.time_limit=0"))

    assert before == 0
    assert load_checkpoint(tmp_path / "runs" / "imagenet-center")["step"] == 10


def test_post_processing_is_the_only_difference_of_its_experiment(tmp_path, photos, monkeypatch):
    shown = {}
    monkeypatch.setattr(
        "glcic_train.experiments.definitions.score",
        lambda methods, *rest: shown.update(methods) or (_ for _ in ()).throw(InvalidInputError("enough")),
    )
    with pytest.raises(InvalidInputError, match="enough"):
        experiment("post-processing", photos, tmp_path)

    assert list(shown) == ["without", "with"]
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    hole = np.zeros((64, 64), bool)
    hole[20:44, 20:44] = True
    painted, fitted = (method(image, hole) for method in shown.values())
    expected = blend(painted.astype(np.float32), image.astype(np.float32), hole, ~hole).clip(0, 255)
    assert not np.array_equal(painted, fitted)
    assert np.abs(fitted - expected).max() <= 0.5


def test_an_unknown_experiment_is_answered_with_the_known_ones(photos, tmp_path):
    with pytest.raises(InvalidInputError, match=rf"'figure-7'.*{', '.join(EXPERIMENTS)}"):
        experiment("figure-7", photos, tmp_path)


def test_training_without_a_budget_is_refused(photos, tmp_path):
    with pytest.raises(InvalidInputError, match="needs one budget"):
        experiment("ablation", photos, tmp_path)
