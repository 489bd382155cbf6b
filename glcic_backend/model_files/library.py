"""The models of this user: those installed in the home folder, and which one is used when none is named."""

import contextlib
import errno
import json
import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError, ModelFileError, OutputError
from glcic_backend.model_files.header import read_file
from glcic_backend.model_files.model_file import ModelInfo, default_model_path, load_bytes, load_model, model_bytes
from glcic_backend.model_files.torch7 import load_torch7_model
from glcic_backend.wire.checked import printable
from glcic_backend.wire.connection import home_folder
from glcic_backend.wire.errors import UnsafeFolderError
from glcic_backend.wire.files import check_owned, open_regular

SHIPPED = "shipped"
"""Name of the model that comes with the package."""

_ENDING = ".safetensors"
_TORCH7_ENDING = ".t7"
_MAX_CHOICE_BYTES = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_TORCH7_LICENCE = (
    "not stated in the Torch7 file; the authors of the paper give their weights under CC BY-NC-SA 4.0, "
    "which forbids commercial use"
)


@dataclass(frozen=True)
class Entry:
    """One line of the list of models.

    Attributes:
        name: by which it is chosen.
        path: its file.
        info: what the file says, or None where it cannot be used.
        problem: why it cannot be used, or an empty string.
        is_default: whether it is used when no model is named.
    """

    name: str
    path: Path
    info: ModelInfo | None
    problem: str
    is_default: bool


def models_folder() -> Path:
    """Folder of the installed models, in the home folder of the daemon."""
    return home_folder() / "models"


def resolve_model(model: str | Path | None = None) -> Path:
    """The file of a model. Everything that takes a model finds it here.

    Args:
        model: None for the default; a name from the list; or a path, which has a folder or the ending .safetensors.

    Raises:
        ModelFileError: no model of that name is installed. Whether the file is sound shows when it is loaded.
    """
    if model is None:
        return _named(default_name())
    text = str(model)
    if text.endswith(_ENDING) or Path(text).name != text:
        return Path(text)
    return _named(text)


def default_name() -> str:
    """Name of the model that is used when none is named: `SHIPPED`, unless `use_model` chose another.

    Raises:
        ModelFileError: the file that holds the choice is damaged.
    """
    path = _choice_file()
    try:
        with open(open_regular(path), "rb") as file:
            _check_closed(path)
            name = json.loads(file.read(_MAX_CHOICE_BYTES))["default"]
        if name != SHIPPED and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ValueError(f"{name!r:.60} is no name of a model")
    except (FileNotFoundError, NotADirectoryError):
        return SHIPPED
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(
            f"{path}, which names the model to use, cannot be read ({error!s:.200}). "
            "Choose a model anew with `glcic-backend models use NAME`."
        ) from error
    return str(name)


def list_models() -> list[Entry]:
    """The shipped model, then the installed ones by name. Each file is read and verified."""
    default = default_name()
    installed = {name: _file_of(name) for name in installed_names()}
    return [_entry(name, path, name == default) for name, path in ({SHIPPED: default_model_path()} | installed).items()]


def installed_names() -> list[str]:
    """Names of the installed models, sorted. What has such a name is not looked at."""
    try:
        files = [Path(name) for name in os.listdir(models_folder()) if name.endswith(_ENDING)]
    except (OSError, ValueError):
        return []
    return sorted(file.stem for file in files if _NAME.fullmatch(file.stem))


def import_model(source: Path, name: str | None = None) -> Entry:
    """Install a model: a copy of a model file that loads, or a Torch7 file converted to one.

    Args:
        source: .safetensors of this program, or .t7 (`torch7.load_torch7_model`).
        name: name to give it; None takes that of the file.

    Raises:
        InvalidInputError: the name cannot be used, or is taken.
        ModelFileError: the file is not a model that can be used.
        OutputError: it could not be stored.
    """
    name = _free_name(source.stem if name is None else name)
    target = _file_of(name)
    if source.suffix == _TORCH7_ENDING:
        data = _converted(source, name)
    else:
        data = read_file(source)
        load_bytes(source, data)
    _make_folder()
    write_atomically(target, data, private=True)
    return _entry(name, target, is_default=False)


def use_model(name: str) -> None:
    """Make a model the one that is used when none is named.

    Raises:
        ModelFileError: no such model is installed, or it cannot be used.
        OutputError: the choice could not be stored.
    """
    load_model(_named(name))
    _make_folder()
    write_atomically(_choice_file(), json.dumps({"default": name}).encode(), private=True)


def remove_model(name: str) -> None:
    """Delete an installed model.

    Raises:
        InvalidInputError: it is the shipped one or the default.
        ModelFileError: no such model is installed.
    """
    if name == SHIPPED:
        raise InvalidInputError("The shipped model is part of the program and cannot be removed.")
    path = _named(name)
    if name == default_name():
        raise InvalidInputError(
            f"{name} is the model in use. Choose another first, with `glcic-backend models use {SHIPPED}`."
        )
    path.unlink()


def _make_folder() -> None:
    folder = models_folder()
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for place in (folder.parent, folder):
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"The folder of models {folder} cannot be made: {getattr(error, 'strerror', None) or error}. Set "
            "GLCIC_HOME to a folder of your own."
        ) from error
    _check_closed(folder / "model")


def _check_closed(path: Path) -> None:
    """Refuse a file that others could have put or changed there. Raises ModelFileError, which says how to mend it."""
    folder = models_folder()
    try:
        for place, forbidden in ((folder.parent, 0o002), (folder, 0o022), (path, 0o022)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                check_owned(place, forbidden)
    except UnsafeFolderError as error:
        raise ModelFileError(str(error)) from None


def _choice_file() -> Path:
    return models_folder() / "default.json"


def _file_of(name: str) -> Path:
    return models_folder() / f"{name}{_ENDING}"


def _named(name: str) -> Path:
    if name == SHIPPED:
        return default_model_path()
    names = installed_names()
    if name in names:
        _check_closed(_file_of(name))
        return _file_of(name)
    near = get_close_matches(name, [SHIPPED, *names], 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise ModelFileError(
        f"No model of the name {name!r} is installed ({len(names)} are). {hint}See `glcic-backend models list`; a "
        f"file is named by its path, such as ./{name}{_ENDING}."
    )


def _free_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name.endswith(_ENDING):
        raise InvalidInputError(
            f"{name!r} cannot name a model. Give `name=` with 1 to 64 letters, digits, '.', '_' or '-', beginning with "
            "a letter or digit."
        )
    # Some file systems do not tell capitals from small letters.
    if name.lower() in {taken.lower() for taken in [SHIPPED, *installed_names()]}:
        raise InvalidInputError(
            f"A model of the name {name} is there already. Give another with `name=`, or remove that one first."
        )
    return name


def _converted(source: Path, name: str) -> bytes:
    network, mean_pixel = load_torch7_model(source)
    info = ModelInfo(
        name=name,
        mean_pixel=mean_pixel,
        hole_range=(96, 128),
        mask_kinds=("rectangle",),
        training_data="not stated in the Torch7 file",
        licence=_TORCH7_LICENCE,
        attribution="Iizuka, Simo-Serra, Ishikawa: Globally and Locally Consistent Image Completion, SIGGRAPH 2017",
        recipe=f"imported from the Torch7 file {printable(source.name)}; hole range and mask kinds as in the paper, "
        "section 3.5",
    )
    return model_bytes(network, info)[0]


def _entry(name: str, path: Path, is_default: bool) -> Entry:
    try:
        if name != SHIPPED:
            _check_closed(path)
        return Entry(name, path, load_model(path).info, "", is_default)
    except ModelFileError as error:
        return Entry(name, path, None, str(error), is_default)
