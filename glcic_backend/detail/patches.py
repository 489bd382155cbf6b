"""Patches in; short vectors out, whose distance is nearly that of the patches.

Comparing two patches of 7 x 7 pixels takes 147 differences. Photographs' patches vary along few directions, so their
principal components (of the sources, hence fitted to the photograph) keep most of it in 24.
"""

import torch
from torch import Tensor
from torch.nn import functional

from glcic_backend.detail.pyramid import PATCH, RADIUS, Level

COMPONENTS = 24
_SAMPLES = 20000
_CHUNK = 1 << 16


class PatchSpace:
    """The vectors of one level's patches. Squared distances are per pixel of a patch.

    Args:
        level: its sources' patches give the components.
    """

    def __init__(self, level: Level) -> None:
        self._level = level
        self._offsets = torch.tensor(level.offsets, device=level.device)
        step = max(1, len(level.sources) // _SAMPLES)
        samples = self._gathered(level.pixels, level.sources[::step]).cpu().double()
        centred = samples - samples.mean(0)
        components = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -COMPONENTS:]
        self._basis = (components / PATCH).float().to(level.device)

    def at(self, pixels: Tensor, positions: Tensor) -> Tensor:
        """Vectors of the patches at some positions of a picture.

        Args:
            pixels: float32 [n, 3], by position.
            positions: int64 [p].

        Returns:
            float32 [p, COMPONENTS].
        """
        return torch.cat([self._gathered(pixels, part) @ self._basis for part in torch.split(positions, _CHUNK)])

    def everywhere(self) -> Tensor:
        """Vectors of all patches of the level, float32 [n, COMPONENTS], by position; void on the border."""
        kernel = self._basis.view(PATCH, PATCH, 3, -1).permute(3, 2, 0, 1)
        picture = self._level.pixels.view(-1, self._level.stride, 3).permute(2, 0, 1)[None]
        vectors = functional.pad(functional.conv2d(picture, kernel), (RADIUS,) * 4)
        return vectors[0].permute(1, 2, 0).reshape(self._level.count, COMPONENTS)

    def _gathered(self, pixels: Tensor, centres: Tensor) -> Tensor:
        positions = (centres[:, None] + self._offsets).flatten()
        return pixels.index_select(0, positions).view(len(centres), -1)
