"""What a run names as data, in; where its crops come from, and their mean pixel, out."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from glcic_train.config import Config
from glcic_train.data import PhotoSet
from glcic_train.data.sources import StreamedShard, find_shards, is_named_as
from glcic_train.training.batches import PhotoSource
from glcic_train.training.distributed import Processes
from glcic_train.training.progress import ProgressLine

DAMAGED_FILE = "damaged.txt"
"""In the run's folder: one line for each photograph that was skipped, as often as it was met."""
_MOST_SAID = 5


def open_source(
    config: Config,
    data: Sequence[str | Path],
    folder: Path | None,
    mean_pixel: Sequence[float] | None,
    processes: Processes,
    device: torch.device,
    resumed: bool,
) -> tuple[PhotoSource, Sequence[float]]:
    """Open the photographs: loaded, resident, or streamed.

    Args:
        folder: keeps the index, and the list of damaged photographs; None keeps nothing.
        mean_pixel: of the run that is resumed; None = that of the photographs.
        resumed: the run was begun in another session.

    Returns:
        The source, and the mean pixel (RGB, 0..1).

    Raises:
        InvalidInputError: nothing there, or too much of it is damaged.
    """
    # Imported here: these need more than the command line's other commands do.
    from glcic_train.data.loader import LoadedPhotos
    from glcic_train.data.resident import ResidentPhotos
    from glcic_train.data.streams import StreamedPhotos

    tell = _DamageList(folder)
    # What is named as validation or test data is not trained on, unless nothing else is named.
    data = [name for name in data if not (is_named_as(name, "val") or is_named_as(name, "test"))] or data
    shards = find_shards(data, "train")
    workers = min(config.data.workers, os.cpu_count() or 1)
    if any(isinstance(shard, StreamedShard) for shard in shards):
        streams = StreamedPhotos(
            shards,
            device,
            workers,
            rank=processes.rank,
            world_size=processes.world_size,
            max_damaged=config.data.max_damaged,
            tell=tell,
        )
        if resumed and processes.leads:
            ProgressLine().say(streams.loss())
        if mean_pixel is None:
            mean_pixel = processes.agree(streams.mean_pixel() if processes.leads else None)
        return streams, mean_pixel
    photos = PhotoSet.open(data, "train", cache=folder, ranks=processes, max_damaged=config.data.max_damaged)
    if processes.leads:
        for problem in photos.damaged:
            tell(f"Skipped: {problem}")
    if mean_pixel is None:
        # Decodes every photograph where no manifest states it: once, not in every process.
        own = photos.compute_mean_pixel(_progress("mean pixel")) if processes.leads else None
        mean_pixel = processes.agree(own)
    if not config.data.resident:
        return LoadedPhotos(photos, device, workers, tell), mean_pixel
    largest = max(side[1] for side in [config.data.short_side, *(s.short_side for s in config.schedule.stages)])
    cache = Path(config.data.cache) / f"photos-{photos.fingerprint[:16]}-{largest}.safetensors"
    resident = ResidentPhotos.load(
        photos,
        device,
        largest,
        cache=cache if config.data.cache else None,
        progress=_progress("decoding"),
        tell=tell,
    )
    return resident, mean_pixel


class _DamageList:
    """Keeps the damaged photographs of a run, and says the first ones."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / DAMAGED_FILE
        self._line = ProgressLine()
        self._count = 0

    def __call__(self, sentence: str) -> None:
        self._count += 1
        if self._count <= _MOST_SAID:
            self._line.say(sentence)
        if self._file is not None:
            # Appended in one go: all processes of the run write here.
            with self._file.open("a", encoding="utf-8") as file:
                file.write(sentence + "\n")


def _progress(work: str) -> Callable[[int, int], None]:
    """Tells every tenth of a long preparation."""
    line = ProgressLine()

    def show(done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            line.say(f"{work}: {done} of {total} photographs")

    return show
