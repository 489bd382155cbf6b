"""Errors at a hole's rim in; the membrane out that Poisson blending (Perez et al. 2003) adds to the pasted colours.

Poisson blending looks for the picture with the pasted one's gradients and the target's values on the rim. Its
difference u to the pasted picture has no Laplacian, so it suffices to solve for u, which is as smooth as can be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.blending import grid_loops
from glcic_backend.blending.grid_loops import Plane
from glcic_backend.blending.multigrid import Grid, Mask, Multigrid
from glcic_backend.blending.pieces import PieceMultigrid
from glcic_backend.blending.thin import is_thin, solve_thin
from glcic_backend.compiled import side_by_side
from glcic_backend.errors import CancelledError

TOLERANCE = 2e-4
"""Bound for the estimated error, relative to the range of the given values: 0.05 of 255 grey levels."""

_ROUNDING = 1e-6
_STALLED_AFTER = 12
_MAX_CYCLES = 300
_MOST_PIXELS_AT_ONCE = 1 << 24
"""In a larger box the channels are solved one after the other: each needs memory of its own."""


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
    check = _raising_if(cancelled)
    check()
    result = np.where(pinned[..., None], values, np.float32(0))
    free = hole & ~pinned
    if not free.any():
        return result
    check()
    given = values[pinned]
    check()
    low, high = given.min(axis=0), given.max(axis=0)
    check()
    centre = (low + high) / 2
    rim = values - centre
    check()
    rim[~pinned] = 0
    check()
    tolerance = (TOLERANCE * (high - low) + _ROUNDING * np.maximum(abs(low), abs(high))).astype(np.float64)
    check()
    u = _solved(_Equation(free, pinned, exists, _sums_of_neighbours(rim), None), tolerance, cancelled)
    check()
    result[free] = np.clip(u + centre, low, high)
    return result


def correction(
    free: Mask,
    pinned: Mask,
    excess: NDArray[np.float32],
    screen: NDArray[np.float32],
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Solve the screened Poisson equation: the smallest change by which colours come to have wanted differences.

    The change c minimises the sum of (difference between neighbours - wanted difference)^2 over all pairs of
    neighbouring pixels with at least one of them free, plus `screen` times c^2 over the free ones; c is 0 where pinned.

    Args:
        free: bool [H, W], where c is wanted.
        pinned: bool [H, W], known pixels, which do not change. No flux passes to pixels that are neither.
        excess: float32 [H, W, C], for each free pixel the sum over its free and pinned 4-neighbours of (neighbour's
            colour - its own colour - wanted difference).
        screen: float32 [H, W], above 0 where free; changes reach about 1 / sqrt(screen) pixels.
        cancelled: polled between cycles.

    Returns:
        c, float32 [H, W, C], zero where not free.

    Raises:
        CancelledError: `cancelled` returned true.
    """
    result = np.zeros_like(excess)
    tolerance = np.full(excess.shape[2], TOLERANCE)
    result[free] = _solved(_Equation(free, pinned, free | pinned, excess, screen), tolerance, cancelled)
    return result


@dataclass(frozen=True)
class _Equation:
    """Attributes: as of `Multigrid`, and `right_side`, float32 [H, W, C], read where free."""

    free: Mask
    pinned: Mask
    exists: Mask
    right_side: NDArray[np.float32]
    screen: NDArray[np.float32] | None


def _solved(
    equation: _Equation, tolerance: NDArray[np.float64], cancelled: Callable[[], bool] | None
) -> NDArray[np.float32]:
    """The free pixels' values, float32 [f, C], each channel with an error within its tolerance."""
    free, check = equation.free, _raising_if(cancelled)
    check()
    thin = is_thin(free)
    check()
    if thin:
        u = solve_thin(free, equation.pinned, equation.right_side, equation.screen, check)
        if u is not None:
            return u
    height, width = free.shape
    padding = ((1, 1 + height % 2), (1, 1 + width % 2))
    padded, pinned, exists = (np.pad(mask, padding) for mask in (free, equation.pinned, equation.exists))
    screen = None if equation.screen is None else np.pad(equation.screen, padding)
    check()
    multigrid = Multigrid(padded, pinned, exists, screen, check)

    def right_side(channel: int) -> Plane:
        return np.pad(np.where(free, equation.right_side[..., channel], np.float32(0)), padding)

    def attempt(channel: int, _is_mine: bool, poll: Callable[[], bool]) -> tuple[Plane, bool]:
        right, looks = right_side(channel), _raising_if(poll)
        solver = _Solver(multigrid.finest, multigrid.cycle, looks)
        return solver.improved(right, np.zeros_like(right), float(tolerance[channel]), _STALLED_AFTER)

    attempts = [partial(attempt, channel) for channel in range(len(tolerance))]
    threads = torch.get_num_threads() if free.size <= _MOST_PIXELS_AT_ONCE else 1
    solutions = side_by_side(attempts, threads, cancelled or (lambda: False))
    if not all(converged for _, converged in solutions):
        # The grid is too coarse to tell apart strands of the hole that lie side by side without touching.
        pieces = _Solver(multigrid.finest, PieceMultigrid(multigrid.finest, check).cycle, check)
        for channel, (u, converged) in enumerate(solutions):
            if not converged:
                right, begin = (plane.astype(np.float64) for plane in (right_side(channel), u))
                solutions[channel] = pieces.improved(right, begin, float(tolerance[channel]), _MAX_CYCLES)
    columns = [u[1 : 1 + height, 1 : 1 + width][free] for u, _ in solutions]
    return np.stack(columns, axis=1).astype(np.float32, copy=False)


def _raising_if(cancelled: Callable[[], bool] | None) -> Callable[[], None]:
    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while it was being blended.")

    return check


def _sums_of_neighbours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of the 4-neighbours, float32 [H, W, C]."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]


class _Solver:
    """Conjugate gradients, preconditioned by a multigrid cycle, on one domain.

    Args:
        grid: of the pixels.
        cycle: the preconditioner.
        check: called before each cycle; may raise.
    """

    def __init__(self, grid: Grid, cycle: Callable[[Plane], Plane], check: Callable[[], None]) -> None:
        self._grid, self._cycle, self._check = grid, cycle, check

    def _precondition(self, residual: Plane) -> Plane:
        self._check()
        return self._cycle(residual)

    def improved(self, right_side: Plane, u: Plane, tolerance: float, cycles: int) -> tuple[Plane, bool]:
        """Improve u until its estimated error is below the tolerance, for at most so many cycles.

        The preconditioned residual is the error, but for the factor by which the preconditioner misjudges it. That
        is at most the reciprocal of the smallest eigenvalue met so far (a Ritz value of the Lanczos matrix).

        Args:
            right_side: of the equation, float [h, w], zero where not free.
            u: to begin with, float [h, w], changed in place.

        Returns:
            Free pixels' values, float [h, w], and whether they are within the tolerance.
        """
        grid = self._grid
        residual = right_side - grid.apply(u)
        correction = self._precondition(residual)
        direction = correction.copy()
        product, _ = grid_loops.measure(residual, correction)
        diagonal: list[float] = []
        off_diagonal: list[float] = []
        carried = 0.0
        for _ in range(cycles):
            if product <= 0:
                return u, not residual.any()
            image, energy = grid.apply_and_measure(direction)
            step = product / energy
            grid_loops.step(u, residual, direction, image, step)
            correction = self._precondition(residual)
            previous = product
            product, change = grid_loops.measure(residual, correction)
            ratio = product / previous
            diagonal.append(1 / step + carried)
            if change <= tolerance and change <= tolerance * _smallest_eigenvalue(diagonal, off_diagonal):
                return u, True
            carried = ratio / step
            off_diagonal.append(max(ratio, 0) ** 0.5 / step)
            grid_loops.turn(direction, correction, ratio)
        return u, False


def _smallest_eigenvalue(diagonal: list[float], off_diagonal: list[float]) -> float:
    """Of a symmetric tridiagonal matrix."""
    return float(np.linalg.eigvalsh(np.diag(diagonal) + np.diag(off_diagonal, -1))[0])
