"""Tar shards in the layout of WebDataset: where each photo lies, and writing new ones."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_train.data.decode import RejectedPhoto, stored_size
from glcic_train.data.remote import RemoteShard

PHOTO_SUFFIXES = ("jpg", "jpeg", "webp", "png")
# Enough for the header of a JPEG or PNG without metadata, as `ShardWriter` gets them.
_HEADER_BYTES = 4096


Shard = Path | RemoteShard
"""A file, or an address."""


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
    damaged: list[str]
    """A sentence for every photo that is left out because its header cannot be read."""

    @classmethod
    def join(cls, parts: Sequence["ShardIndex"]) -> "ShardIndex":
        """One index over the photos of several shards."""
        photo, info, sizes = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("photo", "info", "sizes")
        )
        damaged = [problem for part in parts for problem in part.damaged]
        return cls([key for part in parts for key in part.keys], photo, info, sizes, damaged)


def index_shard(shard: Shard) -> ShardIndex:
    """Read the tar headers of a shard and the headers of its pictures; nothing is decoded or unpacked.

    Raises:
        InvalidInputError: not a plain tar, truncated, with unsafe member names, or with a key twice; or it cannot be
            fetched.
    """
    if isinstance(shard, RemoteShard):
        return shard.attempt(lambda: _index(shard))
    return _index(shard)


def _index(shard: Shard) -> ShardIndex:
    try:
        with shard.open() if isinstance(shard, RemoteShard) else shard.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            photos, infos, sizes, damaged = _members(shard, file, size)
    except tarfile.TarError as error:
        raise _no_tar(shard, error) from error
    except OSError as error:
        if isinstance(shard, RemoteShard):
            raise
        raise _no_tar(shard, error) from error
    keys = list(photos)
    return ShardIndex(
        keys,
        np.array([photos[key] for key in keys], np.int64).reshape(-1, 2),
        np.array([infos.get(key, (0, 0)) for key in keys], np.int64).reshape(-1, 2),
        np.array([sizes[key] for key in keys], np.int32).reshape(-1, 2),
        damaged,
    )


_Places = dict[str, tuple[int, int]]


def _members(shard: Shard, file: BinaryIO, size: int) -> tuple[_Places, _Places, _Places, list[str]]:
    """Offset and length of pictures and of JSON files by key, widths and heights by key, and what is damaged."""
    photos: _Places = {}
    infos: _Places = {}
    sizes: _Places = {}
    damaged: list[str] = []
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            if not member.isreg():
                continue
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts:
                raise _unusable(shard, f"the member {member.name!r} has a path that leads out of it")
            # A negative size (possible in a forged header) would send the reader back to where it was.
            if member.size < 0 or member.offset_data + member.size > size:
                raise _unusable(shard, f"it is truncated: {member.name!r} ends beyond its {size} bytes")
            key, _, suffix = name.name.partition(".")
            table = photos if suffix.lower() in PHOTO_SUFFIXES else infos if suffix.lower() == "json" else None
            if table is None:
                continue
            key = str(name.parent / key)
            if key in table:
                raise _unusable(shard, f"the key {key!r} is there twice")
            table[key] = (member.offset_data, member.size)
            if table is photos:
                try:
                    sizes[key] = _picture_size(file, *photos[key])
                except RejectedPhoto as reason:
                    damaged.append(f"The picture of key {key!r} in {shard} {reason}.")
    # Every tar ends with two blocks of zeros; one cut off between two members would otherwise look complete.
    file.seek(max(0, size - 1024))
    if file.read(1024) != bytes(1024):
        raise _unusable(shard, "it is truncated: the end mark is missing")
    return {key: place for key, place in photos.items() if key in sizes}, infos, sizes, damaged


def _no_tar(shard: Shard, error: Exception) -> InvalidInputError:
    return InvalidInputError(f"{shard} cannot be read as an uncompressed tar file: {error}.")


def _unusable(shard: Shard, what: str) -> InvalidInputError:
    return InvalidInputError(f"The shard {shard} cannot be used: {what}. Fetch or prepare it again, or leave it out.")


def _picture_size(file: BinaryIO, offset: int, length: int) -> tuple[int, int]:
    file.seek(offset)
    head = file.read(min(length, _HEADER_BYTES))
    try:
        return stored_size(head)
    except RejectedPhoto:
        return stored_size(head + file.read(length - len(head)))


def read_at(shard: Shard, offset: int, length: int) -> bytes:
    """Bytes of a shard. It is opened every time: no state that threads, forks or a limit on open files could spoil.

    Raises:
        InvalidInputError: it is not there any more, or cannot be fetched.
    """
    if isinstance(shard, RemoteShard):
        return shard.read_at(offset, length)
    try:
        with shard.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise InvalidInputError(f"The shard {shard} cannot be read any more: {error.strerror or error}.") from error


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
