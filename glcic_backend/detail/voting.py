"""The sources found for patches in; a colour for each pixel that the patches cover out."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from glcic_backend.detail.pyramid import RADIUS, Level

_OFF_CENTRE = 0.02
"""How much the cost of a patch counts for more, per squared pixel from its centre, where the best one is chosen."""

_POWER = 2.0
"""Of the cost that a vote is divided by in the mean: the larger it is, the more the best vote counts alone."""

_NO_VOTE = 1e6
"""Logarithm of the cost where no patch votes: no real one comes near, and it can be reckoned with."""


def mean_vote(level: Level, found: Tensor, log_cost: Tensor, check: Callable[[], None]) -> Tensor:
    """The mean of the pixels that the patches copy to each filled pixel, each divided by the square of its cost.

    A pixel of which its patches disagree gets a colour between theirs, and what no neighbour agrees with dies out in
    the next rounds.

    Args:
        as `best_vote`.

    Returns:
        float32 [f, 3], RGB.
    """
    log_cost = torch.cat([log_cost, log_cost.new_full((1,), _NO_VOTE)])
    least = torch.full(level.filled.shape, _NO_VOTE, device=level.device)
    total, colour = torch.zeros_like(least), torch.zeros((len(least), 3), device=level.device)
    for voter, copied, squared_offset in _votes(level, found, check):
        score = log_cost.index_select(0, voter) + math.log1p(_OFF_CENTRE * squared_offset)
        # Weights are relative to the largest so far: alone they would leave what float32 holds.
        lower = torch.minimum(least, score)
        older, weight = torch.exp(_POWER * (lower - least)), torch.exp(_POWER * (lower - score))
        total = total * older + weight
        colour = colour * older[:, None] + level.pixels.index_select(0, copied) * weight[:, None]
        least = lower
    return colour / total[:, None]


def best_vote(level: Level, found: Tensor, log_cost: Tensor, check: Callable[[], None]) -> Tensor:
    """The pixel that the best of the patches copies to each filled pixel: nothing is averaged, so nothing blurs.

    The best patch has the least cost, and the pixel near its centre.

    Args:
        level: gives targets and filled pixels.
        found: int64 [t], source of each target.
        log_cost: float32 [t], natural logarithms of the costs.
        check: called often; may raise.

    Returns:
        int64 [f], positions.
    """
    log_cost = torch.cat([log_cost, log_cost.new_full((1,), torch.inf)])
    best = torch.zeros_like(level.filled)
    least = torch.full(best.shape, torch.inf, device=level.device)
    for voter, copied, squared_offset in _votes(level, found, check):
        score = log_cost.index_select(0, voter) + math.log1p(_OFF_CENTRE * squared_offset)
        better = score < least
        least = torch.where(better, score, least)
        best = torch.where(better, copied, best)
    return best


def _votes(level: Level, found: Tensor, check: Callable[[], None]) -> Iterator[tuple[Tensor, Tensor, int]]:
    """For each place in a patch: the patch that has each filled pixel there, what it copies, and the place.

    Yields:
        int64 [f], number of the target, t where there is none; int64 [f], position of the pixel that its source has
        there; squared distance of the place from the centre.
    """
    found = torch.cat([found, found[:1]])
    span = range(-RADIUS, RADIUS + 1)
    squares = [y * y + x * x for y in span for x in span]
    for offset, square in zip(level.offsets, squares, strict=True):
        check()
        voter = level.number.index_select(0, level.filled - offset).long()
        yield voter, found.index_select(0, voter) + offset, square
