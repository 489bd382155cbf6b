"""Writing TIFF 6.0 files: one picture in strips, compressed by Deflate."""

import struct

import imagecodecs
import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files import tiff_tags as tags
from glcic_backend.image_files.picture import Picture, Resolution
from glcic_backend.image_files.tiff_directory import (
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    ByteOrder,
    Directory,
    Value,
    byte_order,
    header,
    read_directory,
    write_directory,
)
from glcic_backend.scene.pixels import Samples

_UNITS = {"none": 1, "inch": 2, "centimetre": 3}
_STRIP = 1 << 20
_LEVEL = 4


def encode(picture: Picture) -> bytes:
    """Bytes of a TIFF that holds the picture, compressed by Deflate."""
    order: ByteOrder = "<"
    directory: Directory = {}
    # A damaged block has no place in a TIFF, whose own directory it becomes a part of.
    if picture.exif is not None and exif.is_sound(picture.exif):
        order = byte_order(picture.exif)
        described, _ = read_directory(picture.exif)
        directory = {tag: value for tag, value in described.items() if tag in tags.DESCRIPTIVE}

    def put(tag: int, kind: int, *values: int) -> None:
        directory[tag] = Value(kind, struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values))

    pixels = picture.pixels
    channels = pixels.shape[2]
    integral = pixels.dtype != np.float32
    rows = max(1, _STRIP // (picture.width * channels * pixels.itemsize))
    strips = [_compress(pixels[begin : begin + rows], order) for begin in range(0, picture.height, rows)]
    sizes = [len(strip) for strip in strips]
    offsets = [8 + int(before) for before in np.cumsum([0, *sizes])]
    end = offsets.pop()
    if end + (64 << 20) > 2**32:
        raise InvalidInputError(
            f"the result has {end:,} bytes and a TIFF holds 4 GiB at most. Choose .png for the output."
        )
    put(tags.WIDTH, LONG, picture.width)
    put(tags.HEIGHT, LONG, picture.height)
    put(tags.BITS, SHORT, *[8 * pixels.itemsize] * channels)
    put(tags.COMPRESSION, SHORT, tags.DEFLATE)
    put(tags.PHOTOMETRIC, SHORT, tags.RGB if channels >= 3 else tags.BLACK_IS_ZERO)
    put(tags.STRIP_OFFSETS, LONG, *offsets)
    put(tags.SAMPLES, SHORT, channels)
    put(tags.ROWS_PER_STRIP, LONG, rows)
    put(tags.STRIP_SIZES, LONG, *sizes)
    put(tags.PLANAR, SHORT, 1)
    put(tags.PREDICTOR, SHORT, 2 if integral else 1)
    put(tags.SAMPLE_FORMAT, SHORT, *[tags.UNSIGNED if integral else tags.FLOAT] * channels)
    if picture.has_alpha:
        put(tags.EXTRA_SAMPLES, SHORT, tags.STRAIGHT)
    if picture.resolution is not None:
        _put_resolution(directory, picture.resolution, order)
    for tag, content, kind in ((tags.ICC, picture.icc, UNDEFINED), (tags.XMP, picture.xmp, 1)):
        if content is not None:
            directory[tag] = Value(kind, content)
    padding = bytes(end % 2)
    tail = write_directory(directory, end + len(padding), order)
    return header(order) + struct.pack(order + "I", end + len(padding)) + b"".join(strips) + padding + tail


def _compress(rows: Samples, order: ByteOrder) -> bytes:
    if rows.dtype != np.float32:
        differences = rows.copy()
        differences[:, 1:] -= rows[:, :-1]
        rows = differences
    return bytes(imagecodecs.deflate_encode(rows.astype(rows.dtype.newbyteorder(order)).tobytes(), _LEVEL))


def _put_resolution(directory: Directory, resolution: Resolution, order: ByteOrder) -> None:
    unit = "inch" if resolution.unit == "metre" else resolution.unit
    exact = resolution.per("inch") if resolution.unit == "metre" else (resolution.x, resolution.y)
    for tag, value in zip((tags.X_RESOLUTION, tags.Y_RESOLUTION), exact, strict=True):
        limited = value.limit_denominator(1_000_000)
        directory[tag] = Value(RATIONAL, struct.pack(order + "II", limited.numerator, limited.denominator))
    directory[tags.RESOLUTION_UNIT] = Value(SHORT, struct.pack(order + "H", _UNITS[unit]))
