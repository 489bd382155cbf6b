"""Contrasts of patches in; what they change in a patch's cost out.

A flat patch is at half the squared distance from a textured one at which another textured patch, unlike it, is. So
where no patch fits well, the nearest one is too flat, and the fill is calmer than the photograph. How much contrast is
wanted at a place, the surroundings of the hole tell.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from glcic_backend.blending import blend
from glcic_backend.detail.pyramid import PATCH, RADIUS, Level

_LEAST = 0.1
"""Contrast, as a share of the mean one, from which on less makes hardly a difference."""
_MARGIN = 6
"""Surroundings of the hole that are looked at: what fast marching reads."""


class Contrast:
    """By how much the costs of sources with too little contrast are multiplied.

    A patch that fits exactly still costs nothing, and one with more contrast than wanted is not preferred: else a calm
    place at the rim, where nothing fits exactly, would get scraps of what is rich in contrast elsewhere.

    Args:
        level: gives the photograph.
        strength: exponent; 0 leaves the costs as they are.
    """

    def __init__(self, level: Level, strength: float) -> None:
        picture = level.pixels.view(-1, level.stride, 3)
        energy = picture.new_zeros(picture.shape[:2])
        energy[:, :-1] += picture.diff(dim=1).square().sum(dim=2)
        energy[:-1] += picture.diff(dim=0).square().sum(dim=2)
        around = functional.avg_pool2d(energy[None, None], PATCH, 1, RADIUS, count_include_pad=False).flatten()
        mean = around[level.sources].mean().clamp(min=torch.finfo(around.dtype).tiny)
        contrast = around / mean
        self._sources = level.sources
        self._calmness = (contrast + _LEAST) ** -strength
        self._wanted = (_continued(level, contrast) + _LEAST) ** strength

    def factors(self, found: Tensor) -> Tensor:
        """For a source of each target, int64 [t], position: at least 1, float32 [t]."""
        return (self._wanted * self._calmness.index_select(0, found)).clamp_(min=1)

    def all_factors(self, first: int, count: int) -> Tensor:
        """For `count` targets from a first one on and all sources: float32 [count, s]."""
        wanted = self._wanted[first : first + count, None]
        return (wanted * self._calmness[self._sources]).clamp_(min=1)


def _continued(level: Level, contrast: Tensor) -> Tensor:
    """The contrast that the surroundings of the hole have, continued into it: float32 [t], for each target."""
    shape = -1, level.stride
    is_source = level.is_source.view(shape).cpu().numpy()
    rows, columns = (level.targets // level.stride).cpu().numpy(), (level.targets % level.stride).cpu().numpy()
    top, left = max(0, rows.min() - _MARGIN), max(0, columns.min() - _MARGIN)
    box = slice(top, rows.max() + _MARGIN + 1), slice(left, columns.max() + _MARGIN + 1)
    known = is_source[box]
    values = contrast.view(shape).cpu().numpy()[box][..., None]
    continued = blend(np.ones_like(values), values, ~known, known)
    there = continued[rows - top, columns - left, 0]
    return torch.from_numpy(np.maximum(there, 0)).to(level.device)
