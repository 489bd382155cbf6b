"""Tar shards in the layout of WebDataset: where each photo lies, and writing new ones."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_train.data.decode import RejectedPhoto, stored_size

PHOTO_SUFFIXES = ("jpg", "jpeg", "webp", "png")
# Enough for the header of a JPEG or PNG without metadata, as `ShardWriter` gets them.
_HEADER_BYTES = 4096


@dataclass(frozen=True)
class ShardIndex:
    """Where the photos of a shard lie. All arrays have one row per photo, in the order of the tar."""

    keys: list[str]
    photo: np.ndarray
    """int64 [N, 2]: offset and length of the picture file in the shard."""
    info: np.ndarray
    """int64 [N, 2]: the same of the JSON file; length 0 where there is none."""
    sizes: np.ndarray
    """int32 [N, 2]: width and height of the picture."""

    @classmethod
    def join(cls, parts: Sequence["ShardIndex"]) -> "ShardIndex":
        """One index over the photos of several shards."""
        return cls(
            [key for part in parts for key in part.keys],
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("photo", "info", "sizes")),
        )


def index_shard(path: Path) -> ShardIndex:
    """Read the tar headers of a shard and the headers of its pictures; nothing is decoded or unpacked.

    Raises:
        InvalidInputError: not a plain tar, truncated, with unsafe member names, with a key twice, or with a file that
            is no picture.
    """
    try:
        photos, infos = _members(path)
    except (tarfile.TarError, OSError) as error:
        raise InvalidInputError(f"{path} cannot be read as an uncompressed tar file: {error}.") from error
    keys = list(photos)
    sizes = np.empty((len(keys), 2), np.int32)
    for row, key in enumerate(keys):
        try:
            sizes[row] = _picture_size(path, *photos[key])
        except RejectedPhoto as reason:
            raise _unusable(path, f"the picture of key {key!r} {reason}") from reason
    return ShardIndex(
        keys,
        np.array([photos[key] for key in keys], np.int64).reshape(-1, 2),
        np.array([infos.get(key, (0, 0)) for key in keys], np.int64).reshape(-1, 2),
        sizes,
    )


def _members(path: Path) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Offset and length of pictures and of JSON files by key."""
    photos: dict[str, tuple[int, int]] = {}
    infos: dict[str, tuple[int, int]] = {}
    size = path.stat().st_size
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            if not member.isreg():
                continue
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts:
                raise _unusable(path, f"the member {member.name!r} has a path that leads out of it")
            # A negative size (possible in a forged header) would send the reader back to where it was.
            if member.size < 0 or member.offset_data + member.size > size:
                raise _unusable(path, f"it is truncated: {member.name!r} ends beyond its {size} bytes")
            key, _, suffix = name.name.partition(".")
            table = photos if suffix.lower() in PHOTO_SUFFIXES else infos if suffix.lower() == "json" else None
            if table is None:
                continue
            key = str(name.parent / key)
            if key in table:
                raise _unusable(path, f"the key {key!r} is there twice")
            table[key] = (member.offset_data, member.size)
    # Every tar ends with two blocks of zeros; one cut off between two members would otherwise look complete.
    if read_at(path, max(0, size - 1024), 1024) != bytes(1024):
        raise _unusable(path, "it is truncated: the end mark is missing")
    return photos, infos


def _unusable(path: Path, what: str) -> InvalidInputError:
    return InvalidInputError(f"The shard {path} cannot be used: {what}. Fetch or prepare it again, or leave it out.")


def _picture_size(path: Path, offset: int, length: int) -> tuple[int, int]:
    try:
        return stored_size(read_at(path, offset, min(length, _HEADER_BYTES)))
    except RejectedPhoto:
        return stored_size(read_at(path, offset, length))


def read_at(path: Path, offset: int, length: int) -> bytes:
    """Bytes of a file. It is opened every time: no state that threads, forks or a limit on open files could spoil."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(length)


class ShardWriter:
    """Writes one shard under a temporary name; `finish` gives it its own. Same photos, same bytes.

    Args:
        path: final name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.photos = 0
        """Photos so far."""
        self._part = path.with_name(path.name + ".part")
        self._file = self._part.open("wb")
        self._hash = hashlib.sha256()
        self.bytes = 0
        """Bytes so far."""
        self._tar = tarfile.TarFile(fileobj=self, mode="w", format=tarfile.USTAR_FORMAT)  # type: ignore[arg-type]

    def tell(self) -> int:
        """Bytes so far; the tar writer asks."""
        return self.bytes

    def write(self, data: bytes) -> int:
        """Take bytes from the tar writer."""
        self._hash.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def add(self, key: str, suffix: str, photo: bytes, info: dict[str, Any]) -> None:
        """Append `key.suffix` and `key.json`."""
        self._add(f"{key}.{suffix}", photo)
        self._add(f"{key}.json", json.dumps(info).encode())
        self.photos += 1

    def _add(self, name: str, data: bytes) -> None:
        # A fresh TarInfo has time, owner and group zero.
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def finish(self) -> str:
        """Complete the shard and give it its name. Returns its SHA-256."""
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Leave nothing behind."""
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)
