"""TIFF 6.0 files: one picture of 1 to 8 bits, 16 bits or floating point per sample, grey, palette, RGB or CMYK."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import TiffFile

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files import tiff_tags as tags
from glcic_backend.image_files.colour_profile import CMYK_NOTE, cmyk_to_srgb
from glcic_backend.image_files.picture import Picture, check_size
from glcic_backend.image_files.tiff_directory import (
    LARGEST_CLASSIC_KIND,
    ByteOrder,
    Directory,
    Value,
    byte_order,
    follow,
    integers,
    read_directory,
)
from glcic_backend.scene.pixels import Samples

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# It would tell of every damaged tag on the terminal; what hinders is said by our own sentences.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_HALF = "its half floats (16 bits) are written as floats of 32 bits, which hold the same values"
_MAX_PAGES = 1000
_MOST_TAGS = 20_000
_DEPTHS = {(bits, tags.UNSIGNED) for bits in (1, 2, 4, 8, 16)} | {(16, tags.FLOAT), (32, tags.FLOAT)}
"""Bits per sample and sample format that are read."""


@dataclass(frozen=True)
class _Layout:
    """How the samples are stored."""

    width: int
    height: int
    bits: int
    photometric: int
    samples: int
    premultiplied: bool
    planar: bool
    jpeg: bool
    floating: bool


def read(data: bytes, max_pixels: int) -> Picture:
    """Decode a TIFF, as stored (not yet upright). Raises InvalidInputError, or anything at all for a damaged file."""
    order = byte_order(data)
    directory, _ = read_directory(data)
    layout = _layout(directory, order)
    check_size(layout.width, layout.height, max_pixels)
    _check_kind(directory, layout, order)
    notes = _check_pages(data, order)
    _check_extent(directory, order, len(data))
    described: Directory = {
        tag: value
        for tag, value in directory.items()
        if tag in tags.DESCRIPTIVE | tags.PLACING and not _is_of_this_file(tag, value)
    }
    pixels, icc = _decode(data, layout), _bytes(directory, tags.ICC)
    if layout.photometric == tags.INKS:
        seen, icc = cmyk_to_srgb(pixels[..., :4], icc)
        pixels = np.concatenate([seen, pixels[..., 4:]], axis=2)
        notes = (*notes, CMYK_NOTE)
    return Picture(
        pixels,
        icc=icc,
        exif=exif.from_directory(described, order),
        xmp=_bytes(directory, tags.XMP),
        resolution=exif.directory_resolution(directory, order),
        notes=(*notes, *[_HALF] * (layout.floating and layout.bits == 16)),
    )


def _is_of_this_file(tag: int, value: "Value | Directory") -> bool:
    """Whether a tag tells of the file rather than of the picture: a type of BigTIFF, how programs laid out the data."""
    if isinstance(value, dict):
        return False
    layout = tag == tags.DESCRIPTION and value.raw.startswith((b'{"shape":', b"ImageJ="))
    return layout or value.kind > LARGEST_CLASSIC_KIND


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
            f"its colours are {kind}, and only grey, RGB and CMYK can be completed. Convert it to RGB first."
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
            "to 8 and 16 bits unsigned and 16 and 32 bits floating point can be completed. Convert it to 16 bits first."
        )
    return _Layout(
        one(tags.WIDTH, 0),
        one(tags.HEIGHT, 0),
        max(depths),
        photometric,
        samples,
        extra_count == 1 and extra == (tags.PREMULTIPLIED,),
        one(tags.PLANAR, 1) == 2 and samples > 1,
        one(tags.COMPRESSION, tags.NO_COMPRESSION) in (tags.OLD_JPEG, tags.JPEG),
        max(formats) == tags.FLOAT,
    )


def _check_kind(directory: Directory, layout: _Layout, order: ByteOrder) -> None:
    if tags.DNG_VERSION in directory:
        raise InvalidInputError("it is a camera raw file. Develop it first, and save it as 16-bit TIFF or PNG.")
    inverted_float = layout.photometric == tags.WHITE_IS_ZERO and layout.floating
    plain_ycbcr = layout.photometric == tags.YCBCR and not layout.jpeg
    # Inks of other names than the four, or mixed with transparency in a way that no profile tells of.
    ink_set = integers(directory[tags.INK_SET], order)[0] if tags.INK_SET in directory else tags.CMYK
    odd_inks = layout.photometric == tags.INKS and (
        layout.floating or layout.bits < 8 or layout.premultiplied or ink_set != tags.CMYK
    )
    deep = layout.bits > 8 and layout.photometric in (tags.PALETTE, tags.YCBCR)
    if inverted_float or plain_ycbcr or odd_inks or deep:
        raise InvalidInputError(
            f"its {layout.bits}-bit colours are of a kind that is not read. Convert it to grey or RGB first."
        )


def _check_pages(data: bytes, order: ByteOrder) -> tuple[str, ...]:
    """Refuse a file with several pages; previews and masks of the one page are left out, with a note."""
    pages = list(_pages(data))
    reduced = [page for page in pages[1:] if tags.SUBFILE in page and integers(page[tags.SUBFILE], order)[0] & 0b101]
    if len(pages) - len(reduced) > 1:
        raise InvalidInputError(
            f"it has {len(pages) - len(reduced)} pages, and all but one would be lost. Save the page you want as a "
            "file of its own."
        )
    if not reduced:
        return ()
    return (f"{len(reduced)} preview(s) in the TIFF are left out; they would show the picture as it was",)


def _pages(data: bytes) -> Iterator[Directory]:
    offset = follow(data)
    seen: set[int] = set()
    budget = 2 * len(data)  # the values of sound pages lie side by side; the first page may come a second time
    tags_left = _MOST_TAGS
    while offset != 0:
        if offset in seen:
            raise ValueError("a directory that links to itself")
        seen.add(offset)
        directory, link = read_directory(data, offset)
        budget -= sum(len(value.raw) for value in directory.values() if isinstance(value, Value))
        tags_left -= len(directory)
        if budget < 0:
            raise ValueError(f"pages of more than {len(data)} bytes")
        if tags_left < 0 or len(seen) > _MAX_PAGES:
            raise ValueError(f"more than {_MOST_TAGS} tags or {_MAX_PAGES} directories")
        yield directory
        offset = follow(data, link)


def _check_extent(directory: Directory, order: ByteOrder, length: int) -> None:
    """Decoders differ in what they do with a file that is cut short; some give black."""
    tiled = tags.TILE_OFFSETS in directory
    places = (tags.TILE_OFFSETS, tags.TILE_SIZES) if tiled else (tags.STRIP_OFFSETS, tags.STRIP_SIZES)
    offsets, sizes = (integers(directory.get(tag), order) for tag in places)
    end = max(offset + size for offset, size in zip(offsets, sizes, strict=True))
    if end > length or 0 in sizes:
        raise ValueError(f"{length} bytes instead of {end}")


def _decode(data: bytes, layout: _Layout) -> Samples:
    with TiffFile(io.BytesIO(data)) as file:
        stored: Any = file.pages.first.asarray(maxworkers=1)
        palette: Any = file.pages.first.colormap
    if layout.planar:
        stored = stored.reshape(layout.samples, layout.height, layout.width).transpose(1, 2, 0)
    pixels = stored.reshape(layout.height, layout.width, layout.samples)
    if layout.photometric == tags.PALETTE:
        pixels = (palette.T[pixels[..., 0]] >> 8).astype(np.uint8)
    elif layout.bits < 8:
        pixels = pixels.astype(np.uint8) * np.uint8(255 // (2**layout.bits - 1))
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    if layout.floating and layout.bits == 16:
        pixels = pixels.astype(np.float32)
    expected = np.float32 if layout.floating else np.uint16 if layout.bits == 16 else np.uint8
    if pixels.dtype != expected or pixels.size == 0:
        raise ValueError(f"decoded as {pixels.dtype} {pixels.shape}")
    if layout.photometric == tags.WHITE_IS_ZERO:
        pixels[..., 0] = ~pixels[..., 0]
    return _straight(pixels) if layout.premultiplied else pixels


def _straight(pixels: NDArray[Any]) -> Samples:
    if pixels.dtype == np.uint8 and pixels.shape[2] == 4:
        return np.asarray(Image.frombytes("RGBA", pixels.shape[1::-1], pixels.tobytes(), "raw", "RGBa"))
    full = {1: 255.0, 2: 65535.0, 4: 1.0}[pixels.itemsize]
    alpha = pixels[..., -1:].astype(np.float64) / full
    colour = np.divide(pixels[..., :-1], alpha, out=np.zeros(pixels[..., :-1].shape), where=alpha > 0)
    pixels[..., :-1] = colour if pixels.dtype == np.float32 else np.rint(np.minimum(colour, full))
    return pixels


def _bytes(directory: Directory, tag: int) -> bytes | None:
    value = directory.get(tag)
    return value.raw if isinstance(value, Value) and value.raw else None
