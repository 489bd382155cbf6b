"""The photograph round a hole at several scales, each half as large as the one before: scenes in, levels out."""

import itertools
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.scene import Scene

RADIUS = 3
"""Patches are squares of 2 * RADIUS + 1 = 7 pixels."""

PATCH = 2 * RADIUS + 1

_ROUND = 4 / 3
"""Times as wide as high up to which a hole is not wide."""

Positions = NDArray[np.int32]


def source_mask(scene: Scene) -> NDArray[np.bool_]:
    """Centres of the patches that lie wholly in what may be copied from, bool [h, w]."""
    return _centres(scene.known if scene.sources is None else scene.sources)


def _centres(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Centres of the patches that lie in a mask wholly."""
    return cv2.erode(mask.view(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=0) > 0


class Level:
    """A scene, prepared for patches.

    A pixel is named by its *position*: its number in the picture with a border of `RADIUS` pixels, row by row. The
    border mirrors the picture.

    Attributes:
        stride: positions from a pixel to the one below it.
        count: number of positions n.
        pixels: float32 [n, 3], RGB.
        targets: int32 [t], centres of the patches that touch the hole, ascending.
        filled: int32 [f], the pixels that are synthesised: those of the hole, and unusable ones so near to it that
            patches on the hole contain them.
        is_known: bool [n], centres of the patches that lie in the known part wholly.
        is_source: bool [n], those that lie wholly in what may be copied from.
        depth: float32 [t], distance of each target to the known part, pixels.
        offsets: int32 [49], positions of a patch's pixels relative to its centre, row by row.
    """

    def __init__(self, scene: Scene) -> None:
        self.shape = scene.hole.shape
        self.stride = self.shape[1] + 2 * RADIUS
        border = (RADIUS,) * 4
        bordered = cv2.copyMakeBorder(scene.picture, *border, cv2.BORDER_REFLECT_101)
        self.pixels = np.asarray(bordered, np.float32).reshape(-1, 3)
        self.count = len(self.pixels)
        self.is_known = np.pad(_centres(scene.known), RADIUS).ravel()
        self.is_source = self.is_known
        if scene.sources is not None:
            self.is_source = np.pad(source_mask(scene), RADIUS).ravel()
        # All that follows lies near the hole, which may be small in its picture.
        x, y, width, height = cv2.boundingRect(scene.hole.view(np.uint8))
        top, left = max(0, y - 2 * PATCH), max(0, x - 2 * PATCH)
        box = slice(top, y + height + 2 * PATCH), slice(left, x + width + 2 * PATCH)
        hole, unknown = scene.hole[box].astype(np.uint8), (~scene.known[box]).astype(np.uint8)
        near = cv2.dilate(hole, np.ones((2 * PATCH - 1, 2 * PATCH - 1), np.uint8)) > 0
        self.filled = self._positions(near & (unknown > 0), top, left)
        touching = cv2.dilate(hole, np.ones((PATCH, PATCH), np.uint8)) > 0
        self.targets = self._positions(touching, top, left)
        deep = cv2.distanceTransform(unknown, cv2.DIST_L2, cv2.DIST_MASK_5)
        self.depth = np.asarray(deep, np.float32)[touching]
        span = range(-RADIUS, RADIUS + 1)
        self.offsets = np.array([y * self.stride + x for y in span for x in span], np.int32)

    @property
    def thickness(self) -> float:
        """Of the hole, pixels."""
        return 2 * float(self.depth.max())

    @cached_property
    def sideways(self) -> float:
        """What a pixel to the side counts in a distance where one up or down counts 1, 0..1: less in a wide hole.

        What lies side by side in a photograph is alike, what lies one above the other is not: sky, things, ground. The
        middle of a wide hole has its likes on both sides, half of its width away. If each pixel counted alike, what
        stands above would be nearer: windows in the frieze below them.
        """
        rows, columns = self.rows_and_columns(self.targets)
        height, width = float(rows.std()), float(columns.std())
        return min(1.0, _ROUND * height / width) if width > 0 else 1.0

    @cached_property
    def sources(self) -> Positions:
        """int32 [s], positions where `is_source`."""
        return np.flatnonzero(self.is_source).astype(np.int32)

    @cached_property
    def number(self) -> NDArray[np.int32]:
        """int32 [n], the place of each position in `targets`, and their number t elsewhere."""
        number = np.full(self.count, len(self.targets), np.int32)
        number[self.targets] = np.arange(len(self.targets), dtype=np.int32)
        return number

    def fill(self, pixels: NDArray[np.float32], colours: NDArray[np.float32]) -> None:
        """Write the filled pixels' colours, float32 [f, 3], into a picture, float32 [n, 3]; the border mirrors them.

        Otherwise patches at the edge of the picture would hold what stood there first, to the end.
        """
        pixels[self.filled] = colours
        border, inside = self._mirrored
        pixels[border] = pixels[inside]

    @cached_property
    def _mirrored(self) -> tuple[Positions, Positions]:
        """int32 [m] each, positions on the border that mirror a filled pixel, and that pixel."""
        rows, columns = self.rows_and_columns(self.filled)
        border, inside = [], []
        for across, down in itertools.product(_images(columns, self.shape[1]), _images(rows, self.shape[0])):
            (mirrored_columns, has_columns), (mirrored_rows, has_rows) = across, down
            is_there = has_columns & has_rows
            border.append(self.at(mirrored_rows[is_there], mirrored_columns[is_there]))
            inside.append(self.filled[is_there])
        # The first is the pixels themselves.
        return np.concatenate(border[1:]), np.concatenate(inside[1:])

    def end_search(self) -> None:
        """Give back the memory of what only the search needs."""
        self.__dict__.pop("number", None)
        self.__dict__.pop("sources", None)

    def rows_and_columns(self, positions: Positions) -> tuple[Positions, Positions]:
        """Coordinates in the picture without its border."""
        return positions // self.stride - RADIUS, positions % self.stride - RADIUS

    def at(self, rows: Positions, columns: Positions) -> Positions:
        """Positions of coordinates."""
        return np.asarray((rows + RADIUS) * self.stride + columns + RADIUS, np.int32)

    def _positions(self, mask: NDArray[np.bool_], top: int, left: int) -> Positions:
        """Positions of the true pixels of a mask that begins at some row and column."""
        rows, columns = np.nonzero(mask)
        return self.at((rows + top).astype(np.int32), (columns + left).astype(np.int32))


def doubled(found: Positions, coarse: Level, fine: Level, random: np.random.Generator) -> tuple[Positions, Positions]:
    """The field of a coarse level for the next finer one.

    Args:
        found: int32 [t], sources of the coarse level's targets.
        random: chooses a source where the doubled one is none.

    Returns:
        int32 [t'] each: sources of the fine level's targets, and the coarse targets (0..t-1) that they come from.
    """
    rows, columns = fine.rows_and_columns(fine.targets)
    parents = coarse.number[coarse.at(rows // 2, columns // 2)]
    source_rows, source_columns = coarse.rows_and_columns(found[parents])
    result = fine.at(2 * source_rows + rows % 2, 2 * source_columns + columns % 2).clip(0, fine.count - 1)
    good = fine.is_source[result]
    if not good.all():
        # Those of other targets will do, without a list of all sources, which is long in a large picture.
        others = result[good] if good.any() else fine.sources
        result[~good] = random.choice(others, np.count_nonzero(~good))
    return result, parents


def _images(places: Positions, size: int) -> list[tuple[Positions, NDArray[np.bool_]]]:
    """Coordinates along one axis: themselves, and mirrored at both ends of the picture; which of them are there."""
    before, behind = -places, 2 * (size - 1) - places
    is_before = (before < 0) & (before >= -RADIUS)
    is_behind = (behind >= size) & (behind < size + RADIUS)
    return [(places, np.ones(len(places), np.bool_)), (before, is_before), (behind, is_behind)]
