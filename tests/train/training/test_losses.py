"""Every loss against a value computed by hand."""

import math

import pytest
import torch
from torch import nn

from glcic_train.training import losses


def test_masked_mse_is_the_squared_error_per_value_in_the_hole():
    output, image = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    output[0, :, 0, 0] = torch.tensor([0.1, 0.2, 0.3])
    output[0, :, 1, 1] = 0.9  # outside the hole: does not count
    hole = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    # (0.01 + 0.04 + 0.09) over two pixels of three values
    assert losses.masked_mse(output, image, hole).item() == pytest.approx(0.14 / 6)


def test_masked_mse_counts_images_alike_whatever_the_size_of_their_holes():
    output, image, hole = torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2), torch.zeros(2, 1, 2, 2)
    hole[0, 0, 0, 0] = 1
    hole[1] = 1
    output[0] = 1.0
    output[1] = 0.5
    assert losses.masked_mse(output, image, hole).item() == pytest.approx((1 + 0.25) / 2)


def test_masked_l1_is_the_absolute_error_per_value_in_the_hole():
    output, image = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    output[0, :, 0, 0] = torch.tensor([0.1, -0.2, 0.3])
    output[0, :, 1, 1] = 0.9  # outside the hole: does not count
    hole = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    assert losses.masked_l1(output, image, hole).item() == pytest.approx(0.6 / 6)


def test_the_gradient_loss_is_the_mean_difference_between_neighbours_in_the_hole():
    output, image = torch.zeros(1, 3, 2, 3), torch.ones(1, 3, 2, 3)  # a constant error does not count
    output[0, :, 0] = torch.tensor([0.0, 0.5, 0.7])
    hole = torch.tensor([[[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]]])
    # One pair across (0 to 0.5) and one pair down (0.5 to 0); the third column is known.
    assert losses.masked_gradient_l1(output, image, hole).item() == pytest.approx((0.5 + 0.5) / 2)


def test_the_gradient_loss_of_a_hole_of_one_pixel_is_zero():
    hole = torch.zeros(1, 1, 3, 3)
    hole[0, 0, 1, 1] = 1
    assert losses.masked_gradient_l1(torch.rand(1, 3, 3, 3), torch.rand(1, 3, 3, 3), hole).item() == 0


def test_the_discriminator_loss_is_the_binary_cross_entropy_of_both_kinds():
    real, completed = torch.tensor([0.0, math.log(3)]), torch.tensor([math.log(3), 0.0])
    # D(real) = 1/2, 3/4; D(completed) = 3/4, 1/2
    by_hand = -(math.log(1 / 2) + math.log(3 / 4)) / 2 - (math.log(1 / 4) + math.log(1 / 2)) / 2
    assert losses.discriminator_loss(real, completed).item() == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("kind", "by_hand"),
    [
        ("minimax", (math.log(1 / 4) + math.log(1 / 2)) / 2),
        ("non-saturating", -(math.log(3 / 4) + math.log(1 / 2)) / 2),
    ],
)
def test_the_gan_loss_of_the_completion_network(kind, by_hand):
    completed = torch.tensor([math.log(3), 0.0])  # D = 3/4, 1/2
    assert losses.generator_loss(completed, kind).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("kind", ["minimax", "non-saturating"])
def test_the_gan_loss_falls_when_the_discriminator_is_fooled(kind):
    assert losses.generator_loss(torch.tensor([2.0]), kind) < losses.generator_loss(torch.tensor([-2.0]), kind)


def test_the_losses_stay_finite_when_the_discriminator_is_certain():
    certain = torch.tensor([200.0, -200.0])
    for value in (losses.discriminator_loss(certain, certain), losses.generator_loss(certain, "minimax")):
        assert torch.isfinite(value)


def test_feature_matching_is_the_mean_difference_over_the_layers():
    completed = [torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0]])]
    real = [torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0]])]
    assert losses.feature_matching(completed, real).item() == pytest.approx(((1 + 3) / 2 + 4) / 2)


def test_feature_matching_pulls_the_completed_image_only():
    completed, real = torch.ones(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    losses.feature_matching([completed], [real]).backward()
    assert completed.grad is not None
    assert real.grad is None


def test_r1_is_half_the_squared_gradient_per_image():
    layer = nn.Linear(3 * 2 * 2, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0.5)
    image = torch.rand(4, 3, 2, 2, requires_grad=True)
    penalty = losses.r1_penalty(layer(image.flatten(1))[:, 0], image)
    assert penalty.item() == pytest.approx(0.5 * 12 * 0.25)
    penalty.backward()
    # d(sum w^2 / 2) / dw = w
    assert torch.allclose(layer.weight.grad, layer.weight)


@pytest.mark.parametrize(
    ("mse", "adversarial", "progress", "factor"),
    [
        (1.0, 1.0, 0.0, 1.0),  # the same order: nothing changes
        (1.0, 3.0, 0.0, 1.0),
        (1.0, 100.0, 0.0, 10**0.5 / 100),  # too strong: down to sqrt(10)
        (1.0, 1e-4, 0.0, 10**-0.5 / 1e-4),  # too weak: up to 1/sqrt(10)
        (1.0, 1e-4, 1.0, 1.0),  # the balancing is over
        (1.0, 1e-4, 0.5, (10**-0.5 / 1e-4) ** 0.5),  # half of it, geometrically
    ],
)
def test_balancing_brings_the_gan_gradient_to_the_order_of_the_mse_gradient(mse, adversarial, progress, factor):
    value = losses.balancing_factor(torch.tensor(mse), torch.tensor(adversarial), progress)
    assert value.item() == pytest.approx(factor, rel=1e-5)


@pytest.mark.parametrize(("mse", "adversarial"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
def test_balancing_survives_a_gradient_of_zero(mse, adversarial):
    assert torch.isfinite(losses.balancing_factor(torch.tensor(mse), torch.tensor(adversarial), 0.0))


@pytest.mark.parametrize(("adversarial", "factor"), [(1e-3, 6000.0), (3.0, 2.0), (12.0, 0.5)])
def test_the_ratio_that_is_to_be_held_is_reached_from_both_sides(adversarial, factor):
    value = losses.holding_factor(torch.tensor(2.0), torch.tensor(adversarial), 3.0)
    assert value.item() == pytest.approx(factor)


def test_a_gradients_colour_is_weakened_and_its_brightness_kept_by_hand():
    gradient = torch.tensor([0.0, 3.0, 6.0]).view(1, 3, 1, 1)
    assert losses.with_chroma(gradient, 0.5).flatten().tolist() == [1.5, 3.0, 4.5]
    assert losses.with_chroma(gradient, 0.0).flatten().tolist() == [3.0, 3.0, 3.0]
