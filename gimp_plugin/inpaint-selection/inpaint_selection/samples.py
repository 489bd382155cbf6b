"""Pixels and masks as bytes: rows from the top, without gaps. Without numpy, which GIMP's Python may lack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .areas import common, moved

if TYPE_CHECKING:
    from wire.geometry import Rectangle

_WHOLE = bytes([0] + [255] * 255)
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
