"""JPEG files: 8 bits per sample, grey or colour. Compressed again with the same tables where there are any."""

import io
import struct
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files.colour_profile import CMYK_NOTE, cmyk_to_srgb
from glcic_backend.image_files.picture import JpegCoding, Picture, Resolution, Unit, check_size

SIGNATURE = b"\xff\xd8\xff"
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
"""Marks of a scan's beginning and of the file's end."""
_QUALITY = 95
_MAX_SIDE = 65_500
_MAX_BLOCK = 65_500
"""Largest EXIF block or XMP packet that a JPEG's segment can hold, headings taken off."""
_UNITS: dict[int, Unit] = {0: "none", 1: "inch", 2: "centimetre"}


def read(data: bytes, max_pixels: int) -> Picture:
    """Decode a JPEG, as stored (not yet upright). Raises InvalidInputError, or anything at all for a damaged file."""
    data, notes = _with_end_mark(data, max_pixels)
    with JpegImageFile(io.BytesIO(data)) as image:
        check_size(image.width, image.height, max_pixels)
        if image.mode == "CMYK":
            return _from_cmyk(image)
        if image.mode not in ("L", "RGB"):
            raise InvalidInputError(f"its colours are {image.mode}. Convert it to RGB first.")
        image.load()
        pixels = np.asarray(image)
        block = exif.bare(image.info.get("exif"))
        if image.info.get("comment"):
            notes += ("the JPEG's comment is left out",)
        xmp = image.info.get("xmp")
        if "mp" in image.info:
            # The XMP of such a file describes the further pictures.
            xmp = None
            notes += (
                "the JPEG holds further pictures (a preview or a gain map); they would go on showing what is removed, "
                "so they and the XMP that describes them are left out",
            )
        return Picture(
            pixels if pixels.ndim == 3 else pixels[..., None],
            icc=image.info.get("icc_profile"),
            exif=block,
            xmp=xmp,
            resolution=_resolution(image.info) or exif.resolution(block),
            jpeg=JpegCoding(dict(image.quantization), get_sampling(image), bool(image.info.get("progressive"))),
            notes=notes,
        )


def _with_end_mark(data: bytes, max_pixels: int) -> tuple[bytes, tuple[str, ...]]:
    """The file with the mark of its end, which some programs leave out.

    The decoder cannot tell such a file from one that is cut short. In a whole one, whatever stands behind the last
    pixel changes none.

    Raises:
        ValueError: it is cut short.
    """
    # Zeros and other leavings may follow the mark; only its lack is looked into.
    if _END in data[data.rfind(_SCAN) :]:
        return data, ()
    versions = []
    for behind in (b"", b"\x55\xaa" * 32):
        with JpegImageFile(io.BytesIO(data.rstrip(b"\0") + behind + _END)) as image:
            check_size(image.width, image.height, max_pixels)
            image.load()
            versions.append(image.tobytes())
    if versions[0] != versions[1]:
        raise ValueError("the last pixels are missing")
    return data + _END, ("the JPEG has no end mark, but all of its pixels",)


def _from_cmyk(image: JpegImageFile) -> Picture:
    image.load()
    pixels, icc = cmyk_to_srgb(np.asarray(image), image.info.get("icc_profile"))
    block = exif.bare(image.info.get("exif"))
    return Picture(
        pixels,
        icc=icc,
        exif=block,
        xmp=image.info.get("xmp"),
        resolution=_resolution(image.info) or exif.resolution(block),
        notes=(CMYK_NOTE,),
    )


def _resolution(info: dict[Any, Any]) -> Resolution | None:
    x, y = info.get("jfif_density", (0, 0))
    unit = _UNITS.get(info.get("jfif_unit", 0), "none")
    if x == 0 or y == 0 or (unit == "none" and x == y):
        return None
    return Resolution(Fraction(x), Fraction(y), unit)


def check(picture: Picture) -> None:
    """Raise InvalidInputError if a JPEG cannot hold the picture."""
    if max(picture.width, picture.height) > _MAX_SIDE:
        raise InvalidInputError(f"a JPEG can be {_MAX_SIDE} pixels wide or high at most. Choose .png or .tif.")
    for name, block in (("EXIF block", picture.exif), ("XMP packet", picture.xmp)):
        if block is not None and len(block) > _MAX_BLOCK:
            raise InvalidInputError(
                f"the {name} has {len(block):,} bytes and a JPEG holds {_MAX_BLOCK:,} at most. Choose .png or .tif."
            )


def encode(picture: Picture) -> bytes:
    """Bytes of a JPEG: with the tables it came with, else at quality 95 without subsampling."""
    coding: dict[str, Any] = {"quality": _QUALITY, "subsampling": 0}
    if picture.jpeg is not None:
        coding = {
            "qtables": picture.jpeg.tables,
            "subsampling": max(0, picture.jpeg.subsampling),
            "progressive": picture.jpeg.progressive,
        }
    buffer = io.BytesIO()
    Image.fromarray(picture.pixels.squeeze(2) if picture.pixels.shape[2] == 1 else picture.pixels).save(
        buffer,
        "JPEG",
        optimize=True,
        icc_profile=picture.icc,
        exif=b"Exif\0\0" + picture.exif if picture.exif else b"",
        xmp=picture.xmp or b"",
        **coding,
    )
    return _with_density(buffer.getvalue(), picture.resolution)


def _with_density(data: bytes, resolution: Resolution | None) -> bytes:
    """Write the resolution into the JFIF segment, which Pillow always writes first, in the unit it came in."""
    if resolution is None:
        return data
    unit = next((number for number, name in _UNITS.items() if name == resolution.unit), 1)
    exact = resolution.per("inch") if resolution.unit == "metre" else (resolution.x, resolution.y)
    x, y = (min(max(round(value), 1), 65_535) for value in exact)
    at = data.index(b"JFIF\0") + 7
    return data[:at] + struct.pack(">BHH", unit, x, y) + data[at + 5 :]
