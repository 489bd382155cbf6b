"""Draws batches of holes as a pure function of (seed, stream, step, number in the global batch)."""

from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from glcic_backend.errors import InvalidInputError
from glcic_train.config.schema import MaskConfig, MaskWeights
from glcic_train.data.upload import upload
from glcic_train.masks.shapes import DRAWS, draw_boxes, draw_shapes


class MaskStream(IntEnum):
    """Independent random streams of one seed."""

    COMPLETION = 11  # M_c of Algorithm 1
    REAL = 12  # M_d of Algorithm 1
    FROZEN = 13  # masks for evaluation


class Holes(NamedTuple):
    """A batch of holes."""

    mask: Tensor
    """float32 [N, 1, S, S], 1 in the hole."""
    centres: Tensor
    """int64 [N, 2], x and y of the pixel on which the local discriminator's patch is centred."""


class MaskSampler:
    """Draws holes of the configured mixture of kinds.

    The random numbers are drawn by NumPy and the shapes by torch on `device`, so one definition serves the CPU and the
    GPU, and processes that share a global batch see together what one process would see.

    Args:
        config: kinds and their weights.
        size: side of the images, in pixels.
        hole: range of the holes' widths and heights, in pixels.
        device: where the masks are delivered.

    Raises:
        InvalidInputError: `config.folder` holds no picture that can be read, or a mask picture without a hole.
    """

    def __init__(
        self, config: MaskConfig, size: int, hole: tuple[int, int], device: torch.device | str = "cpu"
    ) -> None:
        self.config, self.size, self.hole = config, size, hole
        self.device = torch.device(device)
        weights = np.array(list(vars(config.weights).values()))
        self._kinds = list(vars(config.weights))
        self._thresholds = np.cumsum(weights) / weights.sum()
        self._folder = _load_folder(Path(config.folder), size) if config.weights.folder else None

    def holes(self, seed: int, stream: MaskStream, step: int, batch: int, rank: int = 0, world_size: int = 1) -> Holes:
        """Holes of one step for one process.

        Args:
            batch: holes for this process; the global batch is `batch * world_size`.
        """
        generator = np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, step]))
        draws = generator.random((batch * world_size, DRAWS))[rank * batch : (rank + 1) * batch]
        chosen = np.searchsorted(self._thresholds, draws[:, 0], side="right")
        boxes = draw_boxes(draws, self.size, self.hole, chosen == self._kinds.index("centre"))
        mask = torch.empty(batch, 1, self.size, self.size, dtype=torch.float32, device=self.device)
        on_device = upload(boxes, self.device), upload(draws.astype(np.float32), self.device)
        for number in np.unique(chosen):
            numbers = np.flatnonzero(chosen == number)
            rows = upload(numbers, self.device)
            if self._kinds[number] == "folder":
                mask[rows] = self._from_folder(draws[numbers, 1], boxes, numbers)
                continue
            mask[rows] = draw_shapes(
                self._kinds[number], on_device[0][rows], on_device[1][rows], self.size, self.config.count
            )
        return Holes(mask, upload(boxes[:, :2] + boxes[:, 2:] // 2, self.device))

    def _from_folder(self, draw: np.ndarray, boxes: np.ndarray, rows: np.ndarray) -> Tensor:
        """Pictures chosen by `draw`, float32 [K, 1, S, S]; `boxes[rows]` become the bounding boxes of their holes."""
        assert self._folder is not None
        masks = self._folder[np.floor(draw * len(self._folder)).astype(np.int64)]
        boxes[rows] = [cv2.boundingRect(mask) for mask in masks]
        return torch.from_numpy(masks[:, None]).to(self.device, torch.float32)


def frozen_masks(
    seed: int, count: int, size: int, kind: str = "rectangle", hole: tuple[int, int] | None = None
) -> np.ndarray:
    """A fixed set of masks for evaluation: the same for every model, machine and session.

    Args:
        seed: seed of the set.
        count: number of masks.
        size: side of the images, in pixels.
        kind: a key of `KINDS`.
        hole: range of the holes' widths and heights; None = 3/8 to 1/2 of `size`, the paper's range at 256 pixels.

    Returns:
        uint8 [count, size, size], 1 in the hole. A larger count only adds masks at the end.
    """
    config = MaskConfig(weights=MaskWeights(**{"rectangle": 0.0, kind: 1.0}))
    sampler = MaskSampler(config, size, hole or (size * 3 // 8, size // 2))
    mask = sampler.holes(seed, MaskStream.FROZEN, 0, count).mask
    return mask[:, 0].to(torch.uint8).numpy()


def _load_folder(folder: Path, size: int) -> np.ndarray:
    """Mask pictures of a folder, scaled to the crop, by name: uint8 [K, size, size], 1 in the hole."""
    masks = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            continue
        mask = (cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)
        if not 0 < mask.sum() < mask.size:
            raise InvalidInputError(
                f"The mask {path} has no {'hole' if mask.sum() == 0 else 'known pixel'} at {size} x {size} pixels. "
                "White pixels are the hole; take this file out of the folder."
            )
        masks.append(mask)
    if not masks:
        raise InvalidInputError(f"The folder of masks {folder} holds no picture that can be read. Put PNG files there.")
    return np.stack(masks)
