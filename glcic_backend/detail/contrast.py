"""What a patch's contrast does to its cost.

A flat patch is at half the squared distance from a textured one at which another textured patch, unlike it, is. So
where no patch fits well, the nearest one is too flat, and the fill is calmer than the photograph.
"""

import torch
from torch import Tensor
from torch.nn import functional

from glcic_backend.detail.pyramid import PATCH, RADIUS, Level

_STRENGTH = 0.2
"""0 leaves the costs as they are; the sharpness of the fill grows with it (docs/detail-transfer.md)."""
_LEAST = 0.1
"""Contrast, as a share of the mean one, from which on less makes hardly a difference."""


def cost_factors(level: Level) -> Tensor:
    """By how much the costs of sources are multiplied: more than 1 for those of less contrast than most.

    A patch that fits exactly still costs nothing, so calm places stay calm.

    Returns:
        float32 [n], by position.
    """
    picture = level.pixels.view(-1, level.stride, 3)
    energy = picture.new_zeros(picture.shape[:2])
    energy[:, :-1] += picture.diff(dim=1).square().sum(dim=2)
    energy[:-1] += picture.diff(dim=0).square().sum(dim=2)
    around = functional.avg_pool2d(energy[None, None], PATCH, 1, RADIUS, count_include_pad=False).flatten()
    mean = around[level.sources].mean().clamp(min=torch.finfo(around.dtype).tiny)
    return ((1 + _LEAST) / (around / mean + _LEAST)) ** _STRENGTH
