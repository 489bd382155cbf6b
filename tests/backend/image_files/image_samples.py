"""Pictures, EXIF blocks and profiles for the tests of image files."""

import struct
import zlib

import numpy as np
from PIL import ImageCms

from glcic_backend.image_files.tiff_directory import (
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    Value,
    header,
    write_directory,
)

TYPES = {"uint8": np.uint8, "uint16": np.uint16, "float32": np.float32}


def noise(width, height, channels, kind="uint8", seed=0):
    """Samples over the whole range; alpha has fully transparent pixels too."""
    rng = np.random.default_rng(seed)
    if kind == "float32":
        return rng.random((height, width, channels), np.float32)
    full = np.iinfo(kind).max
    pixels = rng.integers(0, full, (height, width, channels), kind, endpoint=True)
    if channels in (2, 4):
        pixels[rng.random((height, width)) < 0.2, -1] = 0
    return pixels


def exif_block(order="<", orientation=1, thumbnail=None):
    """An EXIF block as a camera writes it: maker, orientation, 300 dpi, sizes, maker note, thumbnail."""

    def pack(form, *values):
        return struct.pack(order + form, *values)

    main: Directory = {
        0x010F: Value(2, b"Camera maker\0"),
        0x0112: Value(SHORT, pack("H", orientation)),
        0x011A: Value(RATIONAL, pack("II", 300, 1)),
        0x011B: Value(RATIONAL, pack("II", 300, 1)),
        0x0128: Value(SHORT, pack("H", 2)),
        0x8769: {
            0x9000: Value(UNDEFINED, b"0232"),
            0x927C: Value(UNDEFINED, b"a maker's private notes"),
            0xA002: Value(SHORT, pack("H", 40)),
            0xA003: Value(SHORT, pack("H", 30)),
        },
        0x8825: {0x0001: Value(2, b"N\0"), 0x0002: Value(RATIONAL, pack("IIIIII", 48, 1, 8, 1, 0, 1))},
    }
    body = bytearray(write_directory(main, 8, order))
    if thumbnail is not None:
        body += b"\0" * (len(body) % 2)
        at = 8 + len(body)
        link = 2 + 12 * len(main)
        body[link : link + 4] = pack("I", at)
        second: Directory = {0x0201: Value(LONG, pack("I", 0)), 0x0202: Value(LONG, pack("I", len(thumbnail)))}
        start = at + len(write_directory(second, at, order))
        second[0x0201] = Value(LONG, pack("I", start))
        body += write_directory(second, at, order) + thumbnail
    return header(order) + pack("I", 8) + bytes(body)


def srgb_profile():
    """A real ICC profile, the same bytes at any time: a new one holds the second it was made in."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def profile_with_curve(curve, space=b"RGB "):
    """The skeleton of an ICC profile: header, tag table with one tone curve."""
    head = bytearray(128)
    head[16:20] = space
    return bytes(head) + struct.pack(">I4sII", 1, b"rTRC", 144, len(curve)) + curve


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_bytes(width, height, depth, kind, rows, *chunks):
    """A PNG put together by hand: rows of packed samples without filters."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    extra = b"".join(png_chunk(*chunk) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + png_chunk(b"IEND", b"")
