"""Batches decoded by worker processes while the network trains."""

from collections.abc import Iterator

import torch
from torch import Tensor

from glcic_train.data.crops import CropSampler
from glcic_train.data.photo_set import PhotoSet


class LoadedPhotos:
    """Photos decoded anew for every batch, for sets of any size.

    Args:
        photos: the photos.
        device: where batches are delivered; on CUDA through pinned memory, while the step before still runs.
        workers: processes that decode; 0 decodes in the calling process.
    """

    def __init__(self, photos: PhotoSet, device: torch.device | str = "cpu", workers: int = 2) -> None:
        raise NotImplementedError

    @property
    def mean_pixel(self) -> tuple[float, float, float]:
        """Mean RGB of the set, 0..1."""
        raise NotImplementedError

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches from number `first_step` on: float32 [N, 3, size, size], RGB, 0..1, on the device.

        Closing the iterator ends the workers.

        Raises:
            InvalidInputError: no photo is large enough, or one is damaged.
        """
        raise NotImplementedError
