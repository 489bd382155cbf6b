"""Pieces of the photograph beside the hole's rim in, how far their steps to it are believed out.

Where the mask has left something of the thing outside, nothing fits to it, and the step there is no difference of
shades: to follow it would tint the fill. It stands out from the steps along the rest of the rim.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.detail.pyramid import Level, Positions

_LEAST = 0.15
"""A step of this size is half believed where the median along the rim is small; 0..1."""

_BESIDE = 1  # less than the border of a level, so no look goes past it
"""A step is the mean over a square of 2 * _BESIDE + 1 pixels: a larger one mixes a scrap's step with others."""

_POWER = 8
"""The higher, the sharper the limit between what is believed and what is not."""

_MOST = 1e6
"""Times the limit, from which on a step is not believed at all."""

_CHUNK = 4096


def believed_steps(
    level: Level, is_known: NDArray[np.bool_], copied: Positions, outlier: float, check: Callable[[], None]
) -> NDArray[np.float32]:
    """For each filled pixel how far its step to known pixels beside it is believed, float32 [f], 0..1.

    Args:
        level: gives filled pixels and colours.
        is_known: bool [n], by position.
        copied: int32 [f], the position that each filled pixel is copied from.
        outlier: a step is half believed that is so many times the median step along the rim.
        check: called often; may raise.
    """
    steps = np.empty(len(copied), np.float32)

    def run(begin: int, end: int) -> None:
        part = slice(begin, end)
        _mean_steps(level.pixels, is_known, level.filled[part], copied[part], level.stride, steps[part])

    in_chunks(run, len(steps), _CHUNK, torch.get_num_threads(), check)
    at_rim = steps >= 0
    if not at_rim.any():
        return np.ones_like(steps)
    limit = max(outlier * float(np.median(steps[at_rim])), _LEAST)
    # Colours far out of range give steps whose power is out of it, too, or that are no numbers.
    sizes = np.clip(np.nan_to_num(steps.astype(np.float64), nan=np.inf, posinf=np.inf) / limit, 0, _MOST)
    return np.asarray(1 / (1 + sizes**_POWER), np.float32)


@compiled
def _mean_steps(
    pixels: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    filled: Positions,
    copied: Positions,
    stride: int,
    steps: NDArray[np.float32],
) -> None:
    """The mean step from a piece to the photograph over what is known of a square, the largest of the channels.

    Args:
        steps: float32 [p], the result; -1 for pixels that are not at the rim.
    """
    for index in range(len(filled)):
        steps[index] = -1
        for side in (1, -1, stride, -stride):
            rim, copy = filled[index] + side, copied[index] + side
            if not is_known[rim]:
                continue
            count = 0
            total = np.zeros(3, np.float32)
            for row in range(-_BESIDE, _BESIDE + 1):
                for column in range(-_BESIDE, _BESIDE + 1):
                    one, other = rim + row * stride + column, copy + row * stride + column
                    if is_known[one] and is_known[other]:
                        count += 1
                        for channel in range(3):
                            total[channel] += pixels[one, channel] - pixels[other, channel]
            for channel in range(3):
                if count:
                    steps[index] = max(steps[index], abs(total[channel] / count))
