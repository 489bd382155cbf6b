"""A photograph and its mask in; the pixels round the holes out that still show what the mask was to cover.

A mask drawn by hand runs a few pixels inside the thing, and even one drawn exactly leaves the thing's soft edge, its
ringing and, in a JPEG with halved chroma, a wide rim of its colour. A fill that believes such pixels continues the
thing. What lies farther behind tells them: a rim pixel is doubtful if, on average over its stretch of the rim, it
departs from there towards the masked colours. Light and colour are judged apart, as JPEG stores them apart. Slivers
that go deeper are followed pixel by pixel (`slivers.py`).
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import compiled, in_chunks
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import bounding_box, grown, slices
from glcic_backend.scene.slivers import REACH, SEEN, cut_off
from glcic_backend.wire.geometry import Rectangle

DEPTH = 6
"""Pixels from the mask up to which a stretch of the rim can be doubtful."""

FARTHEST = max(DEPTH, REACH)
"""Pixels from the mask up to which a pixel can be doubtful."""

_BEHIND = 4
"""Thickness of each of the two layers behind the rim, pixels."""
_INSIDE = 6.0
"""Depth in the mask up to which masked pixels stand for the thing."""
_RADIUS = 12
"""Half the side of the square in which a layer's mean is taken: a stretch of the rim, not a pixel, is judged."""
_SEEN = max(DEPTH + 2 * _BEHIND + 1 + _RADIUS, SEEN)

_LEAST_BEHIND, _LEAST_INSIDE = 12, 4
"""Pixels without which nothing can be said."""
_LEAST_CONTRAST = 0.08
"""Between the thing and what lies behind, 0..1, below which they are alike."""
_LEAST_EXCESS = 0.01
_ERRORS = 4.0
"""A departure counts if it is larger than both: absolutely, 0..1, and in standard errors."""
_ERRORS_ALONE = 16.0
"""Standard errors where little else of the rim departs: a photograph's own edge may pass there."""
_ALIKE = 10.0
"""Neighbouring pixels that tell as much as one."""
_CHANGE = 0.5
"""Of the variance that a mean has, the share of the squared change from layer to layer behind the rim: busy places."""
_LEAST_ERROR = 0.002
_MOST_SHARE = 1.2
"""Of the contrast: a departure beyond it is something else."""

_MUCH = 0.4
"""Share of a hole's rim, at some distance from the mask, that makes the rest of it doubtful."""

_STEPS = 4095
_SIDE = 2 * _RADIUS + 1
_Sums = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""By layer the pixels in a square and, by channel, the sum of their values; the sum of squares of those near behind."""
_TILE = 256


_NOTHING, _THING, _NEAR_BEHIND, _FAR_BEHIND = 0, 1, 2, 3
_FIRST_RIM = 4
"""Layers of pixels; _FIRST_RIM + d is the rim at a distance of d pixels, 1..DEPTH."""


def doubtful_rim(
    photograph: Photograph, masked: NDArray[np.bool_], check: Callable[[], None] = lambda: None
) -> NDArray[np.bool_]:
    """Known pixels near the mask that still show what it was to cover.

    What is said depends on the `_SEEN` pixels round the mask only, so a crop with all of them gives what the image
    gives.

    Args:
        photograph: its known pixels are those outside the mask that are not transparent.
        masked: bool [H, W].
        check: called often; may raise.

    Returns:
        bool [H, W]; none of them masked, each at most `FARTHEST` pixels from the mask and joined to it by others.
    """
    result = np.zeros(masked.shape, np.bool_)
    outer = bounding_box(masked)
    if outer is None:
        return result
    box = grown(outer, _SEEN, photograph.width, photograph.height)
    check()
    # In one piece of memory, whatever the box: for each layout there would be machine code of its own.
    mine, known = (np.ascontiguousarray(part[slices(box)]) for part in (masked, photograph.known))
    layer, depth, distance = _layers(mine, known, check)
    values = _light_and_colour(photograph, box, layer > _FIRST_RIM, check)
    # Without anything behind it, nothing is said of a pixel: in a mask of a thousand specks most have nothing.
    behind = cv2.dilate((layer == _NEAR_BEHIND).view(np.uint8), np.ones((2 * _RADIUS + 1,) * 2, np.uint8))
    judged = (layer > _FIRST_RIM) & (behind > 0)
    departure = np.zeros(layer.shape, np.float32)
    tiles = list(_tiles(box))

    def judge(begin: int, end: int) -> None:
        for tile in tiles[begin:end]:
            here = judged[slices(tile)]
            if here.any():
                seen = grown(tile, _RADIUS, box.width, box.height)
                places = np.argwhere(here) + np.array([tile.y - seen.y, tile.x - seen.x])
                departure[slices(tile)][here] = _judge(values[slices(seen)], layer[slices(seen)], places)

    in_chunks(judge, len(tiles), 1, torch.get_num_threads(), check)
    rest = cut_off(values, depth, distance, known & ~mine, _STEPS, check)
    result[slices(box)] = _doubtful(departure, layer, check) | rest
    return result


def _tiles(box: Rectangle) -> Iterator[Rectangle]:
    """Small parts of a rectangle, from its corner."""
    for y in range(0, box.height, _TILE):
        for x in range(0, box.width, _TILE):
            yield Rectangle(x, y, min(_TILE, box.width - x), min(_TILE, box.height - y))


def _light_and_colour(
    photograph: Photograph, box: Rectangle, rim: NDArray[np.bool_], check: Callable[[], None]
) -> NDArray[np.int16]:
    """Lightness and two differences of colour, int16 [h, w, 3], in `_STEPS` of full range: sums of them are exact.

    Args:
        rim: bool [h, w], round whose pixels they are wanted; 0 farther away.
    """
    values = np.zeros((box.height, box.width, 3), np.int16)
    tiles = list(_tiles(box))

    def convert(begin: int, end: int) -> None:
        for tile in tiles[begin:end]:
            if not rim[slices(grown(tile, _SEEN, box.width, box.height))].any():
                continue
            rgb = photograph.rgb(tile._replace(x=tile.x + box.x, y=tile.y + box.y))
            # In steps of 8 bits: a photograph is judged the same in all formats, else it would be filled otherwise.
            steps = np.rint(np.rint(np.clip(rgb, -1, 2) * 255) * (_STEPS / 255)).astype(np.int16)
            red, green, blue = steps[..., 0], steps[..., 1], steps[..., 2]
            lightness = (red.astype(np.int32) + 2 * green + blue) // 4
            values[slices(tile)] = np.stack([lightness, red - green, blue - green], axis=-1)

    in_chunks(convert, len(tiles), 1, torch.get_num_threads(), check)
    return values


def _layers(
    masked: NDArray[np.bool_], known: NDArray[np.bool_], check: Callable[[], None]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """The layer of each pixel, uint8 [h, w]; its distance to the mask's edge, in it and outside, float32 [h, w]."""
    layer = np.zeros(masked.shape, np.uint8)
    distances = [np.zeros((0, 0), np.float32)] * 2

    def measure(begin: int, end: int) -> None:
        for number in range(begin, end):
            inside = (masked if number == 0 else ~masked).view(np.uint8)
            distances[number] = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)

    in_chunks(measure, 2, 1, torch.get_num_threads(), check)
    depth, distance = distances
    layer[masked & (depth <= _INSIDE)] = _THING
    check()
    begin = DEPTH + 1
    layer[known & (distance > begin)] = _NEAR_BEHIND
    layer[known & (distance > begin + _BEHIND)] = _FAR_BEHIND
    layer[known & (distance > begin + 2 * _BEHIND)] = _NOTHING
    rim = known & (distance > 0) & (distance <= DEPTH + 0.5)
    layer[rim] = _FIRST_RIM + np.rint(distance[rim]).astype(np.uint8)
    return layer, depth, distance


@compiled
def _judge(values: NDArray[np.int16], layer: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """How many standard errors the rim round each place departs towards the thing.

    Args:
        places: int64 [n, 2], row and column.

    Returns:
        float32 [n]; 0 where it departs too little or too far to be the thing's doing.
    """
    verdicts = np.zeros(len(places), np.float32)
    kinds = _FIRST_RIM + DEPTH + 1
    sums = np.zeros(kinds, np.int64), np.zeros((kinds, 3), np.int64), np.zeros(3, np.int64)
    count, total, squares = sums
    # The square in which is summed: its first row and column.
    top = left = -4 * _RADIUS
    for number in range(len(places)):
        row, column = places[number]
        own = layer[row, column]
        down, across = row - _RADIUS - top, column - _RADIUS - left
        if abs(down) + abs(across) <= _RADIUS:
            # Most of what it contains stays.
            _add_rows(values, layer, top, down, left, sums)
            _add_columns(values, layer, top + down, left, across, sums)
        else:
            count[:], total[:], squares[:] = 0, 0, 0
            _add(values, layer, (top + down, top + down + _SIDE), (left + across, left + across + _SIDE), 1, sums)
        top, left = top + down, left + across
        if min(count[_NEAR_BEHIND], count[_FAR_BEHIND]) < _LEAST_BEHIND or count[_THING] < _LEAST_INSIDE:
            continue
        # What lies behind is continued to the rim.
        slope = (DEPTH + 1 + _BEHIND / 2 - (own - _FIRST_RIM)) / _BEHIND
        told = min(count[own], count[_NEAR_BEHIND]) / _ALIKE
        for first, last in ((0, 1), (1, 3)):
            contrast = excess = error = 0.0
            for channel in range(first, last):
                near = total[_NEAR_BEHIND, channel] / count[_NEAR_BEHIND]
                change = near - total[_FAR_BEHIND, channel] / count[_FAR_BEHIND]
                variance = (squares[channel] / count[_NEAR_BEHIND] - near * near) / told + _CHANGE * change * change
                behind = near + slope * change
                thing = total[_THING, channel] / count[_THING] - behind
                contrast += thing * thing
                excess += thing * (total[own, channel] / count[own] - behind)
                error += thing * thing * (variance + (_LEAST_ERROR * _STEPS) ** 2)
            size = np.sqrt(contrast)
            if (
                size > _LEAST_CONTRAST * _STEPS
                and excess > _LEAST_EXCESS * _STEPS * size
                and excess < _MOST_SHARE * contrast
            ):
                verdicts[number] = max(verdicts[number], excess / np.sqrt(error))
    return verdicts


@compiled
def _add_rows(values: NDArray[np.int16], layer: NDArray[np.uint8], top: int, down: int, left: int, sums: _Sums) -> None:
    """Move the square that begins at some row and column down, or up, by some rows."""
    columns = left, left + _SIDE
    first, last = min(top, top + down), max(top, top + down)
    sign = 1 if down > 0 else -1
    _add(values, layer, (first, last), columns, -sign, sums)
    _add(values, layer, (first + _SIDE, last + _SIDE), columns, sign, sums)


@compiled
def _add_columns(
    values: NDArray[np.int16], layer: NDArray[np.uint8], top: int, left: int, across: int, sums: _Sums
) -> None:
    """Move it to the right, or to the left, by some columns."""
    rows = top, top + _SIDE
    first, last = min(left, left + across), max(left, left + across)
    sign = 1 if across > 0 else -1
    _add(values, layer, rows, (first, last), -sign, sums)
    _add(values, layer, rows, (first + _SIDE, last + _SIDE), sign, sums)


@compiled
def _add(
    values: NDArray[np.int16],
    layer: NDArray[np.uint8],
    rows: tuple[int, int],
    columns: tuple[int, int],
    sign: int,
    sums: _Sums,
) -> None:
    """Add what lies in a rectangle to the sums, or take it away: whole numbers, so nothing of it stays."""
    count, total, squares = sums
    for y in range(max(0, rows[0]), min(layer.shape[0], rows[1])):
        for x in range(max(0, columns[0]), min(layer.shape[1], columns[1])):
            kind = layer[y, x]
            if kind == _NOTHING:
                continue
            count[kind] += sign
            for channel in range(3):
                value = np.int64(values[y, x, channel])
                total[kind, channel] += sign * value
                if kind == _NEAR_BEHIND:
                    squares[channel] += sign * value * value


def _doubtful(departure: NDArray[np.float32], layer: NDArray[np.uint8], check: Callable[[], None]) -> NDArray[np.bool_]:
    """The rim of a hole as deep as much of it departs, what departs by itself, and what lies between that and the mask.

    A mask that is too tight is so all the way round, and where the surroundings are busy that does not show.

    Args:
        departure: float32 [h, w], standard errors.
    """
    is_rim = layer > _FIRST_RIM
    near = cv2.dilate(is_rim.view(np.uint8), np.ones((3, 3), np.uint8))
    check()
    count, labels = cv2.connectedComponents(near, connectivity=8)
    check()
    # The rim is a small part of a large picture: from here on it alone is looked at.
    rows, columns = np.nonzero(is_rim)
    check()
    distances, departures, label = layer[rows, columns] - _FIRST_RIM, departure[rows, columns], labels[rows, columns]
    is_tight = np.ones(count, np.bool_)
    depth = np.zeros(count, np.uint8)
    for distance in range(1, DEPTH + 1):
        check()
        ring = distances == distance
        found = np.bincount(label[ring & (departures > _ERRORS)], minlength=count)
        is_tight &= found >= _MUCH * np.maximum(np.bincount(label[ring], minlength=count), 1)
        depth[is_tight] = distance
    # One pixel more: there the thing is too faint to be told, and not to be seen.
    is_doubtful = (departures > _ERRORS_ALONE) | (distances <= (depth + (depth > 0))[label])
    # With a border, and what is doubtful at each distance by its number: a pixel before one of the ring behind is, too.
    result = np.zeros((layer.shape[0] + 2, layer.shape[1] + 2), np.uint8)
    stride = result.shape[1]
    beside = np.array([row * stride + column for row in (-1, 0, 1) for column in (-1, 0, 1)])
    for distance in range(DEPTH, 0, -1):
        check()
        ring = distances == distance
        places = (rows[ring] + 1) * stride + columns[ring] + 1
        is_before = (result.ravel()[places[:, None] + beside] == distance + 1).any(axis=1)
        result.ravel()[places[is_doubtful[ring] | is_before]] = distance
    return np.asarray(result[1:-1, 1:-1] > 0)
