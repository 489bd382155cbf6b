"""Pieces of the photograph side by side, without seams between them and at the rim of the hole.

Each copied pixel brings its colour and its differences to its neighbours where it comes from. Wanted are colours whose
differences are those, and which pass without a step into the known pixels round the hole (as Perez et al. 2003).
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glcic_backend.blending.poisson import correction
from glcic_backend.detail.pyramid import RADIUS, Level

_SCREEN = 0.003
"""Pull back to the copied colour: a correction fades over some 1 / sqrt(_SCREEN) = 18 pixels."""


def without_seams(
    level: Level, known: NDArray[np.bool_], copied: Tensor, cancelled: Callable[[], bool] | None
) -> NDArray[np.float32]:
    """Colours for the filled pixels.

    Args:
        level: gives filled pixels and colours.
        known: bool [h, w].
        copied: int64 [f], the position that each filled pixel is copied from.
        cancelled: polled while the equation is solved.

    Returns:
        float32 [f, 3].

    Raises:
        CancelledError: `cancelled` returned true.
    """
    pixels, filled = level.pixels, level.filled
    is_known = torch.from_numpy(np.pad(known, RADIUS)).flatten().to(level.device)
    origin = torch.full((level.count,), -1, dtype=torch.int64, device=level.device)
    origin[filled] = copied
    colour = pixels.index_select(0, copied)
    excess = torch.zeros_like(colour)
    for step in (1, -1, level.stride, -level.stride):
        beside = filled + step
        other = origin[beside]
        free = other >= 0
        # The difference as it is where this pixel comes from, and as it is where its neighbour does; if both, the mean.
        here = is_known[copied + step][:, None].float()
        there = (free & is_known[other - step])[:, None].float()
        other = torch.where(free, other, beside)
        wanted = here * (pixels[copied + step] - colour) + there * (pixels[other] - pixels[other - step])
        told = here + there
        counts = (free | is_known[beside])[:, None] & (told > 0)
        excess += torch.where(counts, pixels[other] - colour - wanted / told.clamp(min=1), 0)
    rows, columns = (part.cpu().numpy() for part in level.rows_and_columns(filled))
    top, left = max(0, rows.min() - 1), max(0, columns.min() - 1)
    box = slice(top, rows.max() + 2), slice(left, columns.max() + 2)
    pinned = known[box]
    place = rows - top, columns - left
    inside, excess_plane = np.zeros(pinned.shape, np.bool_), np.zeros((*pinned.shape, 3), np.float32)
    inside[place], excess_plane[place] = True, excess.cpu().numpy()
    change = correction(inside, pinned, excess_plane, _SCREEN, cancelled)
    return np.asarray(colour.cpu().numpy() + change[place], np.float32)
