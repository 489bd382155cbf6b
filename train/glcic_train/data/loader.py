"""Batches decoded by worker processes while the network trains."""

from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from glcic_backend.errors import InvalidInputError
from glcic_train.data.colour import apply_colour
from glcic_train.data.crops import CropPlan, CropSampler
from glcic_train.data.photo_set import PhotoSet

# (photo, resized, corner, flip, colour) of one picture: a row of a `CropPlan`.
_Row = tuple[int, np.ndarray, np.ndarray, bool, np.ndarray]


class LoadedPhotos:
    """Photos decoded anew for every batch, for sets of any size.

    Args:
        photos: the photos.
        device: where batches are delivered; on CUDA through pinned memory, while the step before still runs.
        workers: processes that decode; 0 decodes in the calling process.
    """

    def __init__(self, photos: PhotoSet, device: torch.device | str = "cpu", workers: int = 2) -> None:
        self.photos = photos
        self.device = torch.device(device)
        self.workers = workers

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches from number `first_step` on: float32 [N, 3, size, size], RGB, 0..1, on the device.

        Closing the iterator ends the workers.

        Raises:
            InvalidInputError: no photo is large enough, or one is damaged.
        """
        loader = DataLoader(
            _Crops(self.photos, sampler.crop.size),
            batch_sampler=_PlannedBatches(sampler, self.photos.sizes, first_step),
            num_workers=self.workers,
            collate_fn=_collate,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_start_worker,
            # Without its own, the loader would draw from the global generator, whose state a resumed run restores.
            generator=torch.Generator(),
        )
        for batch_or_error in loader:
            if isinstance(batch_or_error, InvalidInputError):
                raise batch_or_error
            pictures, colour = batch_or_error
            batch = pictures.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)
            yield apply_colour(batch, colour) if sampler.crop.colour_jitter else batch.contiguous()


class _PlannedBatches(Sampler[list[_Row]]):
    """Hands the plan of every batch, row by row, to the workers."""

    def __init__(self, sampler: CropSampler, sizes: np.ndarray, first_step: int) -> None:
        self.sampler, self.sizes, self.first_step = sampler, sizes, first_step
        self.usable = sampler.crop.usable(sizes)

    def __iter__(self) -> Iterator[list[_Row]]:
        for step in count(self.first_step):
            plan: CropPlan = self.sampler.plan(step, self.sizes, self.usable)
            yield list(zip(plan.photo, plan.resized, plan.corner, plan.flip, plan.colour, strict=True))


class _Crops(Dataset[tuple[np.ndarray, np.ndarray] | InvalidInputError]):
    """Decodes and cuts one picture of a plan."""

    def __init__(self, photos: PhotoSet, size: int) -> None:
        self.photos, self.size = photos, size

    def __getitem__(self, row: _Row) -> tuple[np.ndarray, np.ndarray] | InvalidInputError:
        """The picture, uint8 [size, size, 3], and its colour factors, float32 [3].

        An error is returned, not raised: torch would bury its text under the traceback of the worker.
        """
        photo, (width, height), (left, top), flip, colour = row
        try:
            pixels = self.photos.read(photo)
        except InvalidInputError as error:
            return error
        if (width, height) != pixels.shape[1::-1]:
            shrinks = width < pixels.shape[1]
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        crop = pixels[top : top + self.size, left : left + self.size]
        return (crop[:, ::-1] if flip else crop), colour


def _collate(
    pictures: list[tuple[np.ndarray, np.ndarray] | InvalidInputError],
) -> tuple[Tensor, Tensor] | InvalidInputError:
    good = [picture for picture in pictures if isinstance(picture, tuple)]
    if len(good) < len(pictures):
        return next(picture for picture in pictures if isinstance(picture, InvalidInputError))
    crops, colours = zip(*good, strict=True)
    return torch.from_numpy(np.stack(crops)), torch.from_numpy(np.stack(colours))


def _start_worker(_: int) -> None:
    # The processes are the parallelism.
    cv2.setNumThreads(0)
