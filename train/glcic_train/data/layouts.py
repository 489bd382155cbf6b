"""Where known data sets keep their photos, which split each belongs to, and its label."""

import csv
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from glcic_backend.errors import InvalidInputError

# Told by suffix alone what is worth opening. The second half is never read (see decode.FORMATS), but a photographer
# wants to find them among the rejects, with the reason.
_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp"})
_UNREAD_SUFFIXES = frozenset({".gif", ".heic", ".heif", ".avif", ".jxl", ".psd", ".dng", ".cr2", ".nef", ".arw"})


@dataclass(frozen=True)
class SourcePhoto:
    """A file that should be a photo."""

    name: str
    """Path relative to the source, with forward slashes."""
    split: str | None = None
    """"train", "val" or "test" where the data set says so."""
    label: str | None = None
    """Class name where the data set has one."""

    @property
    def key(self) -> str:
        """Name in the shard: does not depend on the other photos."""
        return self._digest()[:16]

    def split_at(self, val_share: float) -> str:
        """The data set's split, else one drawn by the name, so that adding photos moves no other."""
        return self.split or ("val" if int(self._digest()[16:32], 16) < val_share * 2**64 else "train")

    def _digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.name)).hexdigest()


def scan(source: Path, layout: str) -> list[SourcePhoto]:
    """All photos of a data set, by name.

    Args:
        source: its top folder.
        layout: one of `LAYOUTS`.

    Raises:
        InvalidInputError: the folder does not look like that data set.
    """
    if not source.is_dir():
        raise InvalidInputError(f"{source} is not a folder. Name the folder that holds the photographs.")
    photos = sorted(LAYOUTS[layout](source), key=lambda photo: photo.name)
    if not photos:
        raise InvalidInputError(
            f"{source} holds no photo in the layout {layout!r}. "
            "docs/manual/photographs.md shows the folders it expects."
        )
    return photos


def _files(source: Path, folder: str = "") -> Iterator[str]:
    """Names, relative to `source`, of all image files below a folder. Hidden ones and linked folders are left out."""
    for parent, folders, files in os.walk(source / folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX", "@eaDir"))]
        for name in files:
            suffix = os.path.splitext(name)[1].lower()
            if not name.startswith(".") and suffix in _SUFFIXES | _UNREAD_SUFFIXES:
                yield Path(parent, name).relative_to(source).as_posix()


def _first_folder(source: Path, *names: str) -> str:
    """The first of several folders that exists.

    Raises:
        InvalidInputError: none does.
    """
    for name in names:
        if (source / name).is_dir():
            return name
    raise InvalidInputError(
        f"{source} has none of the folders {', '.join(names)}. docs/manual/photographs.md shows the layout."
    )


def _folder(source: Path) -> Iterator[SourcePhoto]:
    """Any folder of photos, with its subfolders."""
    for name in _files(source):
        yield SourcePhoto(name)


def _places365(source: Path) -> Iterator[SourcePhoto]:
    """Places365: `data_large/a/airfield/00000001.jpg` (or data_256, or train/airfield/) and `val_large/`, val_256, val.

    The category of a validation photo comes from `places365_val.txt` and `categories_places365.txt`, where present.
    """
    train = _first_folder(source, "data_large_standard", "data_large", "data_256_standard", "data_256", "train")
    for name in _files(source, train):
        yield SourcePhoto(name, "train", "/".join(part for part in Path(name).parts[1:-1] if len(part) > 1))
    categories = {
        number: path.lstrip("/").partition("/")[2] for path, number in _rows(source / "categories_places365.txt")
    }
    numbers = {name: number for name, number in _rows(source / "places365_val.txt")}
    for name in _files(source, _first_folder(source, "val_large", "val_256", "val")):
        folder_label = "/".join(Path(name).parts[1:-1])
        yield SourcePhoto(name, "val", categories.get(numbers.get(Path(name).name, ""), folder_label) or None)


def _imagenet(source: Path) -> Iterator[SourcePhoto]:
    """ImageNet: `train/n01440764/*.JPEG` and `val/`, flat or by class; also below ILSVRC/Data/CLS-LOC."""
    top = "ILSVRC/Data/CLS-LOC/" if (source / "ILSVRC/Data/CLS-LOC").is_dir() else ""
    for split in ("train", "val"):
        folder = _first_folder(source, top + split)
        for name in _files(source, folder):
            parents = Path(name).relative_to(folder).parts[:-1]
            yield SourcePhoto(name, split, parents[0] if parents else None)


def _celeba(source: Path) -> Iterator[SourcePhoto]:
    """CelebA: `img_align_celeba/000001.jpg`, split by `list_eval_partition.txt` (.csv in some copies)."""
    folder = _first_folder(source, "img_align_celeba", "Img/img_align_celeba")
    lists = ("list_eval_partition.txt", "Eval/list_eval_partition.txt", "list_eval_partition.csv")
    found = next((source / name for name in lists if (source / name).is_file()), None)
    if found is None:
        raise InvalidInputError(f"{source} has no list_eval_partition.txt, which says what belongs to which split.")
    splits = dict(_rows(found))
    for name in _files(source, folder):
        split = {"0": "train", "1": "val", "2": "test"}.get(splits.get(Path(name).name, ""))
        if split is None:
            raise InvalidInputError(f"{found} does not say which split {name} belongs to. Fetch the list again.")
        yield SourcePhoto(name, split)


def _facade(source: Path) -> Iterator[SourcePhoto]:
    """CMP Facade: `base/*.jpg` and `extended/*.jpg`. The .png files beside them are labels, no photos."""
    for folder in ("base", "extended") if (source / "extended").is_dir() else (_first_folder(source, "base"),):
        for name in _files(source, folder):
            if name.lower().endswith(".jpg"):
                yield SourcePhoto(name)


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a list of two columns, parted by a space or a comma. Nothing where there is no such file."""
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file, delimiter="," if path.suffix == ".csv" else " ", skipinitialspace=True):
                if len(row) >= 2:
                    yield row[0], row[1]


LAYOUTS: dict[str, Callable[[Path], Iterator[SourcePhoto]]] = {
    "folder": _folder,
    "places365": _places365,
    "imagenet": _imagenet,
    "celeba": _celeba,
    "facade": _facade,
}
