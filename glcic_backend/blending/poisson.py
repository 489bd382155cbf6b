"""Errors at a hole's rim in; the membrane out that Poisson blending (Perez et al. 2003) adds to the pasted colours.

Poisson blending looks for the picture with the pasted one's gradients and the target's values on the rim. Its
difference u to the pasted picture has no Laplacian, so it suffices to solve for u, which is as smooth as can be.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending.multigrid import Mask, Multigrid, Plane
from glcic_backend.blending.pieces import PieceMultigrid
from glcic_backend.errors import CancelledError

TOLERANCE = 2e-4
"""Bound for the estimated error, relative to the range of the given values: 0.05 of 255 grey levels."""

_ROUNDING = 1e-6
_STALLED_AFTER = 12
_MAX_CYCLES = 300


def membrane(
    hole: Mask,
    pinned: Mask,
    exists: Mask,
    values: NDArray[np.float32],
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Solve Laplace's equation in a hole of any shape.

    In each hole pixel that is not pinned, u is the mean of its 4-neighbours in the hole. Neighbours outside the hole
    or outside the array do not enter: there, no flux passes (natural boundary).

    Args:
        hole: bool [H, W], where u is wanted.
        pinned: bool [H, W], part of the hole, where u is given (Dirichlet). Every 4-connected part of the hole has
            at least one pinned pixel.
        exists: bool [H, W], false where the hole ends with a natural boundary. Guides the solver only.
        values: float32 [H, W, C], u where pinned; not read elsewhere.
        cancelled: polled between cycles.

    Returns:
        u, float32 [H, W, C], zero outside the hole. Never beyond the range of the given values of its channel.

    Raises:
        CancelledError: `cancelled` returned true.
    """
    result = np.where(pinned[..., None], values, np.float32(0))
    free = hole & ~pinned
    if not free.any():
        return result
    height, width = hole.shape
    padding = ((1, 1 + height % 2), (1, 1 + width % 2))
    multigrid = Multigrid(np.pad(free, padding), np.pad(pinned, padding), np.pad(exists, padding))
    solver = _Solver(multigrid, cancelled)
    for channel in range(values.shape[2]):
        given = values[..., channel][pinned]
        low, high = given.min(), given.max()
        centre = (low + high) / 2
        rim = np.pad(np.where(pinned, values[..., channel] - centre, 0), padding)
        tolerance = TOLERANCE * (high - low) + _ROUNDING * max(abs(low), abs(high))
        u = solver.solve(rim, float(tolerance))[1 : 1 + height, 1 : 1 + width] + centre
        result[..., channel][free] = np.clip(u[free], low, high)
    return result


def correction(
    free: Mask,
    pinned: Mask,
    excess: NDArray[np.float32],
    screen: float,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Solve the screened Poisson equation: the smallest change by which colours come to have wanted differences.

    The change c minimises the sum of (difference between neighbours - wanted difference)^2 over all pairs of
    neighbouring pixels with at least one of them free, plus `screen` c^2 over the free ones; c is 0 where pinned.

    Args:
        free: bool [H, W], where c is wanted.
        pinned: bool [H, W], known pixels, which do not change. No flux passes to pixels that are neither.
        excess: float32 [H, W, C], for each free pixel the sum over its free and pinned 4-neighbours of (neighbour's
            colour - its own colour - wanted difference).
        screen: above 0; changes reach about 1 / sqrt(screen) pixels.
        cancelled: polled between cycles.

    Returns:
        c, float32 [H, W, C], zero where not free.

    Raises:
        CancelledError: `cancelled` returned true.
    """
    height, width = free.shape
    padding = ((1, 1 + height % 2), (1, 1 + width % 2))
    multigrid = Multigrid(np.pad(free, padding), np.pad(pinned, padding), np.pad(free | pinned, padding), screen)
    solver = _Solver(multigrid, cancelled)
    result = np.zeros_like(excess)
    for channel in range(excess.shape[2]):
        right_side = np.where(free, excess[..., channel], np.float32(0))
        result[..., channel] = solver.solve_for(np.pad(right_side, padding), TOLERANCE)[1 : 1 + height, 1 : 1 + width]
    return result


class _Solver:
    """Conjugate gradients, preconditioned by a multigrid cycle, on one domain."""

    def __init__(self, multigrid: Multigrid, cancelled: Callable[[], bool] | None) -> None:
        self._multigrid = multigrid
        self._pieces: PieceMultigrid | None = None
        self._cancelled = cancelled

    def solve(self, rim: Plane, tolerance: float) -> Plane:
        """Free pixels' values, float [h, w], for given values `rim` (zero where not pinned)."""
        grid = self._multigrid.finest
        return self.solve_for(grid.neighbour_sum(rim) * grid.free, tolerance)

    def solve_for(self, right_side: Plane, tolerance: float) -> Plane:
        """Free pixels' values, float [h, w], for the right side of the equation (zero where not free)."""
        grid = self._multigrid.finest
        u = np.zeros_like(right_side)
        if self._pieces is None:
            u, converged = self._iterate(right_side, u, tolerance, _STALLED_AFTER)
            if converged:
                return u
            # The grid is too coarse to tell apart strands of the hole that lie side by side without touching.
            self._pieces = PieceMultigrid(grid)
        right_side, u = right_side.astype(np.float64), u.astype(np.float64)
        return self._iterate(right_side, u, tolerance, _MAX_CYCLES)[0]

    def _precondition(self, residual: Plane) -> Plane:
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("The completion was cancelled while it was being blended.")
        if self._pieces is None:
            return self._multigrid.cycle(residual)
        return self._pieces.cycle(residual)

    def _iterate(self, right_side: Plane, u: Plane, tolerance: float, cycles: int) -> tuple[Plane, bool]:
        """Improve u until its estimated error is below the tolerance, for at most so many cycles.

        The preconditioned residual is the error, but for the factor by which the preconditioner misjudges it. That
        is at most the reciprocal of the smallest eigenvalue met so far (a Ritz value of the Lanczos matrix).
        """
        grid = self._multigrid.finest
        residual = right_side - grid.apply(u)
        direction = correction = self._precondition(residual)
        product = _inner_product(residual, correction)
        diagonal: list[float] = []
        off_diagonal: list[float] = []
        carried = 0.0
        for _ in range(cycles):
            if product <= 0:
                return u, not residual.any()
            image = grid.apply(direction)
            step = product / _inner_product(direction, image)
            u += step * direction
            residual -= step * image
            correction = self._precondition(residual)
            previous, product = product, _inner_product(residual, correction)
            ratio = product / previous
            diagonal.append(1 / step + carried)
            change = max(correction.max(), -correction.min())
            if change <= tolerance and change <= tolerance * _smallest_eigenvalue(diagonal, off_diagonal):
                return u, True
            carried = ratio / step
            off_diagonal.append(max(ratio, 0) ** 0.5 / step)
            direction = correction + ratio * direction
        return u, False


def _inner_product(one: Plane, other: Plane) -> float:
    # Not by BLAS: its threads wait for each other when the processor is busy, and the order of their sums varies.
    return float(np.einsum("ij,ij->", one, other))


def _smallest_eigenvalue(diagonal: list[float], off_diagonal: list[float]) -> float:
    """Of a symmetric tridiagonal matrix."""
    return float(np.linalg.eigvalsh(np.diag(diagonal) + np.diag(off_diagonal, -1))[0])
