"""A mask in; its holes with their thickness out.

The network is trained for holes up to some size and sees 307 pixels. A thicker hole is completed in a smaller copy of
the photograph, *level* l being 2^l times smaller, at the finest level at which the hole is no thicker than the
largest that the network was trained for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.rectangles import bounding_box, slices
from glcic_backend.wire.geometry import Rectangle

_MOST_PIECE_PIXELS = 1 << 18
_LEAST_FILLED = 0.3
"""Boxes that are longer than this or emptier than that are cut."""
_LONGEST = 3

_GAPS = (8, 32, 128)
_MOST_HOLES = 64
_MOST_SPECKS = 8192
SPECK_SIDE = 48
"""Pixels that a speck is wide and high at most."""
_THIN = 18.0
_NEAR = 64
"""Distance that is seen from a band of the mask."""
_AT_ONCE = 1 << 22
"""Pixels of a band."""


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

    def moved(self, across: int, down: int) -> "Hole":
        """The same hole in a picture that begins so many pixels farther left and up."""
        return replace(self, box=self.box._replace(x=self.box.x + across, y=self.box.y + down))

    @property
    def is_speck(self) -> bool:
        """Whether it is so small that it is completed on a sheet, together with others (`sheets.py`)."""
        return self.is_thin and max(self.box.width, self.box.height) <= SPECK_SIDE

    @property
    def is_thin(self) -> bool:
        """Whether it is as thin as a speck, however long."""
        return self.thickness <= _THIN


def find_holes(masked: NDArray[np.bool_], check: Callable[[], None] = lambda: None) -> list[Hole]:
    """The holes of a mask, bool [H, W]. Masked pixels at most a few pixels apart belong to the same hole.

    Where there are many that are no specks, or thousands of specks, they are gathered into fewer holes.

    Args:
        check: called often; may raise.
    """
    outer = bounding_box(masked)
    if outer is None:
        return []
    inner = masked[outer.y : outer.bottom, outer.x : outer.right]
    # One pixel more, where there is one, is the nearest unmasked one beyond the box.
    top, left = min(outer.y, 1), min(outer.x, 1)
    rim = masked[outer.y - top : outer.bottom + 1, outer.x - left : outer.right + 1].view(np.uint8)
    check()
    depth = _depth(rim, check)[top:, left:]
    check()
    holes = _labelled(inner, depth, _GAPS[0], _MOST_SPECKS, check)
    if holes is not None and sum(not hole.is_speck for hole in holes) <= _MOST_HOLES:
        return [hole.moved(outer.x, outer.y) for hole in holes]
    specks = [hole for hole in holes or () if hole.is_speck]
    rest = inner.copy()
    for hole in specks:
        rest[slices(hole.box)] &= ~hole.mask
    for gap in _GAPS:
        holes = _labelled(rest, depth, gap, _MOST_HOLES if gap < _GAPS[-1] else math.inf, check)
        if holes is not None:
            break
    assert holes is not None
    return [hole.moved(outer.x, outer.y) for hole in [*specks, *holes]]


def _depth(masked: NDArray[np.uint8], check: Callable[[], None]) -> NDArray[np.float32]:
    """The distance of each pixel to the nearest that is 0, float32 [H, W], band by band where none is far."""
    height, width = masked.shape
    rows = max(2 * _NEAR, _AT_ONCE // width)
    depth = np.empty((height, width), np.float32)
    for top in range(0, height, rows):
        above = min(top, _NEAR)
        seen = masked[top - above : top + rows + _NEAR]
        here = depth[top : top + rows]
        here[:] = cv2.distanceTransform(seen, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[above : above + len(here)]
        if here.max() > _NEAR:
            return np.asarray(cv2.distanceTransform(masked, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
        check()
    return depth


def _labelled(
    masked: NDArray[np.bool_], depth: NDArray[np.float32], gap: int, most: float, check: Callable[[], None]
) -> list[Hole] | None:
    """The holes of a mask whose parts are at most `gap` pixels apart; None if there are more than `most`."""
    wide = cv2.dilate(masked.view(np.uint8), np.ones((gap + 1, gap + 1), np.uint8))
    check()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wide, connectivity=8)
    check()
    if count - 1 > most:
        return None
    holes = []
    for label in range(1, count):
        x, y, width, height = map(int, stats[label, :4])
        mine = (labels[y : y + height, x : x + width] == label) & masked[y : y + height, x : x + width]
        box = bounding_box(mine)
        assert box is not None
        place = box._replace(x=x + box.x, y=y + box.y)
        mask = mine[slices(box)]
        holes.append(Hole(place, mask, 2 * float(depth[slices(place)][mask].max()) - 1))
        check()
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
