"""Pieces of the photograph side by side in; the same without seams between them and at the hole's rim out.

Each copied pixel brings its colour and its differences to its neighbours where it comes from. Wanted are colours whose
differences are those, and which pass without a step into the known pixels round the hole (as Perez et al. 2003).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.blending.poisson import correction
from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.detail.pyramid import RADIUS, Level, Positions

_EDGE = 0.25
"""A step of this size between two pieces is half kept, a larger one more, 0..1; in photographs that have such edges."""

_EDGE_POWER = 8
"""The higher, the sharper the limit between steps that stay and steps that go."""

_LEAST_EDGES = 1e-3
"""Share of the known pixels that differ so much from their neighbour, from which on a photograph has edges."""

_SAMPLES = 1 << 20

_CHUNK = 4096


def without_seams(
    level: Level,
    known: NDArray[np.bool_],
    copied: Positions,
    screen: float,
    check: Callable[[], None],
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float32]:
    """Colours for the filled pixels.

    Args:
        level: gives filled pixels and colours.
        known: bool [h, w].
        copied: int32 [f], the position that each filled pixel is copied from.
        screen: pull back to the copied colour; a correction fades over 1 / sqrt(screen) pixels.
        check: called often; may raise.
        cancelled: polled while the equation is solved.

    Returns:
        float32 [f, 3].

    Raises:
        CancelledError: `cancelled` returned true.
    """
    pixels, filled = level.pixels, level.filled
    is_known = np.pad(known, RADIUS).ravel()
    origin = np.full(level.count, -1, np.int32)
    origin[filled] = copied
    power = _EDGE_POWER if _has_edges(pixels, is_known, level.stride) else 0
    excess = np.empty((len(filled), 3), np.float32)

    def run(begin: int, end: int) -> None:
        part = slice(begin, end)
        _excess(pixels, is_known, origin, filled[part], copied[part], level.stride, power, excess[part])

    in_chunks(run, len(filled), _CHUNK, torch.get_num_threads(), check)
    rows, columns = level.rows_and_columns(filled)
    top, left = max(0, rows.min() - 1), max(0, columns.min() - 1)
    box = slice(top, rows.max() + 2), slice(left, columns.max() + 2)
    pinned = known[box]
    place = rows - top, columns - left
    inside, excess_plane = np.zeros(pinned.shape, np.bool_), np.zeros((*pinned.shape, 3), np.float32)
    inside[place], excess_plane[place] = True, excess
    change = correction(inside, pinned, excess_plane, screen, cancelled)
    return np.asarray(pixels[copied] + change[place], np.float32)


@compiled
def _excess(
    pixels: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    origin: Positions,
    filled: Positions,
    copied: Positions,
    stride: int,
    power: int,
    excess: NDArray[np.float32],
) -> None:
    """By how much the steps from some filled pixels to their neighbours exceed the wanted ones.

    Args:
        is_known: bool [n], by position.
        origin: int32 [n], by position: what a filled pixel is copied from, and -1 elsewhere.
        filled, copied: int32 [p] each: filled pixels, and what they are copied from.
        power: above 0 large steps between two pieces stay.
        excess: float32 [p, 3], the result.
    """
    steps = (1, -1, stride, -stride)
    step_up = np.empty(3, np.float32)
    for index in range(len(filled)):
        source = copied[index]
        excess[index] = 0
        for step in steps:
            beside = filled[index] + step
            other = origin[beside]
            is_free = other >= 0
            if not (is_free or is_known[beside]):
                continue
            largest = np.float32(0)
            shown = other if is_free else np.int32(beside)
            for channel in range(3):
                # The difference as it is where this pixel comes from, and as it is where its neighbour does.
                wanted = _difference(pixels, is_known, source, step, channel)
                if is_free:
                    wanted = (wanted - _difference(pixels, is_known, other, -step, channel)) / 2
                step_up[channel] = pixels[shown, channel] - pixels[source, channel] - wanted
                largest = max(largest, abs(step_up[channel]))
            # A large step between two pieces is an edge where they rightly meet, not a difference of their shades.
            share = np.float32(1)
            if power > 0 and is_free:
                share = np.float32(1 / (1 + (largest / _EDGE) ** power))
            for channel in range(3):
                excess[index, channel] += share * step_up[channel]


@compiled
def _difference(pixels: NDArray[np.float32], is_known: NDArray[np.bool_], at: int, step: int, channel: int) -> Any:
    """From a known pixel to the one `step` positions on.

    Where the photograph is not known there, the slope from the other side goes on; where neither is, it is 0.
    """
    if is_known[at + step]:
        return pixels[at + step, channel] - pixels[at, channel]
    if is_known[at - step]:
        return pixels[at, channel] - pixels[at - step, channel]
    return np.float32(0)


def _has_edges(pixels: NDArray[np.float32], is_known: NDArray[np.bool_], stride: int) -> bool:
    """Whether steps as large as `_EDGE` belong to the photograph."""
    steep, pairs = 0, 0
    last = len(pixels) - stride
    places = np.arange(0, last, 1 + last // _SAMPLES)
    for step in (1, stride):
        both = is_known[places] & is_known[places + step]
        steps = np.abs(pixels[places + step] - pixels[places]).max(axis=1)
        steep += int(np.count_nonzero((steps > _EDGE) & both))
        pairs += int(np.count_nonzero(both))
    return steep > _LEAST_EDGES * pairs
