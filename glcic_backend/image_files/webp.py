"""WebP files: 8 bits per sample, RGB with or without alpha. Written without loss."""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files.colour_profile import colour_space
from glcic_backend.image_files.picture import Picture, check_size

SIGNATURE = b"WEBP"
"""Stands at byte 8, after the RIFF heading."""
_MAX_SIDE = 16_383


def read(data: bytes, max_pixels: int) -> Picture:
    """Decode a WebP, as stored (not yet upright). Raises InvalidInputError, or anything at all for a damaged file."""
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8:
        raise ValueError(f"{len(data)} bytes instead of {length + 8}")
    with WebPImageFile(io.BytesIO(data)) as image:
        check_size(image.width, image.height, max_pixels)
        if image.n_frames > 1:
            raise InvalidInputError(
                f"it is an animation of {image.n_frames} pictures, and only one could be completed. Save one picture "
                "alone."
            )
        image.load()
        pixels = np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
        block = exif.bare(image.info.get("exif"))
        return Picture(
            pixels,
            icc=image.info.get("icc_profile"),
            exif=block,
            xmp=image.info.get("xmp"),
            resolution=exif.resolution(block),
        )


def check(picture: Picture) -> None:
    """Raise InvalidInputError if a WebP cannot hold the picture."""
    if max(picture.width, picture.height) > _MAX_SIDE:
        raise InvalidInputError(f"a WebP can be {_MAX_SIDE} pixels wide or high at most. Choose .png or .tif.")


def encode(picture: Picture) -> bytes:
    """Bytes of a lossless WebP; colours under full transparency are kept. Grey becomes RGB, which is all that WebP "
    "has."""
    pixels: Any = picture.pixels
    if pixels.shape[2] <= 2:
        pixels = np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:]], axis=2)
    buffer = io.BytesIO()
    # For lossless WebP "quality" is effort; 40 takes half the time of 80 for 0.1 % more bytes.
    Image.fromarray(pixels).save(
        buffer,
        "WEBP",
        lossless=True,
        exact=True,
        quality=40,
        # A grey profile would be false for RGB.
        icc_profile=picture.icc if picture.icc and colour_space(picture.icc) != b"GRAY" else b"",
        exif=picture.exif or b"",
        xmp=picture.xmp or b"",
    )
    return buffer.getvalue()
