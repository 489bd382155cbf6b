"""How well D tells real photographs from completed ones that neither network has seen."""

import copy

import torch
from torch import Tensor

from glcic_backend.network.completion_network import CompletionNetwork
from glcic_train.training.discriminators import ContextDiscriminator
from glcic_train.training.held_out import HeldOut, evaluating


@torch.no_grad()
def discriminator_accuracy(
    discriminator: ContextDiscriminator,
    network: CompletionNetwork,
    held_out: HeldOut,
    mean_pixel: Tensor,
    device: torch.device,
) -> float:
    """Area under the curve of D on held-out photographs and their completions: 0.5 is chance, 1 tells all apart.

    D judges as it does in training: batches of photographs and of completions apart, each with its own statistics. Much
    of what it knows it reads off these: it tells batches apart, hence distributions, more than single images. The
    local patches of the photographs lie where the hole of the next one is (M_d of Algorithm 1).

    Args:
        network: C, in evaluation mode here.
        mean_pixel: float [3], RGB, 0..1.
    """
    real, completed = [], []
    centres = hole_centres(held_out.holes)
    elsewhere = centres.roll(1, dims=0)
    mean = mean_pixel.to(device).view(1, 3, 1, 1)
    judge = copy.deepcopy(discriminator).train()  # a copy: running statistics stay those of the training
    first = 0
    with evaluating(network):
        for image, hole, output in held_out.completions(network, mean_pixel, device):
            numbers = slice(first, first + len(image))
            first += len(image)
            real.append(judge(image - mean, elsewhere[numbers].to(device)))
            made = torch.lerp(image, output, hole)
            completed.append(judge(made - mean, centres[numbers].to(device)))
    return area_under_curve(torch.cat(real), torch.cat(completed))


def hole_centres(holes: Tensor) -> Tensor:
    """Middle of each hole's bounding box, x and y: int64 [N, 2], from float [N, 1, H, W]."""
    centres = []
    for hole in holes[:, 0] > 0:
        rows, columns = torch.nonzero(hole, as_tuple=True)
        centres.append(torch.stack([(one.min() + one.max()) // 2 for one in (columns, rows)]))
    return torch.stack(centres)


def area_under_curve(real: Tensor, completed: Tensor) -> float:
    """Share of all pairs in which the real one has the higher logit; equal ones count half. Float [N] each."""
    difference = real[:, None] - completed[None]
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()
