"""A set of photos in tar shards, read by number."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


class PhotoSet:
    """Photos of one split, in WebDataset shards (tar files of `key.jpg|webp|png` and `key.json`).

    Nothing is decoded before `read`. Safe to use from several threads and in worker processes.
    """

    sizes: np.ndarray
    """int32 [len, 2]: width and height of every photo, from the headers of the files."""

    @classmethod
    def open(
        cls, paths: str | Path | Sequence[str | Path], split: str = "train", *, cache: str | Path | None = None
    ) -> "PhotoSet":
        """Open shards.

        Args:
            paths: a folder that `glcic-train data prepare` made, any folder of shards named `train-*.tar`,
                `val-*.tar`, ..., a single shard, or several of these.
            split: "train", "val", "test", or "all"; chooses among the shards of a folder by their names. A shard
                named explicitly is always read.
            cache: a writable folder (that of the run) where the index and the mean pixel are kept for the next start.

        Raises:
            InvalidInputError: nothing there, no shard of that split, or a shard is damaged.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of photos."""
        raise NotImplementedError

    def read(self, number: int) -> np.ndarray:
        """Decode one photo: uint8 [H, W, 3], RGB.

        Raises:
            InvalidInputError: it cannot be decoded; the text names shard and key.
        """
        raise NotImplementedError

    def info(self, number: int) -> dict[str, Any]:
        """What the shard says on a photo (source, licence, original name, ...), with `key` and `shard` added."""
        raise NotImplementedError

    @property
    def mean_pixel(self) -> tuple[float, float, float]:
        """Mean RGB of all pixels of the set, 0..1, summed exactly.

        A prepared folder's manifest states that of its training photos, for every split; otherwise all photos are
        decoded once, on all cores.
        """
        raise NotImplementedError

    def compute_mean_pixel(self, progress: Callable[[int, int], None] | None = None) -> tuple[float, float, float]:
        """Decode all photos on all cores and average them. `progress` is called with (photos done, photos in all)."""
        raise NotImplementedError
