"""The address of a shard on another machine, in; its bytes, wherever they are wanted, out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from glcic_backend.errors import InvalidInputError

# Tries, and the wait after the first one in seconds; each further one waits twice as long.
_TRIES, _FIRST_WAIT = 5, 0.5
# One block holds what lies between two pictures of a shard, and the header of the second.
_INDEX_BLOCK = 16 * 1024

Result = TypeVar("Result")


@dataclass(frozen=True)
class RemoteShard:
    """A shard behind an address that fsspec reads: https, s3, gs, ... Safe in threads and in worker processes."""

    address: str

    def __str__(self) -> str:
        """The address."""
        return self.address

    @property
    def name(self) -> str:
        """Name of the file, as `train-000012.tar`."""
        return urlsplit(self.address).path.rpartition("/")[2]

    def open(self) -> BinaryIO:
        """A file to read here and there, a little at a time.

        Raises:
            InvalidInputError: it cannot be reached.
        """
        return self.attempt(lambda: self._opened(_INDEX_BLOCK))

    def open_stream(self) -> BinaryIO:
        """A file to read from the beginning to the end; raises as `open` does."""
        return self.attempt(lambda: self._opened(0))

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the shard; raises as `open` does."""
        return self.attempt(lambda: bytes(_file_system(self.address).cat_file(self.address, offset, offset + length)))

    def _opened(self, block: int) -> BinaryIO:
        file: BinaryIO = _file_system(self.address).open(self.address, block_size=block)
        return file

    def can_seek(self) -> bool:
        """Whether its bytes can be had in any order: a plain HTTP server may only send all of them."""
        with self.open() as file:
            if not file.seekable():
                return False
            try:
                file.seek(512)
                file.read(1)
            except ValueError:
                return False
        return True

    def attempt(self, read: Callable[[], Result]) -> Result:
        """Do something that reads the shard, again if the network fails; raises as `open` does."""
        wait = _FIRST_WAIT
        for left in reversed(range(_TRIES)):
            try:
                return read()
            except InvalidInputError:
                raise
            # fsspec passes on whatever the library below it raises.
            except Exception as error:
                if left and not isinstance(error, FileNotFoundError):
                    time.sleep(wait)
                    wait *= 2
                    continue
                raise InvalidInputError(
                    f"The shard {self.address} cannot be fetched: {type(error).__name__}: {error}. Check the address "
                    "and the network, or leave it out."
                ) from error
        raise AssertionError("the last try returns or raises")


def _file_system(address: str) -> Any:
    try:
        # Not at the top: it takes a quarter of a second, and most shards are files.
        from fsspec.core import url_to_fs

        return url_to_fs(address)[0]
    except (ImportError, ValueError) as error:
        raise InvalidInputError(
            f"What reads the address {address} is not installed: {error}. For http and https: "
            'pip install "glcic-gimp[train]"; for others the package that the message names.'
        ) from error
