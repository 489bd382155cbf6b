"""D's accuracy on held-out pairs."""

import pytest
import torch
from torch import nn

from glcic_train.training.accuracy import area_under_curve, discriminator_accuracy, hole_centres
from glcic_train.training.held_out import HeldOut

CPU, MEAN = torch.device("cpu"), torch.tensor([0.25, 0.5, 0.75])


def test_area_under_the_curve_by_hand():
    # Of the four pairs: 3 > 2, 3 > 1, 1 < 2, 1 = 1.
    assert area_under_curve(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 1.0])) == (1 + 1 + 0 + 0.5) / 4


def test_the_centre_of_a_hole_is_that_of_its_bounding_box():
    holes = torch.zeros(1, 1, 10, 12)
    holes[0, 0, 2, 3] = holes[0, 0, 6, 9] = 1
    assert hole_centres(holes).tolist() == [[6, 4]]


class GreyC(nn.Module):
    """Completes with the mean pixel."""

    def forward(self, x):
        return MEAN.view(1, 3, 1, 1).expand(len(x), 3, *x.shape[2:])


SEEN: list[tuple[torch.Tensor, torch.Tensor]] = []


class Judge(nn.Module):
    """Takes dark for completed, or the same for all."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, image, centres):
        SEEN.append((image, centres))
        return self.weight * image.mean(dim=(1, 2, 3))


@pytest.fixture
def held_out() -> HeldOut:
    holes = torch.zeros(10, 1, 16, 16)
    for number in range(10):
        holes[number, :, 2 : 8 + number % 3, 4:10] = 1
    return HeldOut(torch.full((10, 3, 16, 16), 255, dtype=torch.uint8), holes)


@pytest.mark.parametrize(("weight", "accuracy"), [(1.0, 1.0), (0.0, 0.5), (-1.0, 0.0)])
def test_accuracy_of_judges_that_know_guess_and_mistake(held_out, weight, accuracy):
    assert discriminator_accuracy(Judge(weight), GreyC(), held_out, MEAN, CPU) == accuracy


def test_d_judges_completions_at_their_holes_and_photographs_at_those_of_others(held_out):
    SEEN.clear()
    discriminator_accuracy(Judge(1.0), GreyC(), held_out, MEAN, CPU)

    (real, elsewhere), (completed, centres), *_ = SEEN
    assert torch.equal(centres, hole_centres(held_out.holes)[:8])
    assert torch.equal(elsewhere, hole_centres(held_out.holes).roll(1, dims=0)[:8])
    assert torch.equal(real, (1 - MEAN).view(1, 3, 1, 1).expand_as(real))
    hole = held_out.holes[:8].expand_as(completed) > 0
    assert (completed[hole] == 0).all() and torch.equal(completed[~hole], real[~hole])


def test_batches_of_photographs_and_of_completions_are_normalised_apart_and_d_stays_as_it_is(held_out):
    norm = nn.BatchNorm2d(3).eval()

    class Normalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = norm

        def forward(self, image, centres):
            return self.norm(image)[:, 0, 0, 0]

    discriminator, before = Normalised(), norm.running_mean.clone()
    # The first pixel is white everywhere: only the statistics of its batch, darker holes or none, tell it.
    assert discriminator_accuracy(discriminator, GreyC(), held_out, MEAN, CPU) == 0
    assert torch.equal(norm.running_mean, before) and not norm.training
