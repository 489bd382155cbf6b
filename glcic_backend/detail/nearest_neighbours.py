"""Patches in; their nearest neighbours out (PatchMatch: Barnes et al. 2009), all patches at once.

The original scans the picture and lets each patch learn from the one before. Here all patches look at once at
neighbours some steps away (jump flooding), which spreads a find as far in as few rounds and suits any device.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from glcic_backend.detail.contrast import Contrast
from glcic_backend.detail.pyramid import Level

_STEPS = (8, 3, 1)

_WORTH_A_JUMP = 0.8
"""A source from a random place replaces another one only if it costs less than so many times as much: what is gained by
little breaks pieces of the photograph apart."""

_EXHAUSTIVE_PAIRS = 20_000_000
_CHUNK = 4_000_000


class Matcher:
    """Searches the source patch that is nearest to each target patch of a level.

    Args:
        level: gives targets and sources.
        vectors: float32 [n, d], by position, the sources' patches.
        contrast: what the costs are multiplied by.
        random: source of random numbers.
        check: called often; may raise.
    """

    def __init__(
        self, level: Level, vectors: Tensor, contrast: Contrast, random: torch.Generator, check: Callable[[], None]
    ) -> None:
        self._level, self._vectors, self._contrast, self._random, self._check = level, vectors, contrast, random, check
        own = torch.arange(len(level.targets), device=level.device)
        self._neighbours = []
        for step in _STEPS:
            for shift in (step, -step, step * level.stride, -step * level.stride):
                beside = level.number[(level.targets + shift).clamp(0, level.count - 1)].long()
                self._neighbours.append((torch.where(beside == len(own), own, beside), shift))

    def first(self, wanted: Tensor) -> Tensor:
        """Sources to begin with, int64 [t], positions: the nearest of all where they are few, else random ones.

        Args:
            wanted: float32 [t, d], the targets' vectors.
        """
        sources = self._level.sources
        if len(wanted) * len(sources) > _EXHAUSTIVE_PAIRS:
            return self.anywhere()
        vectors = self._vectors[sources]
        square = vectors.square().sum(1)
        nearest = []
        count = max(1, _CHUNK // len(sources))
        for first in range(0, len(wanted), count):
            self._check()
            part = wanted[first : first + count]
            distance = torch.addmm(square, part, vectors.T, alpha=-2) + part.square().sum(1, keepdim=True)
            nearest.append((distance * self._contrast.all_factors(first, len(part))).argmin(1))
        return sources[torch.cat(nearest)]

    def anywhere(self) -> Tensor:
        """A random source for each target, int64 [t]."""
        sources, count = self._level.sources, len(self._level.targets)
        return sources[torch.randint(len(sources), (count,), generator=self._random, device=self._level.device)]

    def cost(self, wanted: Tensor, found: Tensor) -> Tensor:
        """Squared distances of targets and sources, times the factors of their contrast, float32 [t]."""
        distance = (self._vectors.index_select(0, found) - wanted).square_().sum(1)
        return distance * self._contrast.factors(found)

    def improve(self, wanted: Tensor, found: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
        """One round of propagation and random search.

        Args:
            wanted: float32 [t, d], the targets' vectors.
            found: int64 [t], the sources found so far.
            cost: float32 [t], their costs.

        Returns:
            found and cost, improved.
        """
        for beside, shift in self._neighbours:
            found, cost = self._try(wanted, found[beside] - shift, found, cost, 1.0)
        reach = max(self._level.shape)
        while reach >= 1:
            rows, columns = (
                torch.randint(-reach, reach + 1, (len(found),), generator=self._random, device=self._level.device)
                for _ in range(2)
            )
            found, cost = self._try(wanted, found + rows * self._level.stride + columns, found, cost, _WORTH_A_JUMP)
            reach //= 2
        return found, cost

    def _try(self, wanted: Tensor, other: Tensor, found: Tensor, cost: Tensor, worth: float) -> tuple[Tensor, Tensor]:
        self._check()
        other = other.clamp(0, self._level.count - 1)
        other = torch.where(self._level.is_source[other], other, found)
        other_cost = self.cost(wanted, other)
        better = other_cost < worth * cost
        return torch.where(better, other, found), torch.where(better, other_cost, cost)


def doubled(found: Tensor, coarse: Level, fine: Level, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """The field of a coarse level for the next finer one.

    Args:
        found: int64 [t], sources of the coarse level's targets.
        random: chooses a source where the doubled one is none.

    Returns:
        int64 [t'] each: sources of the fine level's targets, and the coarse targets (0..t-1) that they come from.
    """
    rows, columns = fine.rows_and_columns(fine.targets)
    parents = coarse.number[coarse.at(rows // 2, columns // 2)].long()
    source_rows, source_columns = coarse.rows_and_columns(found[parents])
    result = fine.at(2 * source_rows + rows % 2, 2 * source_columns + columns % 2).clamp(0, fine.count - 1)
    good = fine.is_source[result]
    lost = (~good).nonzero()[:, 0]
    if len(lost):
        # Those of other targets will do, without a list of all sources, which is long in a large picture.
        others = result[good] if bool(good.any()) else fine.sources
        chosen = torch.randint(len(others), (len(lost),), generator=random, device=fine.device)
        result[lost] = others[chosen]
    return result, parents
