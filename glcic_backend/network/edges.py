"""The edges of a photograph that its holes reach; beyond them the network sees the photograph mirrored.

The zero padding of the paper's network stands for the mean pixel. Where a hole reaches an edge, that is all that the
network knows on that side of it, and it paints a grey veil: half of a white sky's corner.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.rectangles import Boxes
from glcic_backend.scene.small_copy import SmallCopy
from glcic_backend.wire.geometry import Rectangle

BEYOND = 152
"""Pixels beyond an edge, a multiple of 4 as the grid of the network is: as many as its completion can depend on."""

_NEAR = 4
"""Pixels from an edge within which a hole reaches it."""


class Edges(NamedTuple):
    """Pixels of the mirrored photograph beyond each edge: 0 or `BEYOND`."""

    left: int
    top: int
    right: int
    bottom: int


class ReachedEdges:
    """The edges that holes reach.

    Args:
        boxes: of the holes.
        width, height: of the photograph.
    """

    def __init__(self, boxes: Sequence[Rectangle], width: int, height: int) -> None:
        self._boxes = Boxes(boxes)
        reached = [self._boxes.begins <= _NEAR, self._boxes.ends >= np.array([width, height]) - _NEAR]
        self._reached: NDArray[np.bool_] = np.concatenate(reached, axis=1)

    def of(self, region: Rectangle) -> Edges:
        """Those that the holes in a region reach."""
        return Edges(*(BEYOND if reached.any() else 0 for reached in self._reached[self._boxes.meet(region)].T))


class MirroredCopy:
    """A copy of a photograph that goes on, mirrored, beyond some edges. Coordinates begin where it begins."""

    def __init__(self, copy: SmallCopy, edges: Edges) -> None:
        self._copy, self._edges = copy, edges
        self.width = edges.left + copy.width + edges.right
        self.height = edges.top + copy.height + edges.bottom

    def place(self, part: Rectangle) -> Rectangle:
        """Where a part of the copy lies in it."""
        return part._replace(x=part.x + self._edges.left, y=part.y + self._edges.top)

    def read(self, part: Rectangle) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """As `SmallCopy.read`."""
        columns = _mirrored(part.x - self._edges.left, part.width, self._copy.width)
        rows = _mirrored(part.y - self._edges.top, part.height, self._copy.height)
        x, y = int(columns.min()), int(rows.min())
        seen = Rectangle(x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y)
        colour, known = self._copy.read(seen)
        if not any(self._edges):
            return colour, known
        place = np.ix_(rows - y, columns - x)
        return colour[place], known[place]


def _mirrored(begin: int, count: int, size: int) -> NDArray[np.int64]:
    """The pixels of an axis, 0..size, that stand at begin..begin + count where it goes on mirrored at both ends."""
    places = np.arange(begin, begin + count) % (2 * size)
    return np.minimum(places, 2 * size - 1 - places)
