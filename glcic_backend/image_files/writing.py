"""A picture in; a file out, in the format of its extension: what that cannot hold is refused, not dropped."""

import sys
from pathlib import Path

import numpy as np

from glcic_backend.atomic_file import write_atomically
from glcic_backend.errors import InvalidInputError, OutputError
from glcic_backend.image_files import jpeg, png, tiff_writing, webp
from glcic_backend.image_files.formats import EXTENSIONS
from glcic_backend.image_files.picture import Picture

_ENCODERS = {"PNG": png.encode, "JPEG": jpeg.encode, "WebP": webp.encode, "TIFF": tiff_writing.encode}


STANDARD_OUTPUT = Path("-")
"""The name that stands for what this program pipes into the next."""


def check_output(path: Path, picture: Picture) -> None:
    """Tell before the work whether a picture can be written to a path without losing depth or alpha.

    `STANDARD_OUTPUT` takes every picture: as a PNG, or as a TIFF if it is floating point.

    Raises:
        InvalidInputError: the extension is none of ours, or its format cannot hold the picture.
        OutputError: the folder does not exist, or the path is a folder.
    """
    if path == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise OutputError(f"{path} is a folder. Give the name of a file.")
    name = EXTENSIONS.get(path.suffix.lower())
    if name is None:
        known = ", ".join(EXTENSIONS)
        raise InvalidInputError(
            f"{path}: the extension '{path.suffix}' is no format that can be written. Choose one of {known}."
        )
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Create it first, or choose another.")
    try:
        _check_format(name, picture)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from error


def _check_format(name: str, picture: Picture) -> None:
    depth = {1: "8-bit", 2: "16-bit", 4: "32-bit floating point"}[picture.pixels.itemsize]
    if picture.pixels.dtype == np.float32 and name != "TIFF":
        raise InvalidInputError(f"the image is {depth}, and {name} holds integers only. Choose .tif for the output.")
    if picture.pixels.dtype == np.uint16 and name in ("JPEG", "WebP"):
        raise InvalidInputError(
            f"the image is {depth}, and {name} holds 8 bits only. Choose .png or .tif for the output."
        )
    if picture.has_alpha and name == "JPEG":
        raise InvalidInputError(
            "the image has an alpha channel, and JPEG holds none. Choose .png, .webp or .tif for the output."
        )
    if picture.linear and picture.icc is None and name != "PNG":
        raise InvalidInputError(
            f"the image is linear light by its gAMA chunk, which {name} does not have. Choose .png for the output."
        )
    if name == "JPEG":
        jpeg.check(picture)
    if name == "WebP":
        webp.check(picture)


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture in the format of the path's extension, in full or not at all.

    PNG, WebP and TIFF are lossless. A JPEG that came from a JPEG is compressed with the same tables, else at quality 95
    without subsampling.

    Args:
        path: .png, .jpg, .jpeg, .webp, .tif or .tiff; an older file is replaced. Or `STANDARD_OUTPUT`.
        picture: what to write.

    Raises:
        InvalidInputError: the format cannot hold the picture.
        OutputError: the file cannot be written.
    """
    check_output(path, picture)
    if path == STANDARD_OUTPUT:
        sys.stdout.buffer.write(_ENCODERS["TIFF" if picture.pixels.dtype == np.float32 else "PNG"](picture))
        sys.stdout.buffer.flush()
        return
    write_atomically(path, _ENCODERS[EXTENSIONS[path.suffix.lower()]](picture))
