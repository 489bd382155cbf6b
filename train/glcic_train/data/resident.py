"""Photos decoded once and kept on the device, where whole batches are cut from them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from glcic_train.data.crops import CropSampler
from glcic_train.data.photo_set import PhotoSet


class ResidentPhotos:
    """All photos of a set as one uint8 buffer in device memory; resize, crop, flip and colour happen there.

    Delivers the same crops as `LoadedPhotos` does for the same sampler, so far as no photo was shrunk to `short_side`.
    """

    @classmethod
    def load(
        cls,
        photos: PhotoSet,
        device: torch.device | str,
        short_side: int = 384,
        *,
        cache: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> "ResidentPhotos":
        """Decode all photos on all cores, shrink those whose shortest edge exceeds `short_side`, and upload them.

        Args:
            photos: the photos.
            device: where they are kept.
            short_side: largest shortest edge kept, in pixels: `CropOptions.short_side[1]` is enough.
            cache: file (safetensors) that keeps the decoded photos, so that the next start only reads it.
                It is written anew when the photos or `short_side` changed.
            progress: called with (photos decoded, photos in all).

        Raises:
            InvalidInputError: the photos do not fit into the device's memory, or one is damaged.
            OutputError: the cache cannot be written.
        """
        raise NotImplementedError

    @property
    def mean_pixel(self) -> tuple[float, float, float]:
        """Mean RGB of the set, 0..1."""
        raise NotImplementedError

    def batch(self, sampler: CropSampler, step: int) -> Tensor:
        """Batch number `step`: float32 [N, 3, size, size], RGB, 0..1, on the device."""
        raise NotImplementedError

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches from number `first_step` on, as `batch` makes them."""
        raise NotImplementedError
