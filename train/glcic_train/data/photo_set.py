"""A set of photos in tar shards, read by number."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError
from glcic_train.data.decode import channel_sums, decode_stored
from glcic_train.data.files import cannot_write
from glcic_train.data.manifest import read_manifest
from glcic_train.data.parallel import in_threads
from glcic_train.data.shards import ShardIndex, index_shard, read_at

SPLITS = ("train", "val", "test")
MeanPixel = tuple[float, float, float]


class PhotoSet:
    """Photos of one split, in WebDataset shards (tar files of `key.jpg|webp|png` and `key.json`).

    Nothing is decoded before `read`. Safe to use from several threads and in worker processes. The pictures in the
    shards count as verified and upright, as `glcic-train data prepare` leaves them: orientation tags are not read.
    """

    def __init__(self, shards: Sequence[Path], cache: Path | None, mean_pixel: MeanPixel | None) -> None:
        """Use `PhotoSet.open`."""
        self.shards = list(shards)
        self._cache = cache
        self._mean_pixel = mean_pixel
        if not self._load():
            parts = [index_shard(shard) for shard in self.shards]
            self._index = ShardIndex.join(parts)
            self._shard = np.repeat(np.arange(len(parts)), [len(part.keys) for part in parts])
            self._save()

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
        given = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
        shards = [shard for path in given for shard in ([path] if path.is_file() else folder_shards(path, split))]
        photos = cls(shards, Path(cache) if cache is not None else None, _stated_mean_pixel(given))
        if len(photos) == 0:
            raise InvalidInputError(f"{', '.join(map(str, given))} holds no photo. Prepare more photographs.")
        return photos

    @property
    def sizes(self) -> np.ndarray:
        """int32 [len, 2]: width and height of every photo, from the headers of the files."""
        return self._index.sizes

    @property
    def stored_bytes(self) -> int:
        """Bytes of all picture files."""
        return int(self._index.photo[:, 1].sum())

    @property
    def fingerprint(self) -> str:
        """Changes when a shard is added, left out, or written anew."""
        stats = [(str(shard.resolve()), shard.stat().st_size, shard.stat().st_mtime_ns) for shard in self.shards]
        return hashlib.sha256(repr(stats).encode()).hexdigest()

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._index.keys)

    def read(self, number: int) -> np.ndarray:
        """Decode one photo: uint8 [H, W, 3], RGB.

        Raises:
            InvalidInputError: it cannot be decoded; the text names shard and key.
        """
        shard = self.shards[self._shard[number]]
        pixels = decode_stored(read_at(shard, *map(int, self._index.photo[number])))
        if pixels is None or (pixels.shape[1], pixels.shape[0]) != tuple(self.sizes[number]):
            raise InvalidInputError(
                f"The photo {self._index.keys[number]!r} in {shard} cannot be decoded: the shard is damaged or was "
                "changed. Fetch or prepare it again, or leave it out."
            )
        return pixels

    def info(self, number: int) -> dict[str, Any]:
        """What the shard says on a photo (source, licence, original name, ...), with `key` and `shard` added."""
        shard = self.shards[self._shard[number]]
        offset, length = map(int, self._index.info[number])
        try:
            stated = json.loads(read_at(shard, offset, length)) if length else {}
        except ValueError:
            stated = {}
        return {**(stated if isinstance(stated, dict) else {}), "key": self._index.keys[number], "shard": shard.name}

    @property
    def mean_pixel(self) -> MeanPixel:
        """Mean RGB of all pixels of the set, 0..1, summed exactly.

        The manifest of a prepared folder states that of the training photos, and it holds for every split; otherwise
        all photos are decoded once, on all cores.
        """
        return self.compute_mean_pixel()

    def compute_mean_pixel(self, progress: Callable[[int, int], None] | None = None) -> MeanPixel:
        """As `mean_pixel`. Where that means decoding, `progress` is called with (photos done, photos in all)."""
        if self._mean_pixel is None:
            sums = np.zeros((len(self), 3), np.int64)

            def add_up(number: int) -> None:
                sums[number] = channel_sums(self.read(number))

            in_threads(add_up, len(self), progress)
            red, green, blue = sums.sum(axis=0) / (255.0 * self.sizes.prod(axis=1, dtype=np.int64).sum())
            self._mean_pixel = (float(red), float(green), float(blue))
            self._save()
        return self._mean_pixel

    def _cache_file(self) -> Path | None:
        return None if self._cache is None else self._cache / f"photos-{self.fingerprint[:16]}.npz"

    def _load(self) -> bool:
        """Take index and mean pixel from the cache, if they are there."""
        path = self._cache_file()
        if path is None or not path.is_file():
            return False
        with np.load(path, allow_pickle=False) as stored:
            keys = stored["keys"].tobytes().decode().split("\0")
            self._index = ShardIndex(keys, stored["photo"], stored["info"], stored["sizes"])
            self._shard = stored["shard"]
            if self._mean_pixel is None and len(stored["mean_pixel"]):
                red, green, blue = stored["mean_pixel"].tolist()
                self._mean_pixel = (red, green, blue)
        return True

    def _save(self) -> None:
        path = self._cache_file()
        if path is None:
            return
        file = io.BytesIO()
        index = self._index
        # A tar cannot hold the character 0 in a name.
        keys = np.frombuffer("\0".join(index.keys).encode(), np.uint8)
        mean_pixel = np.array(self._mean_pixel if self._mean_pixel is not None else [])
        place = {"shard": self._shard, "photo": index.photo, "info": index.info}
        np.savez(file, allow_pickle=False, keys=keys, sizes=index.sizes, mean_pixel=mean_pixel, **place)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        write_atomically(path, file.getvalue())


def folder_shards(folder: Path, split: str) -> list[Path]:
    """The shards of a split in a folder, in the order of their names.

    Raises:
        InvalidInputError: no such folder or split, no shard of it, or one that is not as its manifest says.
    """
    if split not in (*SPLITS, "all"):
        raise InvalidInputError(f"There is no split {split!r}; the splits are {', '.join(SPLITS)} and all.")
    shards = shards_by_split(folder)
    chosen = sorted(chain(*shards.values())) if split == "all" else shards.get(split, [])
    if not chosen:
        raise InvalidInputError(
            f"{folder} holds no shard of the split {split!r}, only of: {', '.join(shards) or 'none'}. Prepare "
            f"photographs with `glcic-train data prepare`, name shards {split}-*.tar, or name a shard, not the folder."
        )
    return chosen


def shards_by_split(folder: Path) -> dict[str, list[Path]]:
    """The shards of a folder by split; "other" are those whose name begins with none.

    Raises:
        InvalidInputError: no such folder, or it is not as its manifest says.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is neither a folder of shards nor a shard. Check the path.")
    manifest = read_manifest(folder)
    if manifest is None:
        shards = sorted(folder.glob("*.tar"))
    else:
        shards = [_as_stated(folder / entry["name"], entry["bytes"]) for entry in manifest["shards"]]
    groups: dict[str, list[Path]] = {}
    for shard in shards:
        split = next((split for split in SPLITS if shard.name.startswith(split)), "other")
        groups.setdefault(split, []).append(shard)
    return groups


def _as_stated(shard: Path, size: int) -> Path:
    found = shard.stat().st_size if shard.is_file() else 0
    if found != size:
        raise InvalidInputError(
            f"The shard {shard} has {found:,} bytes, its manifest says {size:,}. Copy or prepare the folder again."
        )
    return shard


def _stated_mean_pixel(given: Sequence[Path]) -> MeanPixel | None:
    """The mean pixel of a single prepared folder, from its manifest."""
    manifest = read_manifest(given[0]) if len(given) == 1 and given[0].is_dir() else None
    if manifest is None:
        return None
    red, green, blue = manifest["mean_pixel"]
    return float(red), float(green), float(blue)
