"""The photograph round a hole at several scales, each half as large as the one before."""

from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glcic_backend.scene.scene import Scene

RADIUS = 3
"""Patches are squares of 2 * RADIUS + 1 = 7 pixels."""

PATCH = 2 * RADIUS + 1


def source_mask(scene: Scene) -> NDArray[np.bool_]:
    """Centres of the patches that lie in the known part wholly, bool [h, w]."""
    mask = cv2.erode(scene.known.view(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=0)
    return mask > 0


class Level:
    """A scene, prepared for patches.

    A pixel is named by its *position*: its number in the picture with a border of `RADIUS` pixels, row by row. The
    border mirrors the picture.

    Attributes:
        stride: positions from a pixel to the one below it.
        count: number of positions n.
        pixels: float32 [n, 3], RGB.
        targets: int64 [t], centres of the patches that touch the hole.
        filled: int64 [f], the pixels that are synthesised: those of the hole, and unusable ones so near to it that
            patches on the hole contain them.
        is_source: bool [n], centres of the patches that lie in the known part wholly.
        depth: float32 [t], distance of each target to the known part, pixels.
        offsets: positions of a patch's 49 pixels relative to its centre, row by row.
    """

    def __init__(self, scene: Scene, device: torch.device) -> None:
        self.device = device
        self.shape = scene.hole.shape
        self.stride = self.shape[1] + 2 * RADIUS
        border = (RADIUS,) * 4
        bordered = cv2.copyMakeBorder(scene.picture, *border, cv2.BORDER_REFLECT_101)
        self.pixels = torch.from_numpy(bordered).view(-1, 3).to(device)
        self.count = len(self.pixels)
        self.is_source = torch.from_numpy(np.pad(source_mask(scene), RADIUS)).flatten().to(device)
        # All that follows lies near the hole, which may be small in its picture.
        x, y, width, height = cv2.boundingRect(scene.hole.view(np.uint8))
        top, left = max(0, y - 2 * PATCH), max(0, x - 2 * PATCH)
        box = slice(top, y + height + 2 * PATCH), slice(left, x + width + 2 * PATCH)
        hole, unknown = scene.hole[box].astype(np.uint8), (~scene.known[box]).astype(np.uint8)
        near = cv2.dilate(hole, np.ones((2 * PATCH - 1, 2 * PATCH - 1), np.uint8)) > 0
        self.filled = self._positions(near & (unknown > 0), top, left)
        touching = cv2.dilate(hole, np.ones((PATCH, PATCH), np.uint8)) > 0
        self.targets = self._positions(touching, top, left)
        deep = cv2.distanceTransform(unknown, cv2.DIST_L2, cv2.DIST_MASK_5)
        self.depth = torch.from_numpy(deep[touching]).to(device)
        span = range(-RADIUS, RADIUS + 1)
        self.offsets = [y * self.stride + x for y in span for x in span]

    @cached_property
    def sources(self) -> Tensor:
        """int64 [s], positions where `is_source`."""
        return self.is_source.nonzero()[:, 0]

    @cached_property
    def number(self) -> Tensor:
        """int32 [n], the place of each position in `targets`, and their number t elsewhere."""
        number = torch.full((self.count,), len(self.targets), dtype=torch.int32, device=self.device)
        number[self.targets] = torch.arange(len(self.targets), dtype=torch.int32, device=self.device)
        return number

    def end_search(self) -> None:
        """Give back the memory of what only the search needs."""
        self.__dict__.pop("number", None)
        self.__dict__.pop("sources", None)

    def rows_and_columns(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates in the picture without its border."""
        return positions // self.stride - RADIUS, positions % self.stride - RADIUS

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Positions of coordinates."""
        positions: Tensor = (rows + RADIUS) * self.stride + columns + RADIUS
        return positions

    def _positions(self, mask: NDArray[np.bool_], top: int, left: int) -> Tensor:
        """Positions of the true pixels of a mask that begins at some row and column."""
        rows, columns = np.nonzero(mask)
        return self.at(torch.from_numpy(rows + top), torch.from_numpy(columns + left)).to(self.device)
