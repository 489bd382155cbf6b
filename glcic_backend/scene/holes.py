"""A mask in; its holes with their thickness out.

The network is trained for holes up to some size and sees 307 pixels. A thicker hole is completed in a smaller copy of
the photograph, *level* l being 2^l times smaller, at the finest level at which the hole is no thicker than the
largest that the network was trained for.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.rectangles import bounding_box
from glcic_backend.wire.geometry import Rectangle

_MOST_PIECE_PIXELS = 1 << 18
_LEAST_FILLED = 0.3
"""Boxes that are longer than this or emptier than that are cut."""
_LONGEST = 3

_GAPS = (8, 32, 128)
_MOST_HOLES = 64


@dataclass(frozen=True)
class Hole:
    """Masked pixels that are filled together.

    Attributes:
        box: the rectangle round them.
        mask: bool [box.height, box.width], the pixels.
        thickness: twice the distance of the innermost pixel to the nearest pixel that is not masked, in pixels: the
            width of a strip, the diameter of a disc. The border of the image is not such a pixel, so a hole there is
            as thick as one twice as wide.
    """

    box: Rectangle
    mask: NDArray[np.bool_]
    thickness: float


def find_holes(masked: NDArray[np.bool_]) -> list[Hole]:
    """The holes of a mask, bool [H, W]. Masked pixels at most a few pixels apart belong to the same hole.

    Many specks are gathered into fewer holes.
    """
    outer = bounding_box(masked)
    if outer is None:
        return []
    inner = masked[outer.y : outer.bottom, outer.x : outer.right].view(np.uint8)
    # One pixel more, where there is one, is the nearest unmasked one beyond the box.
    top, left = min(outer.y, 1), min(outer.x, 1)
    rim = masked[outer.y - top : outer.bottom + 1, outer.x - left : outer.right + 1].view(np.uint8)
    depth = cv2.distanceTransform(rim, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[top:, left:]
    for gap in _GAPS:
        wide = cv2.dilate(inner, np.ones((gap + 1, gap + 1), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(wide, connectivity=8)
        if count - 1 <= _MOST_HOLES:
            break
    holes = []
    for label in range(1, count):
        x, y, width, height = map(int, stats[label, :4])
        mine = (labels[y : y + height, x : x + width] == label) & (inner[y : y + height, x : x + width] > 0)
        box = bounding_box(mine)
        assert box is not None
        within = slice(box.y, box.bottom), slice(box.x, box.right)
        place = box._replace(x=outer.x + x + box.x, y=outer.y + y + box.y)
        deepest = depth[y + within[0].start : y + within[0].stop, x + within[1].start : x + within[1].stop]
        holes.append(Hole(place, mine[within], 2 * float(deepest[mine[within]].max()) - 1))
    return holes


def largest_thickness(width: int, height: int, box: Rectangle) -> float:
    """The thickness that no hole within a rectangle of an image of width x height pixels exceeds."""
    across = _reach(box.x, box.right, width)
    down = _reach(box.y, box.bottom, height)
    return 2 * min(across, down, width + height)


def _reach(begin: int, end: int, size: int) -> float:
    """How far the innermost pixel of an interval can be from its open ends."""
    open_ends = (begin > 0) + (end < size)
    return (end - begin + 1) / 2 if open_ends == 2 else float(end - begin) if open_ends == 1 else math.inf


def pieces(hole: Hole) -> list[Hole]:
    """Cut a hole that is much longer than it is thick, so that no piece has far-away surroundings.

    A thin line across a photograph has the whole photograph round it.
    """
    box = hole.box
    longer, shorter = max(box.width, box.height), min(box.width, box.height)
    filled = np.count_nonzero(hole.mask) / hole.mask.size
    if hole.mask.size <= _MOST_PIECE_PIXELS or (longer <= _LONGEST * shorter and filled >= _LEAST_FILLED):
        return [hole]
    half = longer // 2
    if box.width >= box.height:
        parts = [(0, 0, hole.mask[:, :half]), (half, 0, hole.mask[:, half:])]
    else:
        parts = [(0, 0, hole.mask[:half]), (0, half, hole.mask[half:])]
    result = []
    for x, y, mask in parts:
        tight = bounding_box(mask)
        if tight is not None:
            place = tight._replace(x=box.x + x + tight.x, y=box.y + y + tight.y)
            inner = mask[tight.y : tight.bottom, tight.x : tight.right]
            result += pieces(Hole(place, inner, hole.thickness))
    return result
