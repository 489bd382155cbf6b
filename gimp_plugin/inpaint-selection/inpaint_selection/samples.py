"""Pixels and masks as bytes: rows from the top, without gaps. Without numpy, which GIMP's Python may lack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .areas import common, moved

if TYPE_CHECKING:
    from wire.geometry import Rectangle

_WHOLE = bytes([0] + [255] * 255)
_INVERTED = bytes(range(255, -1, -1))
_OPAQUE = {"u8": b"\xff", "u16": b"\xff\xff", "f32": b"\0\0\x80\x3f"}
_COVERED = re.compile(rb"[^\0]+")


def hole_of(coverage: bytes) -> bytes:
    """The mask of the hole (255; 0 elsewhere): every pixel of any coverage, since all of them hold some of the old."""
    return coverage.translate(_WHOLE)


def padded(mask: bytes, area: Rectangle, larger: Rectangle) -> bytes:
    """A mask of `area` as one of `larger`, which contains it; 0 outside."""
    inside = moved(area, -larger.x, -larger.y)
    left, right = bytes(inside.x), bytes(larger.width - inside.right)
    rows = [left + mask[y * area.width : (y + 1) * area.width] + right for y in range(area.height)]
    return bytes(inside.y * larger.width) + b"".join(rows) + bytes((larger.height - inside.bottom) * larger.width)


def cut_out(pixels: bytes, area: Rectangle, part: Rectangle) -> bytes:
    """The pixels of `part`, which lies in `area`, from those of `area`; of any size per pixel."""
    if part == area:
        return pixels
    assert common(area, part) == part
    size = len(pixels) // (area.width * area.height)
    first = ((part.y - area.y) * area.width + part.x - area.x) * size
    return b"".join(
        pixels[begin : begin + part.width * size]
        for begin in range(first, first + part.height * area.width * size, area.width * size)
    )


def put_in(pixels: bytes, area: Rectangle, new: bytes, part: Rectangle) -> bytes:
    """The pixels of `area` with the new ones of `part`, which lies in it; the inverse of `cut_out`."""
    if part == area:
        return new
    assert common(area, part) == part
    size = len(pixels) // (area.width * area.height)
    row = part.width * size
    assert len(new) == part.height * row
    result = bytearray(pixels)
    for y in range(part.height):
        begin = ((part.y - area.y + y) * area.width + part.x - area.x) * size
        result[begin : begin + row] = new[y * row : (y + 1) * row]
    return bytes(result)


def spliced(old: bytes, new: bytes, mask: bytes) -> bytes:
    """The pixels of `new` where the mask is above 0, those of `old` elsewhere; of any size per pixel."""
    size = len(old) // len(mask)
    assert len(old) == len(new) == len(mask) * size
    result = bytearray(old)
    for run in _COVERED.finditer(mask):
        begin, end = run.start() * size, run.end() * size
        result[begin:end] = new[begin:end]
    return bytes(result)


def has_context(pixels: bytes, hole: bytes, has_alpha: bool, channels: int) -> bool:
    """Whether any pixel outside the hole is not fully transparent.

    Args:
        pixels: samples of 1, 2 or 4 bytes; alpha, if any, comes last.
        hole: 0 or 255.
    """
    outside = int.from_bytes(hole, "big") ^ int.from_bytes(b"\xff" * len(hole), "big")
    if not has_alpha:
        return outside != 0
    pixel = len(pixels) // len(hole)
    sample = pixel // channels
    # As one large number each, which Python combines at once instead of pixel by pixel.
    return any(outside & int.from_bytes(pixels[byte::pixel], "big") for byte in range(pixel - sample, pixel))


def inverted(mask: bytes) -> bytes:
    """255 minus each value."""
    return mask.translate(_INVERTED)


def any_common(first: bytes, second: bytes) -> bool:
    """Whether any bit is set in both."""
    return int.from_bytes(first, "big") & int.from_bytes(second, "big") != 0


def shows_through(old: bytes, new: bytes, hole: bytes, dtype: str) -> bool:
    """Whether a pixel of the hole (0 or 255) is not opaque in `new` but holds something in `old`; alpha comes last."""
    opaque = _OPAQUE[dtype]
    pixel, sample = len(new) // len(hole), len(opaque)
    held = clear = 0
    for byte, whole in enumerate(opaque, pixel - sample):
        held |= int.from_bytes(hole_of(old[byte::pixel]), "big")
        differs = bytes(value != whole and 255 for value in range(256))
        clear |= int.from_bytes(new[byte::pixel].translate(differs), "big")
    return held & clear & int.from_bytes(hole, "big") != 0
