"""Names of pictures and masks in; which picture is completed with which mask into which file, and what is left out."""

import glob
import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files.formats import EXTENSIONS, FOREIGN, READ_ONLY


@dataclass(frozen=True)
class Part:
    """Share `number` of `count` shares of the pictures, which other machines complete at the same time.

    A picture's share follows from its name alone, so that it is the same at each run and for whatever else is there.
    """

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> "Part":
        """A share as K/N. Raises InvalidInputError."""
        try:
            number, count = map(int, text.split("/"))
        except ValueError:
            number, count = 0, 0
        if not 1 <= number <= count:
            raise InvalidInputError(f"{text!r} is no share. Give K/N with K from 1 to N, such as 1/8.")
        return cls(number, count)

    def has(self, name: str) -> bool:
        """Whether a picture belongs to it."""
        digest = hashlib.blake2b(unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape"), digest_size=8)
        return int.from_bytes(digest.digest(), "big") % self.count == self.number - 1


WHOLE = Part(1, 1)


@dataclass(frozen=True)
class Batch:
    """What to do.

    Attributes:
        images: folders, files, and patterns such as `photos/**/*.jpg`.
        masks: a folder, or one mask for all; None if none is used.
        output: the folder of the results, with the folders in folders that the pictures lie in.
        mask_suffix: what the name of a mask has more than that of its picture, extensions apart.
        recursive: folders in folders, too.
        overwrite: complete again what is done.
        part: which share of the pictures.
    """

    images: Sequence[Path]
    masks: Path | None
    output: Path
    mask_suffix: str = ""
    recursive: bool = False
    overwrite: bool = False
    part: Part = WHOLE


@dataclass(frozen=True)
class Task:
    """One picture; `refusal` says why it cannot be done, else it is empty."""

    name: str
    image: Path
    mask: Path | None
    output: Path
    refusal: str = ""


@dataclass
class Plan:
    """What will be done, and what will not and why: picture's name and reason, and notes on more than one."""

    tasks: list[Task] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_batch(batch: Batch) -> Plan:
    """Find the pictures and their masks.

    Raises:
        InvalidInputError: a folder or pattern that cannot be meant.
    """
    plan = Plan()
    masks = None if batch.masks is None else _Masks(batch)
    taken: dict[str, str] = {}
    found = 0
    for name, image in _pictures(batch, masks, plan):
        found += 1
        mask, refusal = (None, "") if masks is None else masks.find(name)
        if not batch.part.has(name):
            continue
        output = batch.output / name
        if image.suffix.lower() in READ_ONLY:
            output = output.with_suffix(".png")
        same = os.path.normcase(output)
        if same in taken:
            refusal = f"its result would replace that of {taken[same]}. Rename one of them."
        elif output.exists() and not batch.overwrite:
            plan.skipped.append((name, "it is done already; `overwrite=True` does it again"))
            continue
        taken[same] = name
        plan.tasks.append(Task(name, image, mask, output, refusal))
    if not found:
        names = ", ".join(map(str, batch.images))
        raise InvalidInputError(f"{names} holds no picture ({', '.join([*EXTENSIONS, *READ_ONLY])}).")
    if masks is not None and batch.part == WHOLE:
        plan.notes += [f"no image belongs to the mask {path}" for path in masks.unused()]
    return plan


def _pictures(batch: Batch, masks: "_Masks | None", plan: Plan) -> Iterator[tuple[str, Path]]:
    """Pictures with their names below the output's folder, by name within each of the batch's images."""
    for source in batch.images:
        if glob.has_magic(str(source)) and not source.exists():
            base = next(parent for parent in source.parents if not glob.has_magic(str(parent)))
            paths = [Path(path) for path in glob.glob(str(source), recursive=True)]
        elif source.is_dir():
            base, paths = source, _files_in(source, batch, plan)
        elif source.exists():
            base, paths = source.parent, [source]
        else:
            raise InvalidInputError(f"{source}: there is no such file or folder. Check the name.")
        for path in sorted(path for path in paths if not path.name.startswith(".") and not path.is_dir()):
            name = path.relative_to(base).as_posix()
            extension = path.suffix.lower()
            if masks is not None and masks.has(path):
                continue
            if extension in EXTENSIONS or extension in READ_ONLY:
                yield name, path
            elif extension in FOREIGN:
                plan.skipped.append((name, FOREIGN[extension]))


def _files_in(folder: Path, batch: Batch, plan: Plan) -> list[Path]:
    """Files of a folder, and of folders in it if they are wanted; not those of the output's folder."""
    files: list[Path] = []
    passed_over = 0
    for entry in os.scandir(folder):
        path = folder / entry.name
        if not entry.is_dir():
            files.append(path)
        elif entry.name.startswith(".") or _is_same(path, batch.output) or _is_same(path, batch.masks):
            continue
        elif batch.recursive:
            files += _files_in(path, batch, plan)
        else:
            passed_over += 1
    if passed_over:
        plan.notes.append(f"{passed_over} folder(s) in {folder} passed over; `recursive=True` takes them, too")
    return files


def _is_same(folder: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and folder.samefile(other)


class _Masks:
    """The masks of a batch: one for all, or found by the pictures' names."""

    def __init__(self, batch: Batch) -> None:
        assert batch.masks is not None
        self._place, self._suffix = batch.masks, batch.mask_suffix
        self._folders: dict[Path, dict[str, list[Path]]] = {}
        self._used: set[Path] = set()
        if not self._place.exists():
            raise InvalidInputError(f"{self._place}: there is no such mask or folder of masks. Check the name.")
        self._beside = any(_is_same(image, self._place) for image in batch.images if image.is_dir())

    def has(self, path: Path) -> bool:
        """Whether a file among the pictures is a mask by its name."""
        return bool(self._suffix) and _key(path.stem).endswith(_key(self._suffix))

    def find(self, name: str) -> tuple[Path | None, str]:
        """The mask of a picture, or why there is none.

        Names that differ only in how accents are stored (NFC, NFD) or in capitals are alike, unless one is the very
        same.
        """
        if not self._place.is_dir():
            return self._place, ""
        picture = Path(name)
        wanted = unicodedata.normalize("NFC", picture.stem + self._suffix)
        folder = self._place / picture.parent
        alike = self._listed(folder).get(_key(wanted), [])
        exact = [path for path in alike if unicodedata.normalize("NFC", path.stem) == wanted]
        fitting = exact or alike
        self._used.update(fitting)
        if not fitting:
            return None, f"no mask in {folder} has the name {wanted}. Add one, or take the image away."
        if len(fitting) > 1:
            names = " and ".join(path.name for path in fitting)
            return None, f"{len(fitting)} masks belong to it: {names}. Leave one."
        return fitting[0], ""

    def unused(self) -> list[Path]:
        """Masks of the folders looked into that belong to no picture."""
        if self._beside:
            return []
        each = {path for folder in self._folders.values() for paths in folder.values() for path in paths}
        return sorted(each - self._used)

    def _listed(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._folders:
            listed: dict[str, list[Path]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if path.suffix.lower() in EXTENSIONS | READ_ONLY and not path.name.startswith("."):
                    listed.setdefault(_key(path.stem), []).append(path)
            self._folders[folder] = listed
        return self._folders[folder]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
