"""A file in; an upright picture out."""

import contextlib
import functools
import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif, jpeg, plain, png, tiff, webp
from glcic_backend.image_files.formats import foreign_kind
from glcic_backend.image_files.picture import DEFAULT_MAX_PIXELS, Picture
from glcic_backend.wire.files import open_regular

_MAX_BYTES_PER_PIXEL = 16
_MAX_METADATA_BYTES = 256 << 20
_PIECE_BYTES = 1 << 20

STANDARD_INPUT = Path("-")
"""The name that stands for what is piped into the program."""

_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:>|=["\']))\s*[2-8]')


def named(path: Path) -> str:
    """A path as messages name it."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def read_picture(path: Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a picture of any format of `formats`, told apart by their content, and turn it upright.

    Palettes become RGB, and 1, 2 and 4 bits become 8; transparency by a palette or a key colour becomes alpha.

    Args:
        path: the file, or `STANDARD_INPUT`.
        max_pixels: largest size that is decoded.

    Returns:
        The picture, upright by its EXIF orientation.

    Raises:
        InvalidInputError: no such file, another format, damaged, too large, or of a kind that cannot be completed
            without a loss (CMYK, several pages, animation, extra channels).
    """
    try:
        data = _load(path, max_pixels)
        with warnings.catch_warnings():
            # Pillow warns of damaged metadata, which is no concern of who wants a picture completed.
            warnings.simplefilter("ignore")
            return _turn_upright(_decoder(data[:16])(data, max_pixels))
    except InvalidInputError as error:
        raise InvalidInputError(f"{named(path)}: {error}") from error
    except MemoryError as error:
        raise InvalidInputError(
            f"{named(path)}: there is not enough memory to decode it. Close other programs, or use a smaller picture."
        ) from error
    except Exception as error:
        # Decoders answer damage by exceptions of every kind; a file from outside must never look like a defect of ours.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInputError(
            f"{named(path)}: the file is damaged or cut short ({reason}). Open it in an image editor and save it anew."
        ) from error


def _load(path: Path, max_pixels: int) -> bytes:
    most = max_pixels * _MAX_BYTES_PER_PIXEL + _MAX_METADATA_BYTES
    try:
        piped = path == STANDARD_INPUT
        with contextlib.nullcontext(sys.stdin.buffer) if piped else open(open_regular(path), "rb") as file:
            head = file.read(16)
            # A large file of another kind is not read.
            _decoder(head)
            data = bytearray(head)
            size = 0 if piped else os.fstat(file.fileno()).st_size
            while max(size, len(data)) <= most and (piece := file.read(_PIECE_BYTES)):
                data += piece
        if max(size, len(data)) > most:
            raise InvalidInputError(
                f"the file has more than {most:,} bytes, too many for a picture of {max_pixels:,} pixels. If it is "
                "what you expect, raise the limit by `max_pixels=`."
            )
        return bytes(data)
    except FileNotFoundError:
        raise InvalidInputError("there is no such file. Check the name.") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"it cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _decoder(head: bytes) -> Callable[[bytes, int], Picture]:
    """The one decoder for a file that begins so; no other is tried."""
    if head.startswith(png.SIGNATURE):
        return png.read
    if head.startswith(jpeg.SIGNATURE):
        return jpeg.read
    if head.startswith(b"RIFF") and head[8:12] == webp.SIGNATURE:
        return webp.read
    if head.startswith(tiff.SIGNATURES):
        return tiff.read
    if not head:
        raise InvalidInputError("the file is empty. Perhaps copying it was interrupted.")
    kind = plain.kind_of(head)
    if kind is not None:
        return functools.partial(plain.read, kind=kind)
    raise InvalidInputError(f"{foreign_kind(head)}. Convert it to PNG, JPEG, WebP or TIFF.")


def _turn_upright(picture: Picture) -> Picture:
    """Turn the pixels as the EXIF orientation says, and let the metadata say that nothing is to be turned.

    An orientation in XMP alone stays as it is, like the pixels: browsers, GIMP and most viewers do not turn by it.
    """
    orientation = exif.orientation(picture.exif)
    quarter = orientation >= 5
    pixels: Any = picture.pixels.swapaxes(0, 1) if quarter else picture.pixels
    # After the quarter turn (a reflection in the diagonal), what is left is to mirror columns, rows, or both.
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    turned = orientation > 1
    return replace(
        picture,
        pixels=np.ascontiguousarray(pixels),
        exif=exif.upright(picture.exif, quarter) if picture.exif else None,
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", picture.xmp) if picture.xmp and turned else picture.xmp,
        resolution=picture.resolution.turned() if picture.resolution and quarter else picture.resolution,
    )
