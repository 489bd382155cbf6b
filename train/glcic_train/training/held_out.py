"""Photographs with frozen masks on which a run is watched: the validation error and the picture grids."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from glcic_backend.network.completion_network import CompletionNetwork, network_input
from glcic_train.config.schema import Config
from glcic_train.data import PhotoSet
from glcic_train.masks import MaskSampler, MaskStream
from glcic_train.training.dead_channels import alive_channels
from glcic_train.training.losses import masked_mse

_BATCH = 8
_BATCHES_OF_DEAD_SHARE = 2


@dataclass(frozen=True)
class HeldOut:
    """Images and their holes, the same at every validation of a run, on the CPU."""

    images: Tensor
    """uint8 [K, 3, S, S], RGB: the middle of each photograph at the crop's size."""
    holes: Tensor
    """float32 [K, 1, S, S], 1 in the hole; of the configured kinds."""

    @classmethod
    def open(cls, config: Config, photos: PhotoSet) -> "HeldOut":
        """Take photographs evenly spread over a set, at most `validation.count`."""
        count = min(config.validation.count, len(photos))
        size = config.data.crop
        numbers = np.linspace(0, len(photos) - 1, count).round().astype(int)
        images = np.stack([_middle(photos.read_from(int(number)), size) for number in numbers])
        sampler = MaskSampler(config.masks, size, config.masks.hole)
        holes = sampler.holes(config.validation.seed, MaskStream.FROZEN, 0, count).mask
        return cls(torch.from_numpy(images).permute(0, 3, 1, 2), holes)

    @torch.no_grad()
    def error(self, network: CompletionNetwork, mean_pixel: Tensor, device: torch.device) -> float:
        """Masked MSE (Eq. 2, as in `losses.masked_mse`) of a network, in float32."""
        total = 0.0
        with evaluating(network):
            for image, hole, output in self.completions(network, mean_pixel, device):
                total += masked_mse(output, image, hole).item() * len(image)
        return total / len(self.images)

    def completions(
        self, network: CompletionNetwork, mean_pixel: Tensor, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Images, holes and what a network makes of them, in float32: [N, 3, S, S], [N, 1, S, S] and [N, 3, S, S]."""
        for image, hole in self._batches(device):
            yield image, hole, network(network_input(image, hole, mean_pixel.to(device)))

    def dead_share(self, network: CompletionNetwork, mean_pixel: Tensor, device: torch.device) -> float:
        """Share of a network's channels, but for the output's, that none of the first images activates, 0..1."""
        batches = islice(self._batches(device), _BATCHES_OF_DEAD_SHARE)
        inputs = (network_input(image, hole, mean_pixel.to(device)) for image, hole in batches)
        with evaluating(network):
            alive = torch.cat(alive_channels(network, inputs))
        return 1 - alive.float().mean().item()

    def _batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Images, float32 [N, 3, S, S], 0..1, and holes, [N, 1, S, S]."""
        for images, holes in zip(self.images.split(_BATCH), self.holes.split(_BATCH), strict=True):
            yield images.to(device).float() / 255, holes.to(device)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards the mode from before."""
    was_training = network.training
    network.eval()
    yield
    network.train(was_training)


def _middle(photo: np.ndarray, size: int) -> np.ndarray:
    """The middle square of a photograph, resized: uint8 [size, size, 3]."""
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photo[top : top + side, left : left + side]
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(square, (size, size), interpolation=interpolation)
