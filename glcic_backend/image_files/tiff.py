"""TIFF 6.0 files: one picture of 1 to 8 bits, 16 bits or 32-bit floating point per sample, grey, palette or RGB."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tifffile
from PIL.TiffImagePlugin import TiffImageFile

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files import tiff_tags as tags
from glcic_backend.image_files.deep import decode_by_opencv
from glcic_backend.image_files.picture import Picture, check_size
from glcic_backend.image_files.tiff_directory import (
    ByteOrder,
    Directory,
    Value,
    byte_order,
    integers,
    read_directory,
)
from glcic_backend.scene.pixels import Samples

SIGNATURES = (b"II*\0", b"MM\0*")
BIG_SIGNATURES = (b"II+\0", b"MM\0+")

_MAX_PAGES = 1000
_DEPTHS = {(bits, tags.UNSIGNED) for bits in (1, 2, 4, 8, 16)} | {(32, tags.FLOAT)}
"""Bits per sample and sample format that are read."""


@dataclass(frozen=True)
class _Layout:
    """How the samples are stored."""

    width: int
    height: int
    bits: int
    sample_format: int
    photometric: int
    samples: int
    premultiplied: bool
    compression: int
    predictor: int
    planar: bool


def read(data: bytes, max_pixels: int) -> Picture:
    """Decode a TIFF, as stored (not yet upright). Raises InvalidInputError, or anything at all for a damaged file."""
    order = byte_order(data)
    directory, _ = read_directory(data)
    layout = _layout(directory, order)
    check_size(layout.width, layout.height, max_pixels)
    _check_kind(directory, layout)
    notes = _check_pages(data, order)
    _check_extent(directory, order, len(data))
    pixels = _decode_deep(data, layout) if layout.bits > 8 else _decode(data, directory, order, layout)
    described: Directory = {tag: value for tag, value in directory.items() if tag in tags.DESCRIPTIVE | tags.PLACING}
    return Picture(
        pixels,
        icc=_bytes(directory, tags.ICC),
        exif=exif.from_directory(described, order),
        xmp=_bytes(directory, tags.XMP),
        resolution=exif.directory_resolution(directory, order),
        notes=notes,
    )


def _layout(directory: Directory, order: ByteOrder) -> _Layout:
    def every(tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        return integers(directory[tag], order) if tag in directory else default

    def one(tag: int, default: int) -> int:
        return every(tag, (default,))[0]

    depths, formats = set(every(tags.BITS, (1,))), set(every(tags.SAMPLE_FORMAT, (tags.UNSIGNED,)))
    photometric, samples = one(tags.PHOTOMETRIC, -1), one(tags.SAMPLES, 1)
    if photometric not in tags.COLOUR_SAMPLES:
        kind = tags.FOREIGN_COLOURS.get(photometric, f"of colour type {photometric}")
        raise InvalidInputError(
            f"its colours are {kind}, and only grey and RGB can be completed. Convert it to RGB first."
        )
    extra = every(tags.EXTRA_SAMPLES, ())
    extra_count = samples - tags.COLOUR_SAMPLES[photometric]
    if extra_count not in (0, 1) or (extra_count == 1 and extra not in ((), (tags.PREMULTIPLIED,), (tags.STRAIGHT,))):
        raise InvalidInputError(
            f"it has {extra_count} channel(s) besides its colours that are not marked as alpha, and they would be "
            "lost. "
            "Save it without them."
        )
    if len(depths) != 1 or len(formats) != 1 or (max(depths), max(formats)) not in _DEPTHS:
        raise InvalidInputError(
            f"its samples have {'/'.join(map(str, sorted(depths)))} bits (sample format {max(formats)}), and only 1 "
            "to 8 and 16 "
            "bits unsigned and 32 bits floating point can be completed. Convert it to 16 bits first."
        )
    return _Layout(
        one(tags.WIDTH, 0),
        one(tags.HEIGHT, 0),
        max(depths),
        max(formats),
        photometric,
        samples,
        extra_count == 1 and extra == (tags.PREMULTIPLIED,),
        one(tags.COMPRESSION, tags.NO_COMPRESSION),
        one(tags.PREDICTOR, 1),
        one(tags.PLANAR, 1) == 2 and samples > 1,
    )


def _check_kind(directory: Directory, layout: _Layout) -> None:
    if tags.DNG_VERSION in directory:
        raise InvalidInputError("it is a camera raw file. Develop it first, and save it as 16-bit TIFF or PNG.")
    if layout.bits <= 8 and layout.premultiplied and layout.samples == 2:
        raise InvalidInputError(
            "it is grey with premultiplied alpha, which is not read. Save it with straight alpha, or as PNG."
        )
    inverted_float = layout.photometric == tags.WHITE_IS_ZERO and layout.bits == 32
    if inverted_float or (layout.bits > 8 and layout.photometric in (tags.PALETTE, tags.YCBCR)):
        raise InvalidInputError(
            f"its {layout.bits}-bit colours are of a kind that is not read. Convert it to grey or RGB first."
        )


def _check_pages(data: bytes, order: ByteOrder) -> tuple[str, ...]:
    """Refuse a file with several pages; previews and masks of the one page are left out, with a note."""
    pages = list(_pages(data, order))
    reduced = [page for page in pages[1:] if tags.SUBFILE in page and integers(page[tags.SUBFILE], order)[0] & 0b101]
    if len(pages) - len(reduced) > 1:
        raise InvalidInputError(
            f"it has {len(pages) - len(reduced)} pages, and all but one would be lost. Save the page you want as a "
            "file of its own."
        )
    if not reduced:
        return ()
    return (f"{len(reduced)} preview(s) in the TIFF are left out; they would show the picture as it was",)


def _pages(data: bytes, order: ByteOrder) -> Iterator[Directory]:
    (offset,) = struct.unpack_from(order + "I", data, 4)
    for _ in range(_MAX_PAGES):
        if offset == 0:
            return
        directory, link = read_directory(data, offset)
        yield directory
        (offset,) = struct.unpack_from(order + "I", data, link)


def _check_extent(directory: Directory, order: ByteOrder, length: int) -> None:
    """Decoders differ in what they do with a file that is cut short; some give black."""
    tiled = tags.TILE_OFFSETS in directory
    places = (tags.TILE_OFFSETS, tags.TILE_SIZES) if tiled else (tags.STRIP_OFFSETS, tags.STRIP_SIZES)
    offsets, sizes = (integers(directory.get(tag), order) for tag in places)
    end = max(offset + size for offset, size in zip(offsets, sizes, strict=True))
    if end > length:
        raise ValueError(f"{length} bytes instead of {end}")


def _decode(data: bytes, directory: Directory, order: ByteOrder, layout: _Layout) -> Samples:
    """Up to 8 bits per sample; Pillow's libtiff knows every compression and makes alpha straight."""
    stored = bytearray(data)
    turn = directory.get(tags.ORIENTATION)
    if isinstance(turn, Value):
        # Pillow would turn the picture by itself.
        stored[turn.position : turn.position + 2] = struct.pack(order + "H", 1)
    with TiffImageFile(io.BytesIO(stored)) as image:
        image.load()
        if image.mode == "P":
            return np.asarray(image.convert("RGB"))
        pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    channels = 3 if layout.photometric == tags.PALETTE else layout.samples
    if pixels.shape != (layout.height, layout.width, channels) or pixels.dtype != np.uint8:
        raise ValueError(f"decoded as {image.mode}")
    return pixels


def _decode_deep(data: bytes, layout: _Layout) -> Samples:
    """16 bits or floating point, which Pillow would cut to 8 bits or refuse."""
    shape = (layout.height, layout.width, layout.samples)
    plain = layout.compression in (tags.NO_COMPRESSION, tags.DEFLATE, tags.OLD_DEFLATE, tags.PACK_BITS)
    if plain and layout.predictor in (1, 2):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pixels = file.pages.first.asarray(maxworkers=1)
        if layout.planar:
            pixels = pixels.reshape(layout.samples, *shape[:2]).transpose(1, 2, 0)
        pixels = pixels.reshape(shape)
    else:
        _check_opencv(layout)
        pixels = decode_by_opencv(data).reshape(shape)
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    if pixels.dtype != (np.uint16 if layout.bits == 16 else np.float32):
        raise ValueError(f"decoded as {pixels.dtype}")
    if layout.photometric == tags.WHITE_IS_ZERO:
        pixels[..., 0] = 65535 - pixels[..., 0]
    return _straight(pixels) if layout.premultiplied else pixels


def _check_opencv(layout: _Layout) -> None:
    """OpenCV knows LZW and floating point differences, which tifffile leaves to a large package of codecs."""
    known = layout.compression in (tags.LZW, tags.DEFLATE, tags.OLD_DEFLATE)
    if not known or layout.planar or layout.samples == 2 or layout.photometric == tags.WHITE_IS_ZERO:
        raise InvalidInputError(
            f"it has {layout.bits} bits in {layout.samples} channels with TIFF compression {layout.compression}, "
            "which is not read. Save it without compression, with Deflate (ZIP), or as PNG."
        )


def _straight(pixels: Samples) -> Samples:
    full = 65535.0 if pixels.dtype == np.uint16 else 1.0
    alpha = pixels[..., -1:].astype(np.float64) / full
    colour = np.divide(pixels[..., :-1], alpha, out=np.zeros(pixels[..., :-1].shape), where=alpha > 0)
    straight = pixels.copy()
    straight[..., :-1] = np.rint(np.minimum(colour, full)) if pixels.dtype == np.uint16 else colour
    return straight


def _bytes(directory: Directory, tag: int) -> bytes | None:
    value = directory.get(tag)
    return value.raw if isinstance(value, Value) and value.raw else None
