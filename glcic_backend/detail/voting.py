"""Sources found for the patches in, what they say about each pixel that the patches cover out."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.detail.pyramid import RADIUS, Level, Positions

_OFF_CENTRE = 0.02
"""How much the cost of a patch counts for more, per squared pixel from its centre, where the best one is chosen."""

_POWER = 2.0
"""Of the cost that a vote is divided by in the mean: the larger it is, the more the best vote counts alone."""

_MOST = 300.0
"""Logarithm from which on costs are all the same, so that no weight becomes 0."""

_CHUNK = 1024

_SQUARES = np.add.outer(np.arange(-RADIUS, RADIUS + 1) ** 2, np.arange(-RADIUS, RADIUS + 1) ** 2).ravel()
_PLACES = np.log1p(_OFF_CENTRE * _SQUARES).astype(np.float32)
"""Logarithms of what a patch's cost is multiplied by at each of its 49 pixels."""


def mean_vote(
    level: Level, found: Positions, log_cost: NDArray[np.float32], check: Callable[[], None]
) -> NDArray[np.float32]:
    """The mean of the pixels that the patches copy to each filled pixel, each divided by the square of its cost.

    A pixel of which its patches disagree gets a colour between theirs, and what no neighbour agrees with dies out in
    the next rounds.

    Args:
        as `best_vote`.

    Returns:
        float32 [f, 3], RGB.
    """
    # Relative to the cheapest patch and in double precision: a cost faded by hundreds of pixels stays within its range.
    relative = np.minimum(log_cost - log_cost.min(), np.float32(_MOST)).astype(np.float64)
    weights = np.exp(-_POWER * relative)
    places = np.exp(-_POWER * _PLACES.astype(np.float64))
    colours = np.empty((len(level.filled), 3), np.float32)

    def run(begin: int, end: int) -> None:
        _mean(
            level.filled[begin:end],
            level.number,
            level.offsets,
            found,
            weights,
            places,
            level.pixels,
            colours[begin:end],
        )

    in_chunks(run, len(level.filled), _CHUNK, torch.get_num_threads(), check)
    return colours


def best_vote(level: Level, found: Positions, log_cost: NDArray[np.float32], check: Callable[[], None]) -> Positions:
    """The pixel that the best of the patches copies to each filled pixel: nothing is averaged, so nothing blurs.

    The best patch has the least cost, and the pixel near its centre.

    Args:
        level: gives targets and filled pixels.
        found: int32 [t], source of each target.
        log_cost: float32 [t], natural logarithms of the costs.
        check: called often; may raise.

    Returns:
        int32 [f], positions.
    """
    best = np.empty(len(level.filled), np.int32)

    def run(begin: int, end: int) -> None:
        _best(level.filled[begin:end], level.number, level.offsets, found, log_cost, _PLACES, best[begin:end])

    in_chunks(run, len(best), _CHUNK, torch.get_num_threads(), check)
    return best


@compiled
def _mean(
    filled: Positions,
    number: NDArray[np.int32],
    offsets: Positions,
    found: Positions,
    weights: NDArray[np.float64],
    places: NDArray[np.float64],
    pixels: NDArray[np.float32],
    colours: NDArray[np.float32],
) -> None:
    for index in range(len(filled)):
        total, red, green, blue = 0.0, 0.0, 0.0, 0.0
        for place in range(len(offsets)):
            voter = number[filled[index] - offsets[place]]
            if voter < len(found):
                copied = found[voter] + offsets[place]
                weight = weights[voter] * places[place]
                total += weight
                red += weight * pixels[copied, 0]
                green += weight * pixels[copied, 1]
                blue += weight * pixels[copied, 2]
        colours[index, 0] = red / total
        colours[index, 1] = green / total
        colours[index, 2] = blue / total


@compiled
def _best(
    filled: Positions,
    number: NDArray[np.int32],
    offsets: Positions,
    found: Positions,
    log_cost: NDArray[np.float32],
    places: NDArray[np.float32],
    best: Positions,
) -> None:
    for index in range(len(filled)):
        least, is_first = np.float32(np.inf), True
        for place in range(len(offsets)):
            voter = number[filled[index] - offsets[place]]
            if voter < len(found):
                score = log_cost[voter] + places[place]
                # Costs of colours far out of range are infinite or no numbers: then the first vote counts.
                if is_first or score < least:
                    is_first = False
                    least = score
                    best[index] = found[voter] + offsets[place]
