"""Shards that can only be read from beginning to end, in; shuffled batches, out.

There is no index, so a batch is no function of its step. A resumed run takes the shards in a new order: no photo is
lost for good, but those in the open shards and in the shuffle buffers of the stopped run come later than others.
"""

import os
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count, islice
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from glcic_backend.errors import InvalidInputError
from glcic_train.data.crops import DRAWS, CropSampler
from glcic_train.data.damage import MAX_DAMAGED, DamageCount
from glcic_train.data.decode import MAX_FILE_BYTES, channel_sums, decode_stored
from glcic_train.data.loader import Cut, collate, cut_crop, deliver, start_worker
from glcic_train.data.shards import PHOTO_SUFFIXES, Shard
from glcic_train.data.sources import MeanPixel, StreamedShard

SHUFFLED = 2000
"""Photos among which the next one is drawn, over all workers of a process."""
# Photos that the mean pixel is taken from.
_MEAN_OF = 500
# Photos that may be damaged or too small, one after the other.
_MOST_IN_VAIN = 500
# Photos that a set of streams is taken to hold at least: nobody counts them.
_EXPECTED = 10_000
# More than this behind the end of a tar is not waited for, in bytes.
_PADDING = 2**20
_SHARD_STREAM, _DRAW_STREAM = 3, 4


# Name of a picture, and its file.
_File = tuple[str, bytes]


class StreamedPhotos:
    """Photos of streams, for data that lies where nothing can seek.

    Args:
        shards: the streams. Each process reads its own part of them.
        device: where batches are delivered.
        workers: processes that read and decode, at most one per shard of this process; 0 = the calling process.
        rank, world_size: of this process.
        max_damaged: share of the photos, and of the shards, that may be damaged.
        tell: called with a sentence for everything damaged.

    Raises:
        InvalidInputError: there are fewer shards than processes.
    """

    def __init__(
        self,
        shards: Sequence[Shard | StreamedShard],
        device: torch.device | str = "cpu",
        workers: int = 2,
        *,
        rank: int = 0,
        world_size: int = 1,
        max_damaged: float = MAX_DAMAGED,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        if len(shards) < world_size:
            raise InvalidInputError(
                f"{len(shards)} shards cannot be shared by {world_size} processes: each reads its own, from the "
                "beginning to the end. Cut the data into more shards, or start fewer processes."
            )
        self._shards = list(shards)
        self.device = torch.device(device)
        self.workers = min(workers, len(shards) // world_size)
        self._rank, self._world_size = rank, world_size
        self._max_damaged = max_damaged
        self._tell = tell
        self._count: DamageCount | None = None

    def mean_pixel(self) -> MeanPixel:
        """Mean RGB, 0..1, of the first 500 photos of this process's shards.

        Raises:
            InvalidInputError: they hold none.
        """
        sums, area = np.zeros(3, np.int64), 0
        reader = _Reader(self._shards[self._rank :: self._world_size])
        for _, data in islice(reader.once(), _MEAN_OF):
            pixels = decode_stored(data)
            if pixels is not None:
                sums += channel_sums(pixels)
                area += pixels.shape[0] * pixels.shape[1]
        if not area:
            raise InvalidInputError(f"The streams hold no photo. {' '.join(reader.problems)}".rstrip())
        red, green, blue = (sums / (255.0 * area)).tolist()
        return red, green, blue

    def loss(self) -> str:
        """What a resumed run loses, in a sentence."""
        return (
            f"The shards are read as streams: the run goes on with its {len(self._shards)} shards in a new order. "
            f"Up to {SHUFFLED * self._world_size} photographs that were read ahead, and the rest of the open shards, "
            "come later than they would have; others come sooner again."
        )

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches: float32 [N, 3, size, size], RGB, 0..1, on the device.

        Args:
            sampler: says how crops are cut, and how many.
            first_step: another one, another order of the shards.

        Raises:
            InvalidInputError: the streams hold no photo that is large enough, or too many are damaged.
        """
        loader = DataLoader(
            _StreamedCrops(self._shards, sampler, first_step, max(1, self.workers)),
            batch_size=sampler.batch_size,
            num_workers=self.workers,
            collate_fn=collate,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=start_worker,
            generator=torch.Generator(),
        )
        if self._count is None:
            # How many photos there are is not known.
            self._count = DamageCount(self._max_damaged, _EXPECTED, self._tell)
        return deliver(loader, self._count, self.device, sampler.crop.colour_jitter > 0)


class _StreamedCrops(IterableDataset[Cut]):
    """Reads the shards of one worker again and again, and cuts what it draws from its buffer."""

    def __init__(
        self, shards: Sequence[Shard | StreamedShard], sampler: CropSampler, first_step: int, workers: int
    ) -> None:
        self.shards, self.sampler, self.first_step, self.workers = list(shards), sampler, first_step, workers

    def __iter__(self) -> Iterator[Cut]:
        worker = get_worker_info()
        part = self.sampler.rank * self.workers + (worker.id if worker is not None else 0)
        draws = self._generator(_DRAW_STREAM, part)
        reader = _Reader(self.shards)
        try:
            yield from self._cuts(reader, self._shuffled(reader, part, draws), draws)
        except InvalidInputError as error:
            yield Cut(problems=reader.problems, error=error)

    def _cuts(self, reader: "_Reader", photos: Iterator[_File], draws: np.random.Generator) -> Iterator[Cut]:
        crop, in_vain = self.sampler.crop, 0
        for name, data in photos:
            pixels = decode_stored(data)
            if pixels is None:
                reader.problems.append(f"The photo {name} cannot be decoded.")
            if pixels is None or min(pixels.shape[:2]) * crop.max_upscale < crop.short_side[0]:
                in_vain += 1
                if in_vain == _MOST_IN_VAIN:
                    raise InvalidInputError(
                        f"{in_vain} photos of the streams, one after the other, are damaged or would be enlarged by "
                        f"more than {crop.max_upscale} for a shortest edge of {crop.short_side[0]} pixels. Use larger "
                        "photos, a smaller crop, or raise data.max_upscale."
                    )
                continue
            in_vain = 0
            sizes = np.array([pixels.shape[1::-1]])
            plan = self.sampler.cut(np.array([0]), draws.random((1, DRAWS)), sizes)
            cut = cut_crop(pixels, plan, crop.size)
            cut.problems, reader.problems = reader.problems, []
            yield cut

    def _epoch(self, reader: "_Reader", part: int, epoch: int) -> Iterator[_File]:
        """The photos of this worker's shards in one epoch."""
        # The order is that of all workers of all processes: each takes its part of it.
        order = self._generator(_SHARD_STREAM, epoch).permutation(len(self.shards))
        found = False
        for photo in reader.once(order[part :: self.sampler.world_size * self.workers].tolist()):
            found = True
            yield photo
        if not found:
            raise InvalidInputError(f"The streams hold no photo. {' '.join(reader.problems[-1:])}".rstrip())

    def _shuffled(self, reader: "_Reader", part: int, draws: np.random.Generator) -> Iterator[_File]:
        """The photos of all epochs, without end, each drawn at random from some that were read ahead."""
        first = self._epoch(reader, part, 0)
        # Not more than an epoch: the same photo would be there twice.
        buffer = list(islice(first, SHUFFLED // self.workers))
        later = chain.from_iterable(self._epoch(reader, part, epoch) for epoch in count(1))
        for photo in chain(first, later):
            place = int(draws.integers(len(buffer)))
            drawn, buffer[place] = buffer[place], photo
            yield drawn

    def _generator(self, stream: int, number: int) -> np.random.Generator:
        key = [self.sampler.seed, stream]
        return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, number, self.first_step]))


class _Reader:
    """Reads shards one after the other. What breaks is noted in `problems`, and the next shard is read."""

    def __init__(self, shards: Sequence[Shard | StreamedShard]) -> None:
        self._shards = shards
        self.problems: list[str] = []

    def once(self, numbers: Sequence[int] | None = None) -> Iterator[_File]:
        """The picture files of some shards, or of all."""
        for number in range(len(self._shards)) if numbers is None else numbers:
            shard = self._shards[number]
            try:
                with _opened(shard) as file, tarfile.open(fileobj=file, mode="r|*") as tar:
                    for name, data in _pictures(tar):
                        yield f"{name!r} in {shard}", data
            # fsspec passes on whatever the library below it raises.
            except Exception as error:
                self.problems.append(f"The shard {shard} broke off: {type(error).__name__}: {error}.")


def _pictures(tar: tarfile.TarFile) -> Iterator[_File]:
    for member in tar:
        suffix = member.name.rpartition("/")[2].partition(".")[2]
        if member.isreg() and suffix.lower() in PHOTO_SUFFIXES and member.size <= MAX_FILE_BYTES:
            file = tar.extractfile(member)
            assert file is not None
            data = file.read()
            if len(data) < member.size:
                raise tarfile.ReadError(f"{member.name!r} is cut off")
            yield member.name, data


@contextmanager
def _opened(shard: Shard | StreamedShard) -> Iterator[IO[bytes]]:
    if isinstance(shard, Path):
        with shard.open("rb") as file:
            yield file
    elif isinstance(shard, StreamedShard) and shard.remote is None:
        with _output_of(shard.command) as output:
            yield output
    else:
        remote = shard.remote if isinstance(shard, StreamedShard) else shard
        assert remote is not None
        with remote.open_stream() as stream:
            yield stream


@contextmanager
def _output_of(command: str) -> Iterator[IO[bytes]]:
    """What a command writes. It is ended with all that it started when the reader has enough.

    Raises:
        OSError: it failed.
    """
    process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, process_group=0)
    assert process.stdout is not None
    try:
        yield process.stdout
        # A tar ends before its padding does; a command that may write it to the end tells whether all went well.
        if len(process.stdout.read(_PADDING)) < _PADDING and process.wait():
            raise OSError(f"the command ended with code {process.returncode}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
