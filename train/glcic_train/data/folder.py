"""A plain folder of photographs, in; what shards give to those who only look at photographs, out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_train.data.decode import MAX_FILE_BYTES, RejectedPhoto, decode_photo, stored_size
from glcic_train.data.layouts import scan
from glcic_train.data.photo_set import PhotoSet

# Enough of a file for the size that most formats state.
_HEADER_BYTES = 64 * 1024
# Larger photographs are shrunk to this shortest edge, in pixels, as they are decoded.
_SHORT_SIDE = 2048


class Photographs(Protocol):
    """Photographs by number: those of shards (`PhotoSet`), or of a plain folder (`PhotoFolder`)."""

    def __len__(self) -> int:
        """Number of photographs."""
        ...

    @property
    def origins(self) -> list[str]:
        """Names of what they come from."""
        ...

    def read(self, number: int) -> np.ndarray:
        """Decode one: uint8 [H, W, 3], RGB."""
        ...

    def info(self, number: int) -> dict[str, Any]:
        """What is known of one; at least `key`, its name."""
        ...


class PhotoFolder:
    """The photographs of a folder and of those in it, in the order of their names.

    They have not been verified as those of shards have: what cannot be opened as a photograph is left out.

    Args:
        folder: with photographs at any depth.

    Raises:
        InvalidInputError: there is none that can be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = [photo.name for photo in scan(folder, "folder")]
        self._names = [name for name in names if _is_photo(folder / name)]
        if not self._names:
            raise InvalidInputError(
                f"None of the {len(names)} files in {folder} can be opened as a photograph. "
                "`glcic-train data prepare` lists what is wrong with each."
            )

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self._names)

    @property
    def origins(self) -> list[str]:
        """The names of the photographs' files: there are no shards to name."""
        return self._names

    def read(self, number: int) -> np.ndarray:
        """Decode one photograph, upright, in sRGB, shrunk to a shortest edge of 2048: uint8 [H, W, 3], RGB.

        Raises:
            InvalidInputError: it cannot be decoded.
        """
        path = self._folder / self._names[number]
        try:
            return decode_photo(path.read_bytes(), _SHORT_SIDE).pixels
        except (OSError, RejectedPhoto) as error:
            raise InvalidInputError(f"{path} {error}. Take it out of the folder, or save it anew.") from error

    def info(self, number: int) -> dict[str, Any]:
        """Its name without the ending, as `key`."""
        return {"key": Path(self._names[number]).with_suffix("").as_posix()}


def open_photographs(named: Sequence[str | Path], split: str) -> Photographs:
    """Open a plain folder of photographs, whatever the split, or shards.

    Args:
        named: one folder of photographs; or as `PhotoSet.open` takes it.
        split: of folders of shards.

    Raises:
        InvalidInputError: as `PhotoSet.open` and `PhotoFolder` do.
    """
    folder = Path(named[0]) if len(named) == 1 else None
    if folder is not None and is_plain_folder(folder):
        return PhotoFolder(folder)
    return PhotoSet.open(named, split)


def is_plain_folder(folder: Path) -> bool:
    """Whether something is a folder that holds photographs and no shards."""
    if not folder.is_dir() or any(folder.glob("*.tar")):
        return False
    try:
        return bool(scan(folder, "folder"))
    except InvalidInputError:
        return False


def _is_photo(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return False
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
            try:
                stored_size(head)
            except RejectedPhoto:
                stored_size(head + file.read())
        return True
    except (OSError, RejectedPhoto):
        return False
