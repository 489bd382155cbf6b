"""From a run to a model file, and from a model file to a run."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from glcic_backend.errors import InvalidInputError, ModelFileError
from glcic_backend.model_files.model_file import default_model_path, load_model, save_model
from glcic_backend.network.completion_network import CompletionNetwork, fold_batch_norm, scaled_channels
from glcic_train.config import load_config
from glcic_train.training.checkpoint import load_checkpoint, save_checkpoint
from glcic_train.training.distributed import Processes
from glcic_train.training.ema import MovingAverage
from glcic_train.training.export import completion_of, estimate_statistics
from glcic_train.training.features import TRAINING_FEATURES
from glcic_train.training.inspect_run import export_run
from glcic_train.training.networks import Networks
from glcic_train.training.run import resume_run, start_run
from glcic_train.training.start import continued, start_from, unfold_batch_norm

from ..conftest import QUICK


def trained_network() -> CompletionNetwork:
    """A network whose statistics are not those of its birth."""
    torch.manual_seed(0)
    network = CompletionNetwork().train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, 4, 32, 32))
    return network.eval()


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    settings = ("completion.ema=0.5", "schedule.completion_steps=2", "schedule.total_steps=2",
                "schedule.discriminator_steps=0", "discriminator.use=none")  # fmt: skip
    start_run(load_config("tiny", [*QUICK, *settings]), [photos], folder)
    return folder


def test_the_exported_model_computes_what_the_moving_average_computes(run, tmp_path):
    info = export_run(run, tmp_path / "model.safetensors", {}, "float32", batches=0)
    model = load_model(tmp_path / "model.safetensors")

    network = CompletionNetwork()
    network.load_state_dict(load_checkpoint(run)["networks"]["average"])
    x = torch.rand(1, 4, 32, 32)
    with torch.no_grad():
        assert torch.allclose(model.network(x), network.eval()(x), atol=1e-5)
    assert model.info == info


def test_the_exported_model_says_how_it_was_made(run, tmp_path):
    stated = {"name": "mine", "licence": "CC0-1.0", "attribution": "me", "training_data": "12 gradients"}
    info = export_run(run, tmp_path / "model.safetensors", stated, "float16", batches=0)
    assert (info.name, info.licence, info.attribution, info.training_data) == ("mine", "CC0-1.0", "me", "12 gradients")
    assert (info.hole_range, info.mask_kinds) == ((8, 16), ("rectangle",))
    assert info.recipe.endswith("2 iterations")
    assert info.mean_pixel == pytest.approx(load_checkpoint(run)["mean_pixel"])


def test_the_licence_of_a_prepared_folder_goes_into_the_model(run, photos, tmp_path):
    manifest = {"format": "glcic-train photos 1", "source": "my-photos", "licence": "CC-BY-4.0", "attribution": "Ann"}
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    (prepared / "manifest.json").write_text(json.dumps(manifest))
    (run / "data.json").write_text(json.dumps([str(prepared)]))
    try:
        info = export_run(run, tmp_path / "model.safetensors", {}, "float16", batches=0)
    finally:
        (run / "data.json").write_text(json.dumps([str(photos)]))
    assert (info.training_data, info.licence, info.attribution) == ("my-photos", "CC-BY-4.0", "Ann")


def test_statistics_can_be_estimated_anew_from_the_training_data(run, tmp_path):
    x = torch.rand(1, 4, 32, 32)
    models = []
    for batches in (0, 2):
        path = tmp_path / f"{batches}.safetensors"
        export_run(run, path, {}, "float32", batches)
        models.append(load_model(path).network(x))
    assert not torch.allclose(*models, atol=1e-4)


def test_estimated_statistics_are_the_mean_over_all_batches():
    network = trained_network()
    inputs = [torch.randn(2, 4, 16, 16) for _ in range(3)]
    estimate_statistics(network, inputs)
    first = network.layers[0]
    with torch.no_grad():
        means = torch.stack([first.conv(x).mean(dim=(0, 2, 3)) for x in inputs])
    assert torch.allclose(first.norm.running_mean, means.mean(dim=0), atol=1e-6)
    assert not network.training


def test_channels_that_nothing_activates_can_be_left_out(run, tmp_path):
    checkpoint = load_checkpoint(run)
    norm = "layers.{}.norm.{}".format
    for part in ("completion", "average"):
        if part in checkpoint["networks"]:
            state = checkpoint["networks"][part]
            state[norm(4, "weight")][:3], state[norm(4, "bias")][:3] = 0, -1
    save_checkpoint(tmp_path, checkpoint, keep=1)
    for file in ("config.toml", "data.json"):
        (tmp_path / file).write_bytes((run / file).read_bytes())
    x = torch.rand(1, 4, 32, 32)
    whole, lean = tmp_path / "whole.safetensors", tmp_path / "lean.safetensors"
    export_run(tmp_path, whole, {}, "float32", batches=0)
    export_run(tmp_path, lean, {}, "float32", batches=0, dead=2)
    whole, lean = load_model(whole).network, load_model(lean).network
    assert lean.outputs[4] <= whole.outputs[4] - 3
    assert torch.allclose(lean(x), whole(x), atol=1e-5)


def test_a_model_can_lie_between_a_run_and_the_one_it_went_on_from(run, photos, tmp_path):
    started = (f"completion.start={str(run)!r}", "completion.channels=start")
    start_run(load_config("tiny", [*QUICK, *started]), [photos], tmp_path / "on")
    both = {name: completion_of(load_checkpoint(path)) for name, path in (("began", run), ("ended", tmp_path / "on"))}

    model = tmp_path / "model.safetensors"
    for share in (0.0, 0.75, 1.0):
        export_run(tmp_path / "on", model, {}, "float32", batches=0, origin=run, share=share)
        wanted = CompletionNetwork(outputs=both["began"].outputs)
        states = [both[name].state_dict() for name in ("began", "ended")]
        wanted.load_state_dict({k: (1 - share) * a + share * states[1][k] for k, a in states[0].items()})
        x = torch.rand(1, 4, 32, 32)
        assert torch.allclose(load_model(model).network(x), wanted.eval()(x), atol=1e-5), share
    assert not torch.allclose(both["began"](x), both["ended"](x), atol=1e-5)


def test_there_is_no_way_between_networks_of_other_channels(run, photos, tmp_path):
    start_run(load_config("tiny", [*QUICK, "completion.width=0.125"]), [photos], tmp_path / "narrow")
    with pytest.raises(ModelFileError, match=r"other channels than the run \(\d+ and \d+ in all\).*started from"):
        export_run(run, tmp_path / "model.safetensors", {}, "float32", 0, origin=tmp_path / "narrow", share=0.5)


def test_a_model_needs_its_ending(run, tmp_path):
    with pytest.raises(InvalidInputError, match=r"does not end in \.safetensors"):
        export_run(run, tmp_path / "model.pt", {}, "float16", batches=0)


def test_a_folded_network_gets_its_normalisation_back_and_computes_the_same():
    folded, network = fold_batch_norm(trained_network()), CompletionNetwork()
    inputs = torch.randn(4, 4, 32, 32)
    unfold_batch_norm(folded, network, inputs)
    with torch.no_grad():
        assert torch.allclose(network.eval()(inputs), folded(inputs), atol=1e-4)
        # On the inputs whose statistics it took, training mode is the same function too.
        assert torch.allclose(network.train()(inputs), folded(inputs), atol=1e-4)


def test_a_network_that_trains_on_has_the_scale_of_a_fresh_one():
    folded = load_model(default_model_path()).network
    network = CompletionNetwork(outputs=folded.outputs).train()
    x = inputs = torch.randn(4, 4, 64, 64)
    unfold_batch_norm(folded, network, inputs)
    with torch.no_grad():
        for unit in network.units[:-1]:
            x = unit.conv(x)
            # Folded, most vary by less than a tenth of that.
            assert x.var(dim=(0, 2, 3)).median() == pytest.approx(1, abs=0.1)
            x = torch.relu(unit.norm(x))


def test_a_run_can_start_from_a_model_file(run, photos, tmp_path):
    model = tmp_path / "model.safetensors"
    export_run(run, model, {}, "float32", batches=0)
    folder = tmp_path / "fine-tuned"
    settings = (f"completion.start={str(model)!r}", "run.time_limit=1e-9", "completion.ema=0.9",
                "discriminator.use=none", "schedule.completion_steps=5", "schedule.discriminator_steps=0")  # fmt: skip
    start_run(load_config("tiny", [*QUICK, *settings]), [photos], folder)

    checkpoint = load_checkpoint(folder)
    assert checkpoint["step"] == 0
    x = torch.rand(1, 4, 32, 32)
    with torch.no_grad():
        expected = load_model(model).network(x)
        assert torch.allclose(completion_of(checkpoint)(x), expected, atol=1e-4)


def test_a_narrow_run_is_exported_as_table_2_and_a_wider_one_can_start_from_it(photos, tmp_path):
    narrow, model = tmp_path / "narrow", tmp_path / "model.safetensors"
    settings = ("completion.width=0.125", "schedule.completion_steps=1", "schedule.total_steps=1",
                "schedule.discriminator_steps=0", "discriminator.use=none")  # fmt: skip
    start_run(load_config("tiny", [*QUICK, *settings]), [photos], narrow)
    export_run(narrow, model, {}, "float32", batches=0)

    x, network = torch.rand(4, 4, 32, 32), CompletionNetwork(outputs=scaled_channels(0.25))
    start_from(model, network, x)

    stored = load_model(model).network
    assert max(stored.outputs) <= 32
    # The added channels are alive: the rectifier passes about half of what they see.
    for unit, settled in zip(network.units[:-1], stored.outputs, strict=False):
        assert len(unit.norm.bias) > settled
        assert torch.equal(unit.norm.bias[settled:], torch.zeros_like(unit.norm.bias[settled:]))
    assert max(len(tensor) for tensor in load_file(model).values()) == 256
    with torch.no_grad():
        assert torch.allclose(network.eval()(x), stored(x), atol=1e-4)


@pytest.mark.parametrize("suffix", [".safetensors", ""])
def test_a_network_with_more_channels_than_the_run_is_refused(run, tmp_path, suffix):
    model = tmp_path / "model.safetensors"
    export_run(run, model, {}, "float32", batches=0)
    with pytest.raises(ModelFileError, match=r"up to 256 channels, .* with up to 64,.* Set completion.width to 1\."):
        start_from(model if suffix else run, CompletionNetwork(outputs=scaled_channels(0.25)), torch.rand(1, 4, 8, 8))


def test_the_width_that_is_asked_for_has_room_for_every_layer():
    shipped, x = default_model_path(), torch.rand(1, 4, 32, 32)
    with pytest.raises(ModelFileError) as error:
        start_from(shipped, CompletionNetwork(outputs=scaled_channels(0.4)), x)
    width = float(re.search(r"Set completion.width to ([\d.]+)\.$", str(error.value))[1])

    start_from(shipped, CompletionNetwork(outputs=scaled_channels(width)), x)
    with pytest.raises(ModelFileError):
        start_from(shipped, CompletionNetwork(outputs=scaled_channels(0.95 * width)), x)


def test_a_run_can_start_from_the_moving_average_of_a_checkpoint(run):
    network = CompletionNetwork()
    start_from(run, network, torch.empty(0))
    average = load_checkpoint(run)["networks"]["average"]
    assert all(torch.equal(tensor, average[name]) for name, tensor in network.state_dict().items())


def test_the_moving_average_forgets_the_start_early_and_then_follows_slowly():
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = MovingAverage(network, 0.9)
    network.weight.data.fill_(1.0)
    average.update(network, updates=0)
    assert average.network.weight.item() == pytest.approx(0.9)  # decay (1 + 0) / (10 + 0)
    network.weight.data.fill_(0.0)
    average.update(network, updates=1000)
    assert average.network.weight.item() == pytest.approx(0.9 * 0.9)


def test_a_run_can_go_on_with_the_channels_and_the_mean_pixel_of_its_start(photos, tmp_path):
    shipped = load_model(default_model_path())
    settings = (f"completion.start={str(default_model_path())!r}", "completion.channels=start",
                "schedule.completion_steps=1", "schedule.total_steps=1", "schedule.discriminator_steps=0",
                "discriminator.use=none", "completion.optimizer.learning_rate=0")  # fmt: skip
    start_run(load_config("tiny", [*QUICK, *settings]), [photos], tmp_path)

    checkpoint = load_checkpoint(tmp_path)
    assert completion_of(checkpoint).outputs == shipped.network.outputs
    assert checkpoint["mean_pixel"] == pytest.approx(shipped.info.mean_pixel)
    # Resumed, it does not ask for the file again; another run can go on with its checkpoint.
    (tmp_path / "config.toml").write_text(
        (tmp_path / "config.toml").read_text().replace(str(default_model_path()), "gone.safetensors")
    )
    resume_run(tmp_path, settings=["schedule.completion_steps=2", "schedule.total_steps=2"])
    assert load_checkpoint(tmp_path)["step"] == 2
    assert continued(tmp_path).channels == shipped.network.outputs


def test_a_run_can_go_on_with_more_channels_than_its_start(photos, tmp_path):
    shipped = load_model(default_model_path()).network
    settings = (f"completion.start={str(default_model_path())!r}", "completion.channels=wider", "completion.width=0.3",
                "schedule.completion_steps=1", "schedule.total_steps=1", "schedule.discriminator_steps=0",
                "discriminator.use=none", "completion.optimizer.learning_rate=0")  # fmt: skip
    start_run(load_config("tiny", [*QUICK, *settings]), [photos], tmp_path)

    outputs = completion_of(load_checkpoint(tmp_path)).outputs
    for number, (channels, before, wanted, table) in enumerate(
        zip(outputs[:-1], shipped.outputs[:-1], scaled_channels(0.3), scaled_channels(1), strict=False)
    ):
        assert max(before, wanted) <= channels <= min(table, max(before, wanted) + 7), number
        assert channels % 8 == 0, number
    assert outputs[-1] == 3
    assert continued(tmp_path).mean_pixel == pytest.approx(load_model(default_model_path()).info.mean_pixel)


def test_the_features_that_a_network_was_trained_on_stay_named_from_start_to_export(run, photos, tmp_path):
    shipped = load_model(default_model_path())
    start, model = tmp_path / "start.safetensors", tmp_path / "model.safetensors"
    save_model(start, shipped.network, replace(shipped.info, feature_networks=(TRAINING_FEATURES,)))
    settings = (f"completion.start={str(start)!r}", "completion.channels=start", "schedule.completion_steps=1",
                "schedule.total_steps=1", "schedule.discriminator_steps=0", "discriminator.use=none")  # fmt: skip
    start_run(load_config("tiny", [*QUICK, *settings]), [photos], tmp_path / "run")

    assert export_run(tmp_path / "run", model, {}, "float32", batches=0).feature_networks == (TRAINING_FEATURES,)
    assert export_run(run, model, {}, "float32", batches=0).feature_networks == ()


@pytest.mark.parametrize(("losses", "named"), [((), ()), (("losses.gram=1",), (TRAINING_FEATURES,))])
def test_a_run_with_texture_losses_is_trained_on_their_features(quick, losses, named):
    assert Networks(quick(*losses), torch.device("cpu"), Processes()).feature_networks == named
