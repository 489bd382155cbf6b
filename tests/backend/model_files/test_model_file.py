"""Model files: what is written comes back, and what is not a sound model is refused in one sentence."""

import json
import pickle
import zipfile
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from glcic_backend.errors import ModelFileError, OutputError
from glcic_backend.model_files.header import MAX_FILE_BYTES
from glcic_backend.model_files.model_file import ModelInfo, default_model_path, load_model, read_info, save_model
from glcic_backend.network.completion_network import fold_batch_norm

INFO = ModelInfo(
    name="test",
    mean_pixel=(0.47, 0.44, 0.4),
    hole_range=(16, 64),
    mask_kinds=("rectangle", "blob"),
    training_data="made up",
    licence="CC0-1.0",
    attribution="nobody",
    recipe="random weights",
)


@pytest.fixture
def model_path(tmp_path, trained_network):
    path = tmp_path / "model.safetensors"
    save_model(path, trained_network, INFO)
    return path


def rewrite(path, weights=None, metadata=None):
    """Change a model file's weights or description without touching the rest."""
    with safetensors.safe_open(path, framework="pt") as file:
        old_metadata = file.metadata()
        old_weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    new_weights = old_weights | (weights or {})
    kept = {name: tensor for name, tensor in new_weights.items() if tensor is not None}
    safetensors.torch.save_file(kept, path, old_metadata | (metadata or {}))


def test_description_comes_back_with_versions_and_digest(model_path):
    info = load_model(model_path).info

    assert (info.name, info.mean_pixel, info.hole_range) == ("test", (0.47, 0.44, 0.4), (16, 64))
    assert info.mask_kinds == ("rectangle", "blob")
    assert (info.architecture, info.size_multiple) == ("glcic-table2", 4)
    assert torch.__version__ in info.created_with and len(info.sha256) == 64


def test_network_with_batch_normalisation_is_stored_folded(tmp_path, trained_network):
    path = tmp_path / "model.safetensors"
    save_model(path, trained_network, INFO, dtype=torch.float32)

    expected = fold_batch_norm(trained_network).float().state_dict()

    for name, tensor in load_model(path).network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


def test_half_precision_file_stays_under_16_megabytes_and_computes_nearly_the_same(model_path, trained_network):
    x = torch.rand(1, 4, 64, 64)
    with torch.inference_mode():
        exact = trained_network(x.double()).float()
        stored = load_model(model_path).network(x)

    assert model_path.stat().st_size < 16e6
    assert (exact - stored).abs().max() < 2 / 255


def test_default_model_ships_and_loads():
    model = load_model()

    assert default_model_path().stat().st_size <= 16e6
    assert all(0.2 < channel < 0.8 for channel in model.info.mean_pixel)
    assert model.info.licence and model.info.training_data and model.info.attribution and model.info.recipe


def test_the_features_of_the_training_come_back_and_files_from_before_name_none(tmp_path, model_path, trained_network):
    named = tmp_path / "named.safetensors"
    save_model(named, trained_network, replace(INFO, feature_networks=("EfficientNet-Lite0",)))
    assert read_info(named).feature_networks == ("EfficientNet-Lite0",)

    with safetensors.safe_open(model_path, framework="pt") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "feature_networks"}
    safetensors.torch.save_file(safetensors.torch.load_file(model_path), tmp_path / "old.safetensors", metadata)
    assert load_model(tmp_path / "old.safetensors").info.feature_networks == ()


def test_loaded_model_does_not_depend_on_its_file(model_path):
    model = load_model(model_path)
    before = model.network.layers[3].conv.weight.sum().item()

    model_path.write_bytes(b"\0" * model_path.stat().st_size)

    assert model.network.layers[3].conv.weight.sum().item() == before


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 200, 5000, 1_000_000, -1])
def test_truncated_file_is_refused(model_path, kept):
    model_path.write_bytes(model_path.read_bytes()[:kept])

    with pytest.raises(ModelFileError, match="not a readable safetensors file"):
        load_model(model_path)


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def test_renamed_pickle_is_refused_and_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb(trace)))

    with pytest.raises(ModelFileError, match="is a pickle"):
        load_model(path)

    assert not trace.exists()


def test_renamed_torch_checkpoint_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"weight": torch.zeros(1)}, path)
    assert zipfile.is_zipfile(path)

    with pytest.raises(ModelFileError, match="is a pickle"):
        load_model(path)


def test_missing_file_names_the_path(tmp_path):
    with pytest.raises(ModelFileError, match=r"nowhere\.safetensors cannot be read"):
        load_model(tmp_path / "nowhere.safetensors")


def test_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(ModelFileError, match="has 64 MB"):
        load_model(path)


def test_safetensors_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)

    with pytest.raises(ModelFileError, match="without a GLCIC description"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers.4.conv.bias": None}, r"lacks 1 of 34 weights, first layers.4.conv.bias"),
        ({"layers.99.conv.bias": torch.zeros(1)}, r"has 1 weights too many, first layers.99"),
        ({"layers.4.conv.bias": torch.zeros(255)}, r"layers.4.conv.bias has shape \[255\] instead of \[256\]"),
        ({"layers.4.conv.bias": torch.zeros(256, dtype=torch.bfloat16)}, r"bias is stored as torch.bfloat16, not as"),
        ({"layers.4.conv.bias": torch.zeros(256, dtype=torch.int16)}, r"bias is stored as torch.int16, not as"),
        ({"layers.4.conv.bias": torch.full((256,), torch.nan)}, r"layers.4.conv.bias holds NaN"),
        ({"layers.4.conv.bias": torch.full((256,), torch.inf)}, r"layers.4.conv.bias holds NaN or infinity"),
        ({"layers.4.conv.bias": torch.zeros(256)}, r"do not match their sha-256"),
    ],
    ids=["missing", "foreign", "wrong shape", "bfloat16", "whole numbers", "NaN", "infinite", "changed"],
)
def test_wrong_weights_are_refused(model_path, change, message):
    rewrite(model_path, weights=change)

    with pytest.raises(ModelFileError, match=message):
        load_model(model_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "lama"}, "architecture lama"),
        ({"glcic_format": "2"}, "format 2"),
        ({"mean_pixel": "[0.5, 0.5]"}, "its description is not valid"),
        ({"mean_pixel": "[0.5, 0.5, 128]"}, "its description is not valid"),
        ({"hole_range": "[64, 16]"}, "its description is not valid"),
        ({"hole_range": "{"}, "its description is not valid"),
    ],
)
def test_wrong_description_is_refused(model_path, change, message):
    rewrite(model_path, metadata=change)

    with pytest.raises(ModelFileError, match=message):
        load_model(model_path)


def test_header_that_claims_overlapping_tensors_is_refused(model_path):
    data = model_path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    first, second = [name for name in header if name != "__metadata__"][:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]
    text = json.dumps(header).encode()
    model_path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])

    with pytest.raises(ModelFileError):
        load_model(model_path)


def test_diverged_network_is_not_written(tmp_path, trained_network):
    network = fold_batch_norm(trained_network)
    with torch.no_grad():
        network.layers[0].conv.bias[0] = 1e6  # beyond float16
    path = tmp_path / "model.safetensors"

    with pytest.raises(ModelFileError, match=r"layers.0.conv.bias is not finite"):
        save_model(path, network, INFO)

    assert not path.exists()


def test_unwritable_place_is_an_output_error(tmp_path, trained_network):
    with pytest.raises(OutputError, match="folder does not exist"):
        save_model(tmp_path / "missing" / "model.safetensors", trained_network, INFO)
