"""Joins photographs and random holes to batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import torch
from torch import Tensor

from glcic_backend.errors import InvalidInputError
from glcic_train.config.schema import Config, CropStage
from glcic_train.data import CropOptions, CropSampler
from glcic_train.masks import Holes, MaskSampler, MaskStream
from glcic_train.training.distributed import Processes


@dataclass(frozen=True)
class Batch:
    """What one iteration of Algorithm 1 works on."""

    images: Tensor
    """x: float32 [N, 3, S, S], RGB, 0..1."""
    holes: Holes
    """M_c: the holes to complete."""
    draw_real_holes: Callable[[], Holes]

    @cached_property
    def real_holes(self) -> Holes:
        """M_d: holes drawn anew; they only place the local patches of the real images.

        Drawn when they are asked for: the completion phase, most of many runs, does without.
        """
        return self.draw_real_holes()


class PhotoSource(Protocol):
    """Delivers crops: `LoadedPhotos` or `ResidentPhotos` of `glcic_train.data`."""

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches from number `first_step` on: float32 [N, 3, S, S], RGB, 0..1, on the device."""
        ...


class BatchSource:
    """Batches as a pure function of the iteration's number.

    Args:
        config: the run's configuration.
        photos: where crops come from.
        processes: each process gets its part of the global batch.
        device: where batches are delivered.

    Raises:
        InvalidInputError: a batch cannot be divided by the number of processes.
    """

    def __init__(self, config: Config, photos: PhotoSource, processes: Processes, device: torch.device) -> None:
        self._config, self._photos, self._processes, self._device = config, photos, processes, device
        for batch in {config.run.batch, *(stage.batch for stage in config.schedule.stages)}:
            if batch % processes.world_size:
                raise InvalidInputError(
                    f"A batch of {batch} images cannot be divided by {processes.world_size} processes. Set run.batch "
                    "and the batches of schedule.stages to multiples of the number of processes."
                )
        self._stage: CropStage | None = None
        self._next_step = -1
        self._crops: Iterator[Tensor] = iter(())

    def batch(self, step: int, stage: CropStage) -> Batch:
        """The batch of iteration `step`. Consecutive iterations of one stage are prefetched."""
        if (step, stage) != (self._next_step, self._stage):
            self._start(step, stage)
        images = next(self._crops)
        self._next_step = step + 1
        return Batch(images, self._holes(MaskStream.COMPLETION, step), partial(self._holes, MaskStream.REAL, step))

    def close(self) -> None:
        """End the processes that decode ahead."""
        close = getattr(self._crops, "close", None)
        if close is not None:
            close()
        self._crops, self._stage = iter(()), None

    def _start(self, step: int, stage: CropStage) -> None:
        self.close()
        data, processes = self._config.data, self._processes
        options = CropOptions(
            size=stage.crop,
            short_side=stage.short_side,
            flip=data.flip,
            max_upscale=data.max_upscale,
            colour_jitter=data.colour_jitter,
        )
        self._share = stage.batch // processes.world_size
        sampler = CropSampler(options, self._share, self._config.run.seed, processes.rank, processes.world_size)
        self._masks = MaskSampler(self._config.masks, stage.crop, stage.hole, self._device)
        self._crops = self._photos.batches(sampler, step)
        self._stage, self._next_step = stage, step

    def _holes(self, stream: MaskStream, step: int) -> Holes:
        processes = self._processes
        return self._masks.holes(self._config.run.seed, stream, step, self._share, processes.rank, processes.world_size)
