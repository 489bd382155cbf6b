"""A file in; an upright picture, or a mask of its size, out."""

import os
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif, jpeg, png, tiff, webp
from glcic_backend.image_files.picture import DEFAULT_MAX_PIXELS, Picture
from glcic_backend.scene.pixels import Samples
from glcic_backend.wire.files import open_regular

_MAX_BYTES_PER_PIXEL = 16
_MAX_METADATA_BYTES = 256 << 20
_MAX_COLOURFULNESS = 32
"""Largest difference between the channels of a grey mask, of 255: JPEG colours grey a little."""

_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:>|=["\']))\s*[2-8]')


def read_picture(path: Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a PNG, JPEG, WebP or TIFF, told apart by their content, and turn it upright.

    Palettes become RGB, and 1, 2 and 4 bits become 8; transparency by a palette or a key colour becomes alpha.

    Args:
        path: the file.
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
        raise InvalidInputError(f"{path}: {error}") from error
    except MemoryError as error:
        raise InvalidInputError(
            f"{path}: there is not enough memory to decode it. Close other programs, or use a smaller picture."
        ) from error
    except Exception as error:
        # Decoders answer damage by exceptions of every kind; a file from outside must never look like a defect of ours.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInputError(
            f"{path}: the file is damaged or cut short ({reason}). Open it in an image editor and save it anew."
        ) from error


def _load(path: Path, max_pixels: int) -> bytes:
    most = max_pixels * _MAX_BYTES_PER_PIXEL + _MAX_METADATA_BYTES
    try:
        with open(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise InvalidInputError(
                    f"the file has {size:,} bytes, too many for a picture of {max_pixels:,} pixels (see --max-pixels)."
                )
            # A large file of another kind is not read.
            _decoder(file.read(16))
            file.seek(0)
            return file.read(size)
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
    if head.startswith(tiff.BIG_SIGNATURES):
        raise InvalidInputError("it is a BigTIFF, which is not read. Save it as an ordinary TIFF, or as PNG.")
    raise InvalidInputError("it is not a PNG, JPEG, WebP or TIFF file. Convert it to one of these.")


def _turn_upright(picture: Picture) -> Picture:
    """Turn the pixels as the EXIF orientation says, and let the metadata say that nothing is to be turned."""
    orientation = exif.orientation(picture.exif)
    quarter = orientation >= 5
    pixels: Any = picture.pixels.swapaxes(0, 1) if quarter else picture.pixels
    # After the quarter turn (a reflection in the diagonal), what is left is to mirror columns, rows, or both.
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return replace(
        picture,
        pixels=np.ascontiguousarray(pixels),
        exif=exif.upright(picture.exif, quarter) if picture.exif else None,
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", picture.xmp) if picture.xmp else None,
        resolution=picture.resolution.turned() if picture.resolution and quarter else picture.resolution,
    )


def read_mask(path: Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a mask, upright: white = fill, grey = partly, black or transparent = keep.

    Args:
        path: a PNG, JPEG, WebP or TIFF of any depth; a colour file must be grey to the eye.
        max_pixels: largest size that is decoded.

    Returns:
        uint8 [H, W], 0 keep, 255 fill, between: coverage.

    Raises:
        InvalidInputError: as `read_picture`, or the file shows colours.
    """
    picture = read_picture(path, max_pixels)
    values = _to_8_bits(picture.pixels)
    planes = [values[..., channel] for channel in range(values.shape[2])]
    alpha = planes.pop() if picture.has_alpha else None
    grey = planes[0]
    if len(planes) == 3:
        grey = _grey_of(planes, alpha, path)
    return grey if alpha is None else np.asarray(np.rint(grey * (alpha / np.float32(255))), np.uint8)


def _grey_of(planes: list[NDArray[np.uint8]], alpha: NDArray[np.uint8] | None, path: Path) -> NDArray[np.uint8]:
    """The mean of red, green and blue, which must be nearly equal wherever the mask is not transparent."""
    red, green, blue = planes
    spread_of_each = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    spread = int((spread_of_each if alpha is None else spread_of_each[alpha > 0]).max(initial=0))
    if spread > _MAX_COLOURFULNESS:
        raise InvalidInputError(
            f"{path}: a mask is black, grey and white, but here the channels differ by up to {spread} of 255. Paint "
            "the mask in "
            "white on black; or did image and mask change places?"
        )
    total = red.astype(np.uint16) + green + blue
    return np.asarray((total + 1) // 3, np.uint8)


def _to_8_bits(pixels: Samples) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    scaled = pixels / np.float32(257) if pixels.dtype == np.uint16 else np.clip(np.nan_to_num(pixels), 0, 1) * 255
    return np.rint(scaled).astype(np.uint8)
