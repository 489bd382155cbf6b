"""A set of photos in tar shards, read by number."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError
from glcic_train.data.damage import MAX_DAMAGED, DamageCount, DamagedPhotoError
from glcic_train.data.decode import channel_sums, decode_stored
from glcic_train.data.files import cannot_write
from glcic_train.data.parallel import in_threads
from glcic_train.data.remote import RemoteShard
from glcic_train.data.shards import Shard, ShardIndex, index_shard, read_at
from glcic_train.data.sources import MeanPixel, StreamedShard, find_shards, stated_mean_pixel

# Requests that are under way at a time while shards behind addresses are indexed.
_REQUESTS = 16
# Photographs behind addresses that the mean pixel is taken from, where nothing states it.
_MEAN_OF = 2000


class Ranks(Protocol):
    """The processes of a run, as far as they share the work on a set."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        ...

    @property
    def world_size(self) -> int:
        """Number of all."""
        ...

    def gather(self, value: Any) -> list[Any]:
        """What each process passes, by rank: plain data. All must call it."""
        ...


class _Alone:
    """A process that shares with nobody."""

    rank, world_size = 0, 1

    def gather(self, value: Any) -> list[Any]:
        return [value]


class PhotoSet:
    """Photos of one split, in WebDataset shards (tar files of `key.jpg|webp|png` and `key.json`).

    Nothing is decoded before `read`. Safe to use from several threads and in worker processes. The pictures in the
    shards count as verified and upright, as `glcic-train data prepare` leaves them: orientation tags are not read.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        cache: Path | None,
        mean_pixel: MeanPixel | None,
        ranks: Ranks,
        max_damaged: float,
    ) -> None:
        """Use `PhotoSet.open`."""
        self.shards = list(shards)
        self.max_damaged = max_damaged
        """Share of the photos that may be damaged."""
        self._cache = cache
        self._mean_pixel = mean_pixel
        # The cache counts only if all have it: the others would wait for ever for those who need not index.
        if not all(ranks.gather(self._load())):
            self._gather_index(ranks)
            if ranks.rank == 0:
                self._save()

    @classmethod
    def open(
        cls,
        named: str | Path | Sequence[str | Path],
        split: str = "train",
        *,
        cache: str | Path | None = None,
        ranks: Ranks | None = None,
        max_damaged: float = MAX_DAMAGED,
    ) -> "PhotoSet":
        """Open shards.

        Args:
            named: a folder that `glcic-train data prepare` made, any folder of shards named `train-*.tar`,
                `val-*.tar`, ..., a single shard, the address of one, or several of these; with ranges in braces.
            split: "train", "val", "test", or "all"; chooses among the shards of a folder by their names. A shard
                named explicitly is always read.
            cache: a writable folder (that of the run) where the index and the mean pixel are kept for the next start.
            ranks: processes that open the same shards together; each indexes its part of them.
            max_damaged: share of the photos that may be damaged.

        Raises:
            InvalidInputError: nothing there, no shard of that split, a shard is damaged or cannot be read here and
                there, or too many photos are damaged.
        """
        given = [named] if isinstance(named, str | Path) else list(named)
        shards = []
        for shard in find_shards(given, split):
            if isinstance(shard, StreamedShard):
                raise InvalidInputError(
                    f"{shard} can only be read from its beginning to its end, which serves training alone "
                    "(`glcic-train run`). Fetch it into a file, or use a server that answers range requests."
                )
            shards.append(shard)
        alone = _Alone()
        cache = Path(cache) if cache is not None else None
        photos = cls(shards, cache, stated_mean_pixel(given), ranks or alone, max_damaged)
        if len(photos) == 0:
            raise InvalidInputError(f"{', '.join(map(str, given))} holds no photo. Prepare more photographs.")
        return photos

    def _gather_index(self, ranks: Ranks) -> None:
        """Index this process's part of the shards, and put the parts of all together."""
        mine = range(ranks.rank, len(self.shards), ranks.world_size)
        parts: dict[int, ShardIndex] = {}

        def index(place: int) -> None:
            parts[mine[place]] = index_shard(self.shards[mine[place]])

        in_threads(index, len(mine), threads=_REQUESTS if self._is_remote else None)
        for others in ranks.gather(parts):
            parts |= others
        ordered = [parts[number] for number in range(len(self.shards))]
        self._index = ShardIndex.join(ordered)
        self._shard = np.repeat(np.arange(len(ordered)), [len(part.keys) for part in ordered])
        DamageCount(self.max_damaged, len(self) + len(self.damaged)).add(self.damaged)

    @property
    def _is_remote(self) -> bool:
        return any(isinstance(shard, RemoteShard) for shard in self.shards)

    @property
    def sizes(self) -> np.ndarray:
        """int32 [len, 2]: width and height of every photo, from the headers of the files."""
        return self._index.sizes

    @property
    def origins(self) -> list[str]:
        """The names of the shards."""
        return [shard.name for shard in self.shards]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all picture files."""
        return int(self._index.photo[:, 1].sum())

    @property
    def fingerprint(self) -> str:
        """Changes when a shard is added, left out, or written anew; what an address leads to counts as unchanging."""
        return hashlib.sha256(repr([_state(shard) for shard in self.shards]).encode()).hexdigest()

    @property
    def damaged(self) -> list[str]:
        """A sentence for every photo that is left out because its header cannot be read."""
        return self._index.damaged

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._index.keys)

    def read(self, number: int) -> np.ndarray:
        """Decode one photo: uint8 [H, W, 3], RGB.

        Raises:
            DamagedPhotoError: it cannot be decoded; the text names shard and key.
            InvalidInputError: its shard cannot be read any more.
        """
        shard = self.shards[self._shard[number]]
        pixels = decode_stored(read_at(shard, *map(int, self._index.photo[number])))
        if pixels is None or (pixels.shape[1], pixels.shape[0]) != tuple(self.sizes[number]):
            raise DamagedPhotoError(
                f"The photo {self._index.keys[number]!r} in {shard} cannot be decoded: the shard is damaged or was "
                "changed."
            )
        return pixels

    def read_from(self, number: int) -> np.ndarray:
        """Decode the first intact photo from a number on, after the last one from the beginning: as `read`.

        Raises:
            InvalidInputError: none of the next photos is intact, or their shard cannot be read any more.
        """
        count = DamageCount(self.max_damaged, len(self))
        while True:
            try:
                return self.read(number)
            except DamagedPhotoError as error:
                count.add([error.problem])
                number = (number + 1) % len(self)

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
        all photos are decoded once, on all cores. Of photos behind addresses 2000, evenly spread, stand for all.
        """
        return self.compute_mean_pixel()

    def compute_mean_pixel(self, progress: Callable[[int, int], None] | None = None) -> MeanPixel:
        """As `mean_pixel`. Where that means decoding, `progress` is called with (photos done, photos in all)."""
        if self._mean_pixel is None:
            few = min(len(self), _MEAN_OF if self._is_remote else len(self))
            numbers = np.linspace(0, len(self) - 1, few).round().astype(int)
            # Sums of the channels, and the number of pixels.
            sums = np.zeros((few, 4), np.int64)
            problems: list[str] = []

            def add_up(place: int) -> None:
                try:
                    pixels = self.read(int(numbers[place]))
                    sums[place] = *channel_sums(pixels), pixels.shape[0] * pixels.shape[1]
                except DamagedPhotoError as error:
                    problems.append(error.problem)

            in_threads(add_up, few, progress, threads=_REQUESTS if self._is_remote else None)
            DamageCount(self.max_damaged, few).add(problems)
            *channels, area = sums.sum(axis=0)
            red, green, blue = (channel / (255.0 * area) for channel in channels)
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
            keys = _texts(stored["keys"])
            self._index = ShardIndex(keys, stored["photo"], stored["info"], stored["sizes"], _texts(stored["damaged"]))
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
        mean_pixel = np.array(self._mean_pixel if self._mean_pixel is not None else [])
        place = {"shard": self._shard, "photo": index.photo, "info": index.info}
        texts = {"keys": _bytes(index.keys), "damaged": _bytes(index.damaged)}
        np.savez(file, allow_pickle=False, sizes=index.sizes, mean_pixel=mean_pixel, **texts, **place)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        write_atomically(path, file.getvalue())


def _state(shard: Shard) -> tuple[str, int, int]:
    if isinstance(shard, RemoteShard):
        return shard.address, 0, 0
    status = shard.stat()
    return str(shard.resolve()), status.st_size, status.st_mtime_ns


def _bytes(texts: Sequence[str]) -> np.ndarray:
    """uint8 [N]. A tar cannot hold the character 0 in a name."""
    return np.frombuffer("".join(f"{text}\0" for text in texts).encode(), np.uint8)


def _texts(stored: np.ndarray) -> list[str]:
    return stored.tobytes().decode().split("\0")[:-1]
