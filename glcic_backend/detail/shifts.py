"""The patches of a scale in, the shifts by which the surroundings of a hole repeat out.

Each of some patches looks for the one that is nearest to it, but not beside it. Where things repeat or run on straight,
many of them find theirs at the same few shifts (He and Sun 2012, "Statistics of patch offsets for image completion").
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.detail.patches import COMPONENTS
from glcic_backend.detail.pyramid import Level, Positions

Shifts = NDArray[np.int32]
"""int32 [k, 2]: rows and columns, in pixels, none of them 0, 0. Each stands for its opposite, too."""

_COUNT = 30
"""Shifts that are told, at most, and their opposites."""

_SAMPLES = 250
"""Patches that look for another one."""

_MOST_PAIRS = 3_000_000
"""Patches that look, times those that they look at: at a scale with more, the coarser scale's shifts are refined."""

_LEAST, _LEAST_SHARE = 4, 1 / 15
"""Distance that is worth telling: pixels, and as a share of the longer side of the picture."""

_APART = 2
"""Shifts nearer to each other than so many pixels are one."""

_UNLIKE = 0.02
"""Squared distance of patches from which on they have nothing in common, however unlike they are."""

_CHUNK = 16


class DominantShifts:
    """The shifts by which the surroundings of a hole repeat, scale by scale, the coarsest first."""

    def __init__(self) -> None:
        self._shifts: Shifts | None = None

    def of(self, level: Level, vectors: NDArray[np.float32], check: Callable[[], None]) -> Shifts:
        """The shifts of a scale, the most frequent first.

        Args:
            level: the coarsest, or the next finer one than before.
            vectors: float32 [n, COMPONENTS or more], of its patches, by position.
            check: called often; may raise.
        """
        if self._shifts is None or len(level.sources) * _SAMPLES <= _MOST_PAIRS:
            self._shifts = _found(level, vectors, check)
        else:
            self._shifts = _refined(level, vectors, self._shifts)
        return self._shifts


def _found(level: Level, vectors: NDArray[np.float32], check: Callable[[], None]) -> Shifts:
    samples = _samples(level, min(_SAMPLES, _MOST_PAIRS // len(level.sources)))
    found = samples.copy()
    least = max(_LEAST, _LEAST_SHARE * max(level.shape))

    def run(begin: int, end: int) -> None:
        _nearest_apart(vectors, samples[begin:end], level.sources, level.stride, least**2, found[begin:end])

    in_chunks(run, len(samples), _CHUNK, torch.get_num_threads(), check)
    ends, begins = (np.stack(level.rows_and_columns(places), axis=1) for places in (found, samples))
    return _peaks((ends - begins)[found != samples])


def _refined(level: Level, vectors: NDArray[np.float32], coarse: Shifts) -> Shifts:
    """The coarser scale's, doubled, each moved by at most a pixel to where patches agree best."""
    shifts = 2 * coarse
    _refine(vectors, _samples(level, _SAMPLES), level.is_source, level.stride, shifts)
    return shifts


def _samples(level: Level, count: int) -> Positions:
    """Sources from everywhere: int32 [at most `count`], ascending."""
    step = max(1, len(level.sources) // max(1, count))
    return level.sources[step // 2 :: step][:count]


def _peaks(shifts: Shifts) -> Shifts:
    """The most frequent of some shifts, int32 [m, 2], of which opposite ones are alike."""
    backwards = (shifts[:, 0] < 0) | ((shifts[:, 0] == 0) & (shifts[:, 1] < 0))
    shifts = np.where(backwards[:, None], -shifts, shifts)
    gaps = np.square(shifts[:, None] - shifts).sum(axis=2)
    near = np.exp(-gaps / 2).sum(axis=1)
    peaks: list[int] = []
    for index in np.argsort(-near, kind="stable").tolist():
        if len(peaks) < _COUNT and (gaps[index, peaks] >= _APART**2).all():
            peaks.append(index)
    return np.asarray(shifts[peaks], np.int32)


@compiled
def _nearest_apart(
    vectors: NDArray[np.float32], samples: Positions, sources: Positions, stride: int, least: float, found: Positions
) -> None:
    """The nearest source of each sample whose squared distance in the picture is at least `least`."""
    best = np.full(len(samples), np.inf, np.float32)
    # A source is compared with all samples while it is at hand.
    for source in sources:
        for index in range(len(samples)):
            own = samples[index]
            total = np.float32(0)
            for first in range(0, COMPONENTS, 8):
                part = np.float32(0)
                for component in range(first, first + 8):
                    difference = vectors[source, component] - vectors[own, component]
                    part += difference * difference
                total += part
                if total >= best[index]:
                    break
            if total < best[index]:
                down, across = source // stride - own // stride, source % stride - own % stride
                if down * down + across * across >= least:
                    best[index] = total
                    found[index] = source


@compiled
def _refine(
    vectors: NDArray[np.float32], samples: Positions, is_source: NDArray[np.bool_], stride: int, shifts: Shifts
) -> None:
    """Move each shift, in place."""
    for index in range(len(shifts)):
        row, column = shifts[index]
        best = np.inf
        for down in range(row - 1, row + 2):
            for across in range(column - 1, column + 2):
                total, count = 0.0, 0
                for sample in samples:
                    other = sample + down * stride + across
                    if other < 0 or other >= len(is_source) or not is_source[other]:
                        continue
                    distance = 0.0
                    for component in range(COMPONENTS):
                        difference = vectors[other, component] - vectors[sample, component]
                        distance += difference * difference
                    total += min(distance, _UNLIKE)
                    count += 1
                if count > 0 and total / count < best:
                    best = total / count
                    shifts[index, 0] = down
                    shifts[index, 1] = across
