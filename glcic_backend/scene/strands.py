"""A long thin hole in; small pieces out, which are finished on sheets as specks are (`sheets.py`).

A scratch across a photograph is as thin as a speck, but has the whole photograph round it. Cut into pieces as long as
a speck it costs what as many specks cost.
"""

import numpy as np

from glcic_backend.scene.holes import SPECK_SIDE, Hole
from glcic_backend.scene.rectangles import bounding_box, slices
from glcic_backend.wire.geometry import Rectangle

AROUND = 32
"""Pixels of the photograph round a speck or a piece at most: room for a piece of its grain."""

ROUNDS = 4
"""In which pieces are finished, so that one meets what is finished beside it and never what is in work."""

_LEAST_AROUND = 160
"""Pixels that are looked at round a hole that is not cut."""


def strand_pieces(hole: Hole) -> list[list[Hole]]:
    """The parts of a hole in the cells of a grid, round by round; cells of a round do not touch each other.

    Returns:
        Empty where a hole is not cut: it is too thick, or a speck, or the surroundings of its pieces would be larger
        than its own.
    """
    if not hole.is_thin or hole.is_speck:
        return []
    width = hole.box.width
    rows, columns = np.divmod(np.flatnonzero(hole.mask), width)
    across = -(-width // SPECK_SIDE)
    cells = np.flatnonzero(np.bincount(rows // SPECK_SIDE * across + columns // SPECK_SIDE))
    rounds: list[list[Hole]] = [[] for _ in range(ROUNDS)]
    area = 0
    for row, column in zip(*divmod(cells, across), strict=True):
        cell = Rectangle(int(column) * SPECK_SIDE, int(row) * SPECK_SIDE, SPECK_SIDE, SPECK_SIDE)
        tight = bounding_box(hole.mask[slices(cell)])
        assert tight is not None
        place = tight._replace(x=cell.x + tight.x, y=cell.y + tight.y)
        box = place._replace(x=hole.box.x + place.x, y=hole.box.y + place.y)
        rounds[row % 2 * 2 + column % 2].append(Hole(box, hole.mask[slices(place)], hole.thickness))
        area += _area_with(box, AROUND)
    return [pieces for pieces in rounds if pieces] if area < _area_with(hole.box, _LEAST_AROUND) else []


def _area_with(box: Rectangle, margin: int) -> int:
    """Pixels of a rectangle with a margin, whether the photograph reaches so far or not: a crop's may reach less."""
    return (box.width + 2 * margin) * (box.height + 2 * margin)
