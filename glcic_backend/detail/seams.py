"""Pieces of the photograph side by side in; the same without seams between them and at the hole's rim out.

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

_EDGE = 0.25
"""A step of this size between two pieces is half kept, a larger one more, 0..1; in photographs that have such edges."""

_EDGE_POWER = 8
"""The higher, the sharper the limit between steps that stay and steps that go."""

_LEAST_EDGES = 1e-3
"""Share of the known pixels that differ so much from their neighbour, from which on a photograph has edges."""

_SAMPLES = 1 << 20

_CHUNK = 1 << 18
"""Filled pixels that are looked at together: what is reckoned on the way takes some 150 bytes for each."""


def without_seams(
    level: Level,
    known: NDArray[np.bool_],
    copied: Tensor,
    screen: float,
    check: Callable[[], None],
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float32]:
    """Colours for the filled pixels.

    Args:
        level: gives filled pixels and colours.
        known: bool [h, w].
        copied: int64 [f], the position that each filled pixel is copied from.
        screen: pull back to the copied colour; a correction fades over 1 / sqrt(screen) pixels.
        check: called often; may raise.
        cancelled: polled while the equation is solved.

    Returns:
        float32 [f, 3].

    Raises:
        CancelledError: `cancelled` returned true.
    """
    pixels, filled = level.pixels, level.filled
    is_known = torch.from_numpy(np.pad(known, RADIUS)).flatten().to(level.device)
    origin = torch.full((level.count,), -1, dtype=torch.int32, device=level.device)
    origin[filled] = copied.int()
    keeps_edges = _has_edges(pixels, is_known, level.stride)
    excess = torch.cat(
        [
            _excess(level, is_known, origin, some, keeps_edges, check)
            for some in zip(torch.split(filled, _CHUNK), torch.split(copied, _CHUNK), strict=True)
        ]
    )
    rows, columns = (part.cpu().numpy() for part in level.rows_and_columns(filled))
    top, left = max(0, rows.min() - 1), max(0, columns.min() - 1)
    box = slice(top, rows.max() + 2), slice(left, columns.max() + 2)
    pinned = known[box]
    place = rows - top, columns - left
    inside, excess_plane = np.zeros(pinned.shape, np.bool_), np.zeros((*pinned.shape, 3), np.float32)
    inside[place], excess_plane[place] = True, excess.cpu().numpy()
    change = correction(inside, pinned, excess_plane, screen, cancelled)
    return np.asarray(pixels.index_select(0, copied).cpu().numpy() + change[place], np.float32)


def _excess(
    level: Level,
    is_known: Tensor,
    origin: Tensor,
    some: tuple[Tensor, Tensor],
    keeps_edges: bool,
    check: Callable[[], None],
) -> Tensor:
    """By how much the steps from some filled pixels to their neighbours exceed the wanted ones, float32 [p, 3].

    Args:
        is_known: bool [n], by position.
        origin: int32 [n], by position: what a filled pixel is copied from, and -1 elsewhere.
        some: int64 [p] each: filled pixels, and what they are copied from.
        keeps_edges: large steps between two pieces stay.
    """
    pixels, (filled, copied) = level.pixels, some
    colour = pixels.index_select(0, copied)
    excess = torch.zeros_like(colour)
    for step in (1, -1, level.stride, -level.stride):
        check()
        beside = filled + step
        other = origin[beside].long()
        free = other >= 0
        # The difference as it is where this pixel comes from, and as it is where its neighbour does.
        here = _difference(pixels, is_known, copied, step)
        there = -_difference(pixels, is_known, torch.where(free, other, copied), -step)
        wanted = torch.where(free[:, None], (here + there) / 2, here)
        colour_beside = pixels[torch.where(free, other, beside)]
        step_up = colour_beside - colour - wanted
        # A large step between two pieces is an edge where they rightly meet, not a difference of their shades.
        if keeps_edges:
            size = step_up.abs().amax(dim=1, keepdim=True)
            step_up *= torch.where(free[:, None], 1 / (1 + (size / _EDGE) ** _EDGE_POWER), 1)
        exists = (free | is_known[beside])[:, None]
        excess += torch.where(exists, step_up, 0)
    return excess


def _difference(pixels: Tensor, is_known: Tensor, at: Tensor, step: int) -> Tensor:
    """Of the pixels `step` positions on from some known ones: to these, float32 [p, 3].

    Where the photograph is not known there, the slope from the other side goes on; where neither is, it is 0.
    """
    onward = is_known[at + step][:, None]
    back = is_known[at - step][:, None]
    here = pixels[at]
    return torch.where(onward, pixels[at + step] - here, torch.where(back, here - pixels[at - step], 0))


def _has_edges(pixels: Tensor, is_known: Tensor, stride: int) -> bool:
    """Whether steps as large as `_EDGE` belong to the photograph."""
    steep, pairs = 0, 0
    last = len(pixels) - stride
    places = torch.arange(0, last, 1 + last // _SAMPLES, device=pixels.device)
    for step in (1, stride):
        both = is_known[places] & is_known[places + step]
        steps = (pixels[places + step] - pixels[places]).abs().amax(dim=1)
        steep += int(((steps > _EDGE) & both).sum())
        pairs += int(both.sum())
    return steep > _LEAST_EDGES * pairs
