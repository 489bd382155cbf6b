"""PNG files (ISO/IEC 15948, third edition): every depth and colour type, and the chunks that describe the picture."""

import io
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import exif
from glcic_backend.image_files.deep import decode_by_opencv
from glcic_backend.image_files.picture import Picture, Resolution, check_size
from glcic_backend.scene.pixels import Samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"cICP", b"sRGB")
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_COLOUR_TYPE = {channels: kind for kind, channels in _CHANNELS.items()}
_PALETTE = 3
_MAX_METADATA = 64 << 20
# Level 4 takes half the time of zlib's default 6, for files 6 % larger (photograph of 6 megapixels).
_LEVEL = 4
_STRIP = 1 << 20
_SLICE = 1 << 15
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, step across, step down of each interlacing pass."""


def read(data: bytes, max_pixels: int) -> Picture:
    """Decode a PNG, as stored (not yet upright). Raises InvalidInputError, or anything at all for a damaged file."""
    chunks = list(_chunks(data))
    width, height, depth, kind = struct.unpack_from(">IIBB", chunks[0][1])
    check_size(width, height, max_pixels)
    found = dict(reversed(chunks))
    if b"acTL" in found and struct.unpack_from(">I", found[b"acTL"])[0] > 1:
        raise InvalidInputError(
            "it is an animation, and only one of its pictures could be completed. Save one picture alone."
        )
    pixels = _decode_deep(data, chunks) if depth == 16 else _decode(data)
    if b"tRNS" in found and kind in (0, 2):
        pixels = _apply_transparent_colour(pixels, found[b"tRNS"], depth)
    block = exif.bare(found.get(b"eXIf"))
    return Picture(
        pixels,
        icc=_profile(found.get(b"iCCP")),
        exif=block,
        xmp=_xmp(chunks),
        resolution=_resolution(found.get(b"pHYs")) or exif.resolution(block),
        png_colour={name: found[name] for name in _COLOUR_CHUNKS if name in found},
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of every chunk up to IEND, with checked sums."""
    at = len(SIGNATURE)
    while True:
        length, name = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(content, zlib.crc32(name)) != checksum:
            raise ValueError(f"wrong checksum in chunk {name!r}")
        if name == b"IEND":
            return
        yield name, content
        at += 12 + length


def _decode(data: bytes) -> Samples:
    with PngImageFile(io.BytesIO(data)) as image:
        image.load()
        if image.mode == "P":
            return np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))
        if image.mode == "1":
            return np.asarray(image.convert("L"))[..., None]
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _decode_deep(data: bytes, chunks: list[tuple[bytes, bytes]]) -> Samples:
    """16 bits per sample, which Pillow would cut to 8."""
    width, height, _, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    # OpenCV hands out what it has of a stream that is cut short, so its length is checked first.
    stream = b"".join(content for name, content in chunks if name == b"IDAT")
    _check_stream(stream, width, height, _CHANNELS[kind], interlaced)
    decoded = decode_by_opencv(data)
    if decoded.dtype != np.uint16:
        raise ValueError(f"decoded as {decoded.dtype}")
    # OpenCV hands out grey with alpha as colour, and a key colour as alpha.
    return np.ascontiguousarray(decoded[..., [0, 3]] if kind == 4 else decoded[..., : _CHANNELS[kind]])


def _check_stream(stream: bytes, width: int, height: int, channels: int, interlaced: int) -> None:
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    expected = 0
    for x, y, across, down in passes:
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + 2 * channels * columns)
    inflate = zlib.decompressobj()
    length = 0
    # In slices, so that the pixels are never held a second time; deflate makes at most a thousand bytes of one.
    for begin in range(0, len(stream), _SLICE):
        length += len(inflate.decompress(stream[begin : begin + _SLICE]))
        if length > expected:
            break
    if length != expected or not inflate.eof:
        raise ValueError(f"{length} bytes of pixels instead of {expected}")


def _apply_transparent_colour(pixels: Samples, content: bytes, depth: int) -> Samples:
    """Add an alpha channel that is 0 where the pixel has the one colour that a tRNS chunk names."""
    colour = np.frombuffer(content, ">u2", count=1 if pixels.shape[2] <= 2 else 3).astype(np.int64)
    if depth < 8:
        colour = colour * 255 // (2**depth - 1)
    plain = pixels[..., : len(colour)]
    opaque = 65535 if depth == 16 else 255
    alpha = np.where((plain == colour).all(axis=2), 0, opaque).astype(pixels.dtype)
    return np.concatenate([plain, alpha[..., None]], axis=2)


def _profile(content: bytes | None) -> bytes | None:
    if content is None:
        return None
    compressed = content.partition(b"\0")[2][1:]
    return zlib.decompressobj().decompress(compressed, _MAX_METADATA) or None


def _xmp(chunks: list[tuple[bytes, bytes]]) -> bytes | None:
    for name, content in chunks:
        keyword, _, rest = content.partition(b"\0")
        if name == b"iTXt" and keyword == _XMP_KEYWORD:
            text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
            return zlib.decompressobj().decompress(text, _MAX_METADATA) if rest[0] else text
    return None


def _resolution(content: bytes | None) -> Resolution | None:
    if content is None:
        return None
    x, y, unit = struct.unpack(">IIB", content)
    return Resolution(Fraction(x), Fraction(y), "metre" if unit == 1 else "none") if x and y else None


def encode(picture: Picture) -> bytes:
    """Bytes of a PNG that holds a picture of 8 or 16 bits per sample."""
    pixels = picture.pixels
    head = (picture.width, picture.height, 8 * pixels.itemsize, _COLOUR_TYPE[pixels.shape[2]], 0, 0, 0)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *head))]
    chunks += list(picture.png_colour.items())
    if picture.icc is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)))
    if picture.resolution is not None:
        x, y = (min(round(value), 2**31 - 1) for value in picture.resolution.per("metre"))
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, picture.resolution.unit != "none")))
    if picture.exif is not None:
        chunks.append((b"eXIf", picture.exif))
    if picture.xmp is not None:
        chunks.append((b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + picture.xmp))
    chunks.append((b"IDAT", _compress(pixels)))
    chunks.append((b"IEND", b""))
    return SIGNATURE + b"".join(_pack(name, content) for name, content in chunks)


def _pack(name: bytes, content: bytes) -> bytes:
    if len(content) > 2**31 - 1:
        raise InvalidInputError(
            "the result is larger than the 2 GiB that a PNG written here can hold. Choose .tif for the output."
        )
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


def _compress(pixels: Samples) -> bytes:
    height = pixels.shape[0]
    rows = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False).reshape(height, -1).view(np.uint8)
    deflate = zlib.compressobj(_LEVEL)
    parts = []
    step = max(1, _STRIP // rows.shape[1])
    for begin in range(0, height, step):
        strip = rows[begin : begin + step]
        above = np.zeros_like(strip)
        above[1:] = strip[:-1]
        if begin:
            above[0] = rows[begin - 1]
        parts.append(deflate.compress(_filter(strip, above, pixels.shape[2] * pixels.itemsize)))
    parts.append(deflate.flush())
    return b"".join(parts)


def _filter(rows: NDArray[np.uint8], above: NDArray[np.uint8], pixel_size: int) -> bytes:
    """Rows as differences from their neighbours, each by the filter with the smallest sum (section 9 and 12.7)."""
    here, up = rows.astype(np.int16), above.astype(np.int16)
    left, corner = np.zeros_like(here), np.zeros_like(here)
    left[:, pixel_size:], corner[:, pixel_size:] = here[:, :-pixel_size], up[:, :-pixel_size]
    estimate = left + up - corner
    to_left, to_up, to_corner = (np.abs(estimate - other) for other in (left, up, corner))
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
    candidates = [(here - guess).astype(np.uint8) for guess in (0, left, up, (left + up) >> 1, paeth)]
    sums = [np.abs(candidate.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for candidate in candidates]
    best = np.argmin(sums, axis=0)
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = best
    for number, candidate in enumerate(candidates):
        filtered[best == number, 1:] = candidate[best == number]
    return filtered.tobytes()
