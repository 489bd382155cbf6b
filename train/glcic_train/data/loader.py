"""Shards and plans of crops, in; batches decoded by worker processes while the network trains, out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from glcic_backend.errors import InvalidInputError
from glcic_train.data.colour import apply_colour
from glcic_train.data.crops import CropPlan, CropSampler, next_photo
from glcic_train.data.damage import DamageCount, DamagedPhotoError
from glcic_train.data.photo_set import PhotoSet

# Number of a photo, and the draws that decide its crop.
_Row = tuple[int, np.ndarray]


@dataclass
class Cut:
    """One picture of a batch as a worker passes it on."""

    pixels: np.ndarray | None = None
    """uint8 [size, size, 3], RGB."""
    colour: np.ndarray | None = None
    """float32 [3]: factors of brightness, contrast and saturation."""
    problems: list[str] = field(default_factory=list)
    """A sentence for every damaged photo that was met on the way."""
    error: InvalidInputError | None = None
    """What ends the run. Returned, not raised: torch would bury its text under the traceback of the worker."""


class LoadedPhotos:
    """Photos decoded anew for every batch, for sets of any size. The next one stands in for one that is damaged.

    Args:
        photos: the photos.
        device: where batches are delivered; on CUDA through pinned memory, while the step before still runs.
        workers: processes that decode; 0 decodes in the calling process.
        tell: called with a sentence for every damaged photo.
    """

    def __init__(
        self,
        photos: PhotoSet,
        device: torch.device | str = "cpu",
        workers: int = 2,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.photos = photos
        self.device = torch.device(device)
        self.workers = workers
        self._tell = tell
        self._count: DamageCount | None = None

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches from number `first_step` on: float32 [N, 3, size, size], RGB, 0..1, on the device.

        Closing the iterator ends the workers.

        Raises:
            InvalidInputError: no photo is large enough, too many are damaged, or a shard cannot be read any more.
        """
        usable = sampler.crop.usable(self.photos.sizes)
        loader = DataLoader(
            _Crops(self.photos, sampler, usable),
            batch_sampler=_ChosenBatches(sampler, usable, first_step),
            num_workers=self.workers,
            collate_fn=collate,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=start_worker,
            # Without its own, the loader would draw from the global generator, whose state a resumed run restores.
            generator=torch.Generator(),
        )
        if self._count is None:
            self._count = DamageCount(self.photos.max_damaged, len(self.photos), self._tell)
        return deliver(loader, self._count, self.device, sampler.crop.colour_jitter > 0)


# Pictures, uint8 [N, size, size, 3]; colour factors, float32 [N, 3]; problems; what ends the run.
_Cuts = tuple[Tensor, Tensor, list[str], InvalidInputError | None]


def collate(cuts: list[Cut]) -> _Cuts:
    """Join the pictures of a batch, in the worker: a tensor reaches the training process without a copy."""
    problems = [problem for cut in cuts for problem in cut.problems]
    error = next((cut.error for cut in cuts if cut.error is not None), None)
    if error is not None:
        return torch.empty(0), torch.empty(0), problems, error
    pictures, colours = (np.stack([getattr(cut, name) for cut in cuts]) for name in ("pixels", "colour"))
    return torch.from_numpy(pictures), torch.from_numpy(colours), problems, None


def deliver(loader: "DataLoader[Any]", damage: DamageCount, device: torch.device, jitter: bool) -> Iterator[Tensor]:
    """Batches of what a loader's workers cut, on the device; the damaged photos among them are counted.

    Raises:
        InvalidInputError: too many are damaged, or a worker met an error.
    """
    for pictures, colour, problems, error in loader:
        damage.add(problems)
        if error is not None:
            raise error
        batch = pictures.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)
        yield apply_colour(batch, colour) if jitter else batch.contiguous()


def cut_crop(pixels: np.ndarray, plan: CropPlan, size: int) -> Cut:
    """Resize and cut one photo, uint8 [H, W, 3], as a plan of one crop says."""
    (width, height), (left, top) = plan.resized[0], plan.corner[0]
    if (width, height) != pixels.shape[1::-1]:
        shrinks = width < pixels.shape[1]
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    crop = pixels[top : top + size, left : left + size]
    return Cut(crop[:, ::-1] if plan.flip[0] else crop, plan.colour[0])


class _ChosenBatches(Sampler[list[_Row]]):
    """Hands what decides every batch, row by row, to the workers."""

    def __init__(self, sampler: CropSampler, usable: np.ndarray, first_step: int) -> None:
        self.sampler, self.usable, self.first_step = sampler, usable, first_step

    def __iter__(self) -> Iterator[list[_Row]]:
        for step in count(self.first_step):
            photo, draws = self.sampler.choose(step, self.usable)
            yield list(zip(photo.tolist(), draws, strict=True))


class _Crops(Dataset[Cut]):
    """Decodes and cuts one picture of a batch."""

    def __init__(self, photos: PhotoSet, sampler: CropSampler, usable: np.ndarray) -> None:
        self.photos, self.sampler, self.usable = photos, sampler, usable

    def __getitem__(self, row: _Row) -> Cut:
        photo, draws = row
        problems: list[str] = []
        while True:
            try:
                pixels = self.photos.read(photo)
                break
            except DamagedPhotoError as error:
                problems.append(error.problem)
                photo = next_photo(photo, self.usable)
                if len(problems) == len(self.usable):
                    return Cut(problems=problems, error=error)
            except InvalidInputError as error:
                return Cut(problems=problems, error=error)
        plan = self.sampler.cut(np.array([photo]), draws[None], self.photos.sizes)
        cut = cut_crop(pixels, plan, self.sampler.crop.size)
        cut.problems = problems
        return cut


def start_worker(_: int) -> None:
    """Keep a worker's libraries to one thread."""
    # The processes are the parallelism.
    cv2.setNumThreads(0)
