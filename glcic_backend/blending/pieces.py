"""Multigrid preconditioner for domains whose strands lie close together without touching.

A coarse grid merges such strands (the turns of a spiral, hatching on a transparent layer) and then knows nothing of
what differs between them. Here a coarse unknown is a connected piece of the domain within a square block, so that
separate strands stay separate, however close. That is a graph and no longer a grid: slower per cycle, but sure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.grid_loops import Plane
from glcic_backend.blending.multigrid import LINK_SCALE, PINNED_SCALE, Grid

Nodes = NDArray[np.floating[Any]]
"""One value per piece, float [n + 1]; number 0 stands for cells that are not free, and stays 0."""
Numbers = NDArray[np.int64]

_SWEEPS = 2
_DAMPING = 0.7
_VISITS = 2
"""W-cycle: a piece's value is no interpolation, and once per level is too little for long strands."""
_FEW = 64
"""Pieces whose equations are solved at once: a long strand has many levels, and each is visited twice as often."""


@dataclass
class _Graph:
    """Pieces of one block size and the links between them.

    Attributes:
        one, other: int64 [m], the pieces that each link joins, `one` < `other`.
        weight: float64 [m], weights of the links.
        pinned: float64 [n + 1], sum of the weights of each piece's links to pinned values.
        parent: int64 [n + 1], the piece of the next block size that each one is part of.
    """

    one: Numbers
    other: Numbers
    weight: Nodes
    pinned: Nodes
    parent: Numbers

    def __post_init__(self) -> None:
        diagonal = self.pinned + self._at_nodes(self.weight, self.weight)
        self._inverse = np.divide(1, diagonal, where=diagonal > 0, out=np.zeros_like(diagonal))
        self._diagonal = diagonal

    def _at_nodes(self, for_one: Nodes, for_other: Nodes) -> Nodes:
        size = len(self.pinned)
        return _sum_by(self.one, for_one, size) + _sum_by(self.other, for_other, size)

    def residual(self, u: Nodes, right_side: Nodes) -> Nodes:
        """right_side - A u."""
        neighbours = self._at_nodes(self.weight * u[self.other], self.weight * u[self.one])
        return right_side - self._diagonal * u + neighbours

    def relax(self, u: Nodes, right_side: Nodes) -> None:
        """Damped Jacobi sweeps, in place."""
        for _ in range(_SWEEPS):
            u += _DAMPING * self._inverse * self.residual(u, right_side)

    def solver(self) -> Callable[[Nodes], Nodes]:
        """What solves A u = right_side for u. For graphs without links, or with few pieces."""
        if not len(self.one):
            return lambda right_side: self._inverse * right_side
        matrix = np.diag(np.where(self._diagonal > 0, self._diagonal, 1))
        matrix[self.one, self.other] = matrix[self.other, self.one] = -self.weight
        inverse = np.linalg.inv(matrix)
        return lambda right_side: inverse @ right_side

    def merged(self, parent_of_parents: Numbers) -> "_Graph":
        """The graph of the next block size."""
        size = int(self.parent.max()) + 1
        ends = np.sort(np.stack([self.parent[self.one], self.parent[self.other]]), axis=0)
        apart = ends[0] != ends[1]
        pairs, which = np.unique(ends[0, apart] * size + ends[1, apart], return_inverse=True)
        weight = LINK_SCALE * _sum_by(which, self.weight[apart], len(pairs))
        pinned = PINNED_SCALE * _sum_by(self.parent, self.pinned, size)
        return _Graph(pairs // size, pairs % size, weight, pinned, parent_of_parents)


class PieceMultigrid:
    """A hierarchy of pieces, from the pixels to the connected parts of the domain.

    Args:
        grid: the pixels, as the finest grid of a `Multigrid`.
        check: called often; may raise.
    """

    def __init__(self, grid: Grid, check: Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._grid = grid
        numbers = np.zeros(grid.shape, np.int64)
        numbers[grid.free] = np.arange(1, np.count_nonzero(grid.free) + 1)
        flat = numbers.ravel()
        across, down = np.flatnonzero(grid.links.east), np.flatnonzero(grid.links.south)
        one = np.concatenate([flat[across], flat[down]])
        other = np.concatenate([flat[across + 1], flat[down + grid.shape[1]]])
        pinned = np.append(0.0, grid.links.pinned[grid.free])
        block = 2
        check()
        pieces = _pieces(grid, block)
        graph = _Graph(one, other, np.ones(len(one)), pinned, _parents(numbers, pieces))
        self._pixels = pieces
        self._graphs: list[_Graph] = []
        while len(graph.one) and not (self._graphs and len(graph.pinned) <= _FEW):
            check()
            block *= 2
            larger = _pieces(grid, block)
            graph = graph.merged(_parents(pieces, larger))
            self._graphs.append(graph)
            pieces = larger
        self._solve = graph.solver()

    def cycle(self, residual: Plane) -> Plane:
        """One W-cycle: an approximate solution of A u = residual, linear, symmetric and positive in `residual`.

        Args:
            residual: float [h, w], zero where a cell is not free.
        """
        if not self._graphs:
            return self._grid.relax_from_zero(residual)
        u = self._grid.relax_from_zero(residual)
        left = residual - self._grid.apply(u)
        sums = _sum_by(self._pixels.ravel(), left.ravel(), len(self._graphs[0].pinned))
        u += self._correction(sums, 0)[self._pixels]
        self._grid.relax_reversed(u, residual)
        return u

    def _correction(self, right_side: Nodes, level: int) -> Nodes:
        self._check()
        graph = self._graphs[level]
        if level == len(self._graphs) - 1:
            return self._solve(right_side)
        u = np.zeros_like(right_side)
        for _ in range(_VISITS):
            graph.relax(u, right_side)
            left = _sum_by(graph.parent, graph.residual(u, right_side), len(self._graphs[level + 1].pinned))
            u += self._correction(left, level + 1)[graph.parent]
            graph.relax(u, right_side)
        return u


def _sum_by(numbers: Numbers, values: Nodes, size: int) -> Nodes:
    """Sums of the values that share a number, float64 [size]."""
    return np.bincount(numbers, values, size).astype(np.float64, copy=False)


def _pieces(grid: Grid, block: int) -> Numbers:
    """Number the connected pieces of the free cells within blocks of `block` x `block` cells.

    Returns:
        int64 [h, w], 1..n in the pieces and 0 elsewhere.
    """
    height, width = grid.shape
    # Twice the size, with a pixel for every link, so that links between blocks can be left out.
    net = np.zeros((2 * height, 2 * width), dtype=np.uint8)
    net[::2, ::2] = grid.free
    net[::2, 1::2] = grid.links.east > 0
    net[1::2, ::2] = grid.links.south > 0
    net[:, 2 * block - 1 :: 2 * block] = 0
    net[2 * block - 1 :: 2 * block] = 0
    labels = cv2.connectedComponents(net, connectivity=4)[1][::2, ::2]
    # Cut links that no free cell holds have numbers of their own: close the gaps.
    return np.unique(labels, return_inverse=True)[1].reshape(grid.shape).astype(np.int64)


def _parents(pieces: Numbers, larger: Numbers) -> Numbers:
    """For each number in `pieces`, the number that the same cells have in `larger`."""
    parents = np.zeros(int(pieces.max()) + 1, np.int64)
    parents[pieces.ravel()] = larger.ravel()
    return parents
