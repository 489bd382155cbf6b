"""Pieces of the photograph side by side in; the same without seams between them and at the hole's rim out.

Each copied pixel brings its colour and its differences to its neighbours where it comes from. Wanted are colours whose
differences are those (where two pieces differ, their mean, but anything between where one has an edge), and which pass
without a step into the known pixels round the hole (as Perez et al. 2003) unless `rim_steps.py` does not believe it. In
busy texture a step is not seen, and there the copied colours are kept: what is wrong about a step, as beside what the
mask left of the thing, would tint it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.blending.poisson import correction
from glcic_backend.blending.rim_noise import SURELY, noise_level
from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.detail.pyramid import RADIUS, Level, Positions
from glcic_backend.detail.rim_steps import believed_steps

_EDGE = 0.25
"""A step of this size between two pieces is half kept, a larger one more, 0..1; in photographs that have such edges.
Where one piece has an edge, it is the whole difference of their colours, else that from what is wanted."""

_DISAGREE = 0.1
"""Where the differences that two pieces want are farther apart than this, one of them has an edge there, 0..1."""

_EDGE_POWER = 8
"""The higher, the sharper the limit between steps that stay and steps that go."""

_BUSY = 0.05
"""From this energy on (`_energies`, colours 0..1; gravel), a correction fades as fast as `_HELD` lets it."""

_BUSY_POWER = 4
"""The higher, the less noise counts as texture: a correction must reach through a sky with noise of 0.03."""

_HELD = 0.1
"""Pull back to the copied colour in busy texture: a correction fades over 3 pixels."""

_ASIDE = 5
"""Pixels from a pixel to the centres of the four squares of 7 x 7 in which it is looked how busy it is there."""

_BAND = 8
"""Pixels round a hole in which it is told how noisy the photograph is."""
_TINY = 1e-12

_LEAST_EDGES = 1e-3
"""Share of the known pixels that differ so much from their neighbour, from which on a photograph has edges."""

_SAMPLES = 1 << 20

_CHUNK = 4096


def without_seams(
    level: Level,
    known: NDArray[np.bool_],
    copied: Positions,
    screen: float,
    outlier: float,
    check: Callable[[], None],
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float32]:
    """Colours for the filled pixels.

    Args:
        level: gives filled pixels and colours.
        known: bool [h, w].
        copied: int32 [f], the position that each filled pixel is copied from.
        screen: least pull back to the copied colour, in calm places; a correction fades over 1 / sqrt(screen) pixels.
        outlier: that of `rim_steps.believed_steps`.
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
    excess, energies = np.empty((len(filled), 3), np.float32), np.empty(len(filled), np.float32)
    rows, columns = level.rows_and_columns(filled)
    noise = _noise_of_steps(level, known, rows, columns)
    believed = believed_steps(level, is_known, copied, outlier, check)

    steps = np.zeros(level.count, np.float32), np.zeros(level.count, np.int8)

    def measure(begin: int, end: int) -> None:
        _squared_steps(begin, end, pixels, is_known, level.stride, *steps)

    # There are none from the last row down.
    in_chunks(measure, level.count - level.stride, _CHUNK, torch.get_num_threads(), check)

    def run(begin: int, end: int) -> None:
        part = slice(begin, end)
        pieces = filled[part], copied[part], believed[part]
        _excess(pixels, is_known, origin, pieces, level.stride, power, noise, excess[part])
        _energies(*steps, copied[part], level.stride, energies[part])

    in_chunks(run, len(filled), _CHUNK, torch.get_num_threads(), check)
    top, left = max(0, rows.min() - 1), max(0, columns.min() - 1)
    box = slice(top, rows.max() + 2), slice(left, columns.max() + 2)
    pinned = known[box]
    place = rows - top, columns - left
    inside, excess_plane = np.zeros(pinned.shape, np.bool_), np.zeros((*pinned.shape, 3), np.float32)
    inside[place], excess_plane[place] = True, excess
    pull = np.zeros(pinned.shape, np.float32)
    # Not `minimum`: energies of colours far out of any range may be no numbers.
    pull[place] = screen + _HELD * np.fmin(energies / _BUSY, 1) ** _BUSY_POWER
    change = correction(inside, pinned, excess_plane, pull, cancelled)
    return np.asarray(pixels[copied] + change[place], np.float32)


def _noise_of_steps(level: Level, known: NDArray[np.bool_], rows: Positions, columns: Positions) -> NDArray[np.float32]:
    """Variance that steps from a piece to the known pixels have of the photograph's noise alone, float32 [3]."""
    top, left = max(0, rows.min() - _BAND), max(0, columns.min() - _BAND)
    band = slice(top, rows.max() + 1 + _BAND), slice(left, columns.max() + 1 + _BAND)
    picture = level.pixels.reshape(-1, level.stride, 3)[RADIUS:-RADIUS, RADIUS:-RADIUS]
    noise = noise_level(picture[band], known[band])
    # Two pixels are noisy, the known one and the copied one.
    return np.zeros(3, np.float32) if noise is None else np.asarray(2 * SURELY * noise**2, np.float32)


@compiled
def _excess(
    pixels: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    origin: Positions,
    pieces: tuple[Positions, Positions, NDArray[np.float32]],
    stride: int,
    power: int,
    noise: NDArray[np.float32],
    excess: NDArray[np.float32],
) -> None:
    """By how much the steps from some filled pixels to their neighbours exceed the wanted ones.

    Args:
        is_known: bool [n], by position.
        origin: int32 [n], by position: what a filled pixel is copied from, and -1 elsewhere.
        pieces: int32 [p] twice and float32 [p]: filled pixels, what they are copied from, and how far their steps to
            the rim are believed.
        power: above 0 large steps between two pieces stay.
        noise: float32 [3], variance of a step at the rim that is noise alone; 0 where there is none.
        excess: float32 [p, 3], the result.
    """
    filled, copied, believed = pieces
    steps = (1, -1, stride, -stride)
    step_up = np.empty(3, np.float32)
    is_noisy = noise.any()
    for index in range(len(filled)):
        source = copied[index]
        excess[index] = 0
        for step in steps:
            beside = filled[index] + step
            other = origin[beside]
            is_free = other >= 0
            # Within a piece there is no step.
            if other == source + step or not (is_free or is_known[beside]):
                continue
            if not is_free and is_noisy and is_known[source + step]:
                _add_rim_step(pixels, is_known, beside, source + step, stride, noise, believed[index], excess[index])
                continue
            largest = np.float32(0)
            shown = other if is_free else np.int32(beside)
            for channel in range(3):
                actual = pixels[shown, channel] - pixels[source, channel]
                # The difference as it is where this pixel comes from, and as it is where its neighbour does.
                low = high = _difference(pixels, is_known, source, step, channel)
                if is_free:
                    theirs = -_difference(pixels, is_known, other, -step, channel)
                    low, high = min(low, theirs), max(high, theirs)
                wanted = (low + high) / 2
                size = abs(actual - wanted)
                if high - low > _DISAGREE:
                    # One has an edge here. What lies between is as right: the mean would tint what is beside it.
                    wanted, size = min(max(actual, low), high), abs(actual)
                step_up[channel] = actual - wanted
                largest = max(largest, size)
            # A large step between two pieces is an edge where they rightly meet, not a difference of their shades.
            share = np.float32(1) if is_free else believed[index]
            if power > 0 and is_free:
                share = np.float32(1 / (1 + (largest / _EDGE) ** power))
            for channel in range(3):
                excess[index, channel] += share * step_up[channel]


@compiled
def _add_rim_step(
    pixels: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    rim: int,
    copy: int,
    stride: int,
    noise: NDArray[np.float32],
    share: np.float32,
    excess: NDArray[np.float32],
) -> None:
    """Add the step from a piece to a known pixel beside it, without the noise that is no step.

    It is drawn to the mean of those round about where they differ by no more than noise does (as in `rim_noise`).

    Args:
        rim: the known pixel.
        copy: what lies there in the piece; known.
        noise: float32 [3], variance of a step that is noise alone.
        share: how far the step is believed.
        excess: float32 [3], changed in place.
    """
    count = 0
    total, squares = np.zeros(3, np.float32), np.zeros(3, np.float32)
    for row in range(-RADIUS, RADIUS + 1):
        for column in range(-RADIUS, RADIUS + 1):
            beside = row * stride + column
            if is_known[rim + beside] and is_known[copy + beside]:
                count += 1
                for channel in range(3):
                    step = pixels[rim + beside, channel] - pixels[copy + beside, channel]
                    total[channel] += step
                    squares[channel] += step * step
    for channel in range(3):
        mean = total[channel] / count
        variance = squares[channel] / count - mean * mean
        kept = max(np.float32(0), 1 - noise[channel] / max(variance, np.float32(_TINY)))
        excess[channel] += share * (mean + kept * (pixels[rim, channel] - pixels[copy, channel] - mean))


@compiled
def _squared_steps(
    begin: int,
    end: int,
    pixels: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    stride: int,
    squares: NDArray[np.float32],
    counts: NDArray[np.int8],
) -> None:
    """Sum the squared steps from each position from `begin` to `end` to the right and down, between known pixels.

    Args:
        squares: float32 [n], the sums, of the three channels together.
        counts: int8 [n], how many steps they are of: 0 to 2.
    """
    for at in range(begin, end):
        if not is_known[at]:
            continue
        for beside in (at + 1, at + stride):
            if is_known[beside]:
                counts[at] += 1
                for channel in range(3):
                    difference = pixels[beside, channel] - pixels[at, channel]
                    squares[at] += difference * difference


@compiled
def _energies(
    squares: NDArray[np.float32],
    counts: NDArray[np.int8],
    copied: Positions,
    stride: int,
    energies: NDArray[np.float32],
) -> None:
    """How busy the photograph is all round some pixels: the least of four squares beside each.

    Of a square it is the mean of the squared steps from every second pixel. A line or an edge through the pixel leaves
    a square beside it calm.

    Args:
        squares, counts: as `_squared_steps` gives them.
        copied: int32 [p], positions in the picture.
        energies: float32 [p], the result; 0 where nothing is known in any of the squares.
    """
    count = len(squares) // stride
    for index in range(len(copied)):
        row, column = copied[index] // stride, copied[index] % stride
        least = np.float32(np.inf)
        for down in (-_ASIDE, _ASIDE):
            for across in (-_ASIDE, _ASIDE):
                total, pairs = np.float32(0), 0
                for y in range(row + down - RADIUS, row + down + RADIUS, 2):
                    for x in range(column + across - RADIUS, column + across + RADIUS, 2):
                        if not (0 <= y < count - 1 and 0 <= x < stride - 1):
                            continue
                        total += squares[y * stride + x]
                        pairs += counts[y * stride + x]
                if pairs:
                    least = min(least, 2 * total / pairs)
        energies[index] = least if least < np.inf else np.float32(0)


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
    steep, pairs = _count_edges(pixels, is_known, stride, 1 + (len(pixels) - stride) // _SAMPLES)
    return steep > _LEAST_EDGES * pairs


@compiled
def _count_edges(pixels: NDArray[np.float32], is_known: NDArray[np.bool_], stride: int, every: int) -> tuple[int, int]:
    """How many steps to the right and down exceed `_EDGE`, and how many there are, at every so many pixels."""
    steep, pairs = 0, 0
    for place in range(0, len(pixels) - stride, every):
        if not is_known[place]:
            continue
        for step in (1, stride):
            if is_known[place + step]:
                pairs += 1
                for channel in range(3):
                    if abs(pixels[place + step, channel] - pixels[place, channel]) > _EDGE:
                        steep += 1
                        break
    return steep, pairs
