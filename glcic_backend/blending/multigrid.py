"""A residual of Laplace's equation on any set of pixels in; an approximate correction out (multigrid).

The unknowns are the *free* pixels. Each is linked to its free 4-neighbours and to *pinned* 4-neighbours, whose value
is given (Dirichlet); where it has neither there is no link, so no flux (natural boundary). The operator is
A u = diagonal * u - neighbour_sum(u), with as many units on the diagonal as the pixel has links.

Coarser grids merge 2 x 2 cells and keep the same five-point form with weighted links, so one class serves all levels.
The cycle is symmetric (red-black Gauss-Seidel before, black-red after, restriction the transpose of the interpolation),
as conjugate gradients need it. See Trottenberg, Oosterlee, Schueller, "Multigrid" (2001), sections 2 and 7.8.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending import grid_loops
from glcic_backend.blending.grid_loops import Plane

Mask = NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_COARSEST_CELLS = 64
"""8 x 8: so small that inverting the matrix takes no time."""
LINK_SCALE = 0.5
"""Merged cells have twice the links between them, but their centres lie twice as far apart, so a link should stay 1
(in a strand one pixel wide: half, for the distance alone)."""
PINNED_SCALE = 0.75
"""As above, but the pinned value stays close by instead of moving away to the next coarse centre. Found by trial."""


@dataclass
class _Links:
    """Links of the cells of one level, float32 [h, w]. The outermost cells of the grid have none.

    Attributes:
        east, south: weight of the link to the right and lower neighbour.
        pinned: sum of the weights of the links to pinned values.
    """

    east: Plane
    south: Plane
    pinned: Plane

    def diagonal(self) -> Plane:
        """Sum of the weights of all links of each cell."""
        diagonal = self.pinned + self.east + self.south
        diagonal[:, 1:] += self.east[:, :-1]
        diagonal[1:] += self.south[:-1]
        return diagonal


class Grid:
    """One level. Planes are float32 or float64 [h, w], zero where the cell is not free; `shape` is even both ways.

    Args:
        free: cells with an unknown; none in the outermost rows and columns.
        exists: free, pinned, or beyond a pinned cell. Interpolation takes the value 0 from a cell that exists but
            is not free, and none from a cell that does not exist (natural boundary).
        links: of the free cells.
    """

    def __init__(self, free: Mask, exists: Mask, links: _Links) -> None:
        self.free, self.exists, self.links = free, exists, links
        self.shape = free.shape
        self.diagonal = links.diagonal()
        self._inverse = np.divide(1, self.diagonal, where=free, out=np.zeros_like(self.diagonal))
        self._spread = np.zeros((0, 0), np.float32)

    def apply(self, plane: Plane) -> Plane:
        """A u of the level's operator."""
        return self.apply_and_measure(plane)[0]

    def apply_and_measure(self, plane: Plane) -> tuple[Plane, float]:
        """A u of the level's operator, and its inner product with u."""
        image = np.zeros(plane.shape, plane.dtype)
        energy = grid_loops.apply(plane, self.diagonal, self.links.east, self.links.south, image)
        return image, energy

    def relax_from_zero(self, residual: Plane) -> Plane:
        """One red-black Gauss-Seidel sweep for A u = residual, from u = 0."""
        u = np.zeros(residual.shape, residual.dtype)
        grid_loops.relax_from_zero(residual, self._inverse, self.links.east, self.links.south, u)
        return u

    def relax_reversed(self, u: Plane, residual: Plane) -> None:
        """One black-red Gauss-Seidel sweep for A u = residual, in place: the adjoint of `relax_from_zero`."""
        grid_loops.relax_reversed(residual, self._inverse, self.links.east, self.links.south, u)

    def coarsened(self) -> "Grid":
        """The next level: 2 x 2 cells become one, with a border of empty cells."""
        east, south = self.links.east, self.links.south
        links = _Links(
            east=_bordered(LINK_SCALE * (east[::2, 1::2] + east[1::2, 1::2])),
            south=_bordered(LINK_SCALE * (south[1::2, ::2] + south[1::2, 1::2])),
            pinned=_bordered(PINNED_SCALE * _block_sum(self.links.pinned)),
        )
        free = _bordered(_block_sum(self.free.astype(np.float32)) > 0)
        exists = _bordered(_block_sum(self.exists.astype(np.float32)) > 0)
        # Where interpolation would draw on cells that do not exist, the others' weights are raised to sum to 1.
        cover = np.zeros(self.shape, np.float32)
        grid_loops.add_interpolated(exists.astype(np.float32), np.ones_like(cover), cover)
        self._spread = np.divide(1, cover, where=self.free, out=np.zeros_like(cover))
        return Grid(free, exists, links)

    def add_interpolated(self, coarse: Plane, u: Plane) -> None:
        """Add the next level's values to this one's free cells, in place, by bilinear interpolation."""
        grid_loops.add_interpolated(coarse, self._spread, u)

    def restrict(self, right: Plane, image: Plane, coarse: "Grid") -> Plane:
        """The transpose of `add_interpolated`, of right - image."""
        result = np.zeros(coarse.shape, right.dtype)
        grid_loops.restrict(right, image, self._spread, coarse.free, result)
        return result

    def inverse(self) -> NDArray[np.float32]:
        """A^-1 as a dense matrix, float32 [h * w, h * w]; zero for cells that are not free. For the coarsest level."""
        free = self.free.ravel()
        matrix = np.diag(np.where(free, self.diagonal.ravel(), 1).astype(np.float64))
        for step, links in ((1, self.links.east), (self.shape[1], self.links.south)):
            weight = links.ravel()
            cells = np.flatnonzero(weight)
            matrix[cells, cells + step] = matrix[cells + step, cells] = -weight[cells]
        return (np.linalg.inv(matrix) * np.outer(free, free)).astype(np.float32)


class Multigrid:
    """A hierarchy of grids, from the pixels to a few cells.

    Args:
        free: bool [H, W], pixels with an unknown; none in the outermost rows and columns; H and W are even.
        pinned: bool [H, W], pixels with a given value. Every 4-connected part of `free` touches one.
        exists: bool [H, W], false where the domain ends with a natural boundary.
        screen: float32 [H, W], weight of one more link of each free pixel, to a pinned value of its own; None for none.
        check: called for each grid; may raise.
    """

    def __init__(
        self,
        free: Mask,
        pinned: Mask,
        exists: Mask,
        screen: NDArray[np.float32] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        inside = free.astype(np.float32)
        east, south = np.zeros_like(inside), np.zeros_like(inside)
        np.multiply(inside[:, :-1], inside[:, 1:], out=east[:, :-1])
        np.multiply(inside[:-1], inside[1:], out=south[:-1])
        own = neighbour_count(pinned) if screen is None else neighbour_count(pinned) + screen
        self.grids = [Grid(free, exists, _Links(east, south, own * inside))]
        while self.grids[-1].free.size > _COARSEST_CELLS:
            check()
            self.grids.append(self.grids[-1].coarsened())
        self._coarsest_inverse = self.grids[-1].inverse()

    @property
    def finest(self) -> Grid:
        """The grid of the pixels."""
        return self.grids[0]

    def cycle(self, residual: Plane, level: int = 0) -> Plane:
        """One V-cycle: an approximate solution of A u = residual, linear, symmetric and positive in `residual`.

        Args:
            residual: float32 [h, w], zero where a cell is not free.
            level: where to begin; 0 is the finest.
        """
        grid = self.grids[level]
        if level == len(self.grids) - 1:
            solution: Plane = self._coarsest_inverse @ residual.ravel()
            return solution.reshape(grid.shape)
        u = grid.relax_from_zero(residual)
        coarse_residual = grid.restrict(residual, grid.apply(u), self.grids[level + 1])
        grid.add_interpolated(self.cycle(coarse_residual, level + 1), u)
        grid.relax_reversed(u, residual)
        return u


def neighbour_count(mask: Mask) -> Plane:
    """How many 4-neighbours of each pixel are in `mask`, float32 [H, W]."""
    inside = np.pad(mask, 1).astype(np.float32)
    return inside[:-2, 1:-1] + inside[2:, 1:-1] + inside[1:-1, :-2] + inside[1:-1, 2:]


def _block_sum(cells: Plane) -> Plane:
    return cells[::2, ::2] + cells[1::2, ::2] + cells[::2, 1::2] + cells[1::2, 1::2]


def _bordered(cells: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """With one empty cell before and one or two after, so that both sides are even."""
    height, width = cells.shape
    result = np.zeros((height + 2 + height % 2, width + 2 + width % 2), cells.dtype)
    result[1 : 1 + height, 1 : 1 + width] = cells
    return result
