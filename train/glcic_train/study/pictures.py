"""The folder of a study: DIR/real and one folder more for each method, with pictures of the same names."""

from pathlib import Path

from PIL import Image

from glcic_backend.errors import InvalidInputError

REAL = "real"
"""Name of the folder with the photographs as they were."""

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class StudyPictures:
    """The versions of every picture of a study.

    Args:
        folder: the study's folder. A subfolder with a picture in it is a method; others, hidden ones and loose files do
            not count. Pictures of one name (without its ending) are versions of one photograph.

    Raises:
        InvalidInputError: there is no `real` or no other method, a picture has no real version, cannot be read, or
            differs in size from its real version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = {path.name: _pictures(path) for path in _subfolders(folder)}
        self._files = {method: files for method, files in found.items() if files}
        if REAL not in self._files or len(self._files) < 2:
            raise InvalidInputError(
                f"{folder} is no study: it needs a folder {REAL!r} with photographs and at least one other folder with "
                "completed pictures of the same names. Make one with: glcic-train study new MODEL DATA --out DIR"
            )
        self._check_sizes()

    @property
    def methods(self) -> list[str]:
        """`real` first, then the others by name."""
        return [REAL, *sorted(self._files.keys() - {REAL})]

    @property
    def names(self) -> list[str]:
        """Names of all photographs, without endings, in order."""
        return sorted(self._files[REAL])

    def methods_of(self, name: str) -> list[str]:
        """The methods that have a version of a photograph, in the order of `methods`."""
        return [method for method in self.methods if name in self._files[method]]

    def read(self, method: str, name: str) -> tuple[bytes, str]:
        """Content and media type of one version.

        Raises:
            InvalidInputError: the file has gone.
        """
        path = self._files[method][name]
        try:
            return path.read_bytes(), _TYPES[path.suffix.lower()]
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read any more: {error.strerror}. Put it back.") from error

    def _check_sizes(self) -> None:
        real = {name: _size(path) for name, path in self._files[REAL].items()}
        for method in self.methods[1:]:
            for name, path in self._files[method].items():
                if name not in real:
                    raise InvalidInputError(f"{path} has no version in {self.folder / REAL}. Add it, or remove {path}.")
                if (size := _size(path)) != real[name]:
                    raise InvalidInputError(
                        f"{path} has {size[0]} x {size[1]} pixels, its real version {real[name][0]} x {real[name][1]}: "
                        "the size would tell them apart. Save both in the same size."
                    )


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        raise InvalidInputError(f"The study {folder} cannot be opened: {error.strerror}.") from error


def _pictures(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _TYPES and not path.name.startswith("."):
            if path.stem in files:
                raise InvalidInputError(f"{files[path.stem]} and {path} have the same name. Remove one of them.")
            files[path.stem] = path
    return files


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInputError(f"{path} cannot be read as a picture: {error}. Replace it or remove it.") from error
