"""A photograph and its mask in; what the mask has cut off the thing out: the tip of a wing, an arm, a piece of wire.

It begins at the mask, beside masked pixels of its colour, and ends near it; nothing farther away looks like it. What
goes on beyond is the photograph's own, like a fence of which one post is masked.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.compiled import compiled

DEEPEST = 16
"""Pixels from the mask at which a sliver has to end."""
_EDGE = 2
"""Pixels round a sliver that its soft edge and its colour in a JPEG reach."""
REACH = DEEPEST + _EDGE

_LOOK, _STRIDE = 40, 8
"""Half the side of the square round a pixel in which others are looked at, and every which of them, pixels."""
SEEN = REACH + _LOOK
"""Pixels from the mask up to which anything is looked at."""
_LEAST_SAMPLES = 16
_ALIKE = 0.15
"""Pixels are alike if their lightness and both their differences of colour differ by no more, 0..1."""
_MOST_ALIKE = 0.02
"""Share of what is known round about that may look like a pixel of a sliver."""
_SAME = 0.06
"""As `_ALIKE`, of a pixel beside the mask and what is masked."""
_LEAST_SAME = 0.08
"""Share of what is masked round about that has to look the same as where a sliver begins."""
_CHUNK = 512
"""Pixels beside the mask that are begun at between two looks at the cancel."""


def cut_off(
    values: NDArray[np.int16],
    masked: NDArray[np.bool_],
    known: NDArray[np.bool_],
    full: int,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.bool_]:
    """Known pixels that belong to what is masked.

    Args:
        values: int16 [h, w, 3], lightness and two differences of colour.
        masked, known: bool [h, w]; none is both.
        full: the lightness of white.
        check: called often; may raise.

    Returns:
        bool [h, w]; each at most `REACH` pixels from the mask.
    """
    check()
    away = cv2.distanceTransform((~masked).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    distance = np.asarray(away, np.float32)
    far = known & (distance > REACH)
    check()
    begins = np.argwhere(known & (distance > 0) & (distance < 1.5))  # beside a masked pixel, or corner to corner
    verdict = np.zeros(masked.shape, np.uint8)
    for first in range(0, len(begins), _CHUNK):
        check()
        some = begins[first : first + _CHUNK]
        _follow(values, masked, known, far, distance, some, int(_ALIKE * full), int(_SAME * full), verdict)
    check()
    found = verdict == _OURS
    wide = cv2.dilate(found.view(np.uint8), np.ones((2 * _EDGE + 1,) * 2, np.uint8)) > 0
    return np.asarray(found | (wide & known & (distance <= REACH)), np.bool_)


_NEW, _PLAIN, _STANDS_OUT, _OURS, _BELIEVED = 0, 1, 2, 3, 4
"""What is known of a pixel."""


@compiled
def _follow(
    values: NDArray[np.int16],
    masked: NDArray[np.bool_],
    known: NDArray[np.bool_],
    far: NDArray[np.bool_],
    distance: NDArray[np.float32],
    begins: NDArray[np.int64],
    alike: int,
    same: int,
    verdict: NDArray[np.uint8],
) -> None:
    """Follow what stands out from the mask outwards.

    Args:
        far: pixels that a sliver is compared with.
        begins: int64 [n, 2], rows and columns beside the mask.
        alike, same: largest differences of pixels that are alike, and the same.
        verdict: uint8 [h, w], changed in place: what is known of each pixel.
    """
    height, width = masked.shape
    for number in range(len(begins)):
        row, column = begins[number]
        if verdict[row, column] > _STANDS_OUT or not _continues(values, masked, row, column, same):
            continue
        if not _stands_out(values, far, verdict, row, column, alike):
            continue
        # All that stands out and hangs together is one sliver, or none.
        verdict[row, column] = _OURS
        piece = [(row, column)]
        ends = True
        done = 0
        while done < len(piece):
            y, x = piece[done]
            done += 1
            for b in range(max(0, y - 1), min(height, y + 2)):
                for a in range(max(0, x - 1), min(width, x + 2)):
                    if not known[b, a] or verdict[b, a] > _STANDS_OUT:
                        continue
                    if _stands_out(values, far, verdict, b, a, alike):
                        if distance[b, a] > DEEPEST:
                            ends = False
                            continue
                        verdict[b, a] = _OURS
                        piece.append((b, a))
        if not ends:
            for y, x in piece:
                verdict[y, x] = _BELIEVED


@compiled
def _continues(values: NDArray[np.int16], masked: NDArray[np.bool_], row: int, column: int, same: int) -> bool:
    """Whether a pixel looks the same as a masked one beside it, and as much of what is masked round about."""
    beside = False
    for y in range(max(0, row - 1), min(masked.shape[0], row + 2)):
        for x in range(max(0, column - 1), min(masked.shape[1], column + 2)):
            beside |= masked[y, x] and _are_alike(values, row, column, y, x, same)
    return beside and _share(values, masked, row, column, same, 1) >= _LEAST_SAME


@compiled
def _stands_out(
    values: NDArray[np.int16],
    far: NDArray[np.bool_],
    verdict: NDArray[np.uint8],
    row: int,
    column: int,
    alike: int,
) -> bool:
    """Whether hardly anything farther from the mask looks like a pixel. Found once, and kept in `verdict`."""
    if verdict[row, column] != _NEW:
        return bool(verdict[row, column] != _PLAIN)
    stands_out = _share(values, far, row, column, alike, _LEAST_SAMPLES) <= _MOST_ALIKE
    verdict[row, column] = _STANDS_OUT if stands_out else _PLAIN
    return bool(stands_out)


@compiled
def _share(values: NDArray[np.int16], among: NDArray[np.bool_], row: int, column: int, alike: int, least: int) -> float:
    """Share of some pixels in the square round one that look like it; 1 where there are fewer than `least`."""
    seen = like = 0
    for y in range(max(row % _STRIDE, row - _LOOK), min(among.shape[0], row + _LOOK + 1), _STRIDE):
        for x in range(max(column % _STRIDE, column - _LOOK), min(among.shape[1], column + _LOOK + 1), _STRIDE):
            if among[y, x]:
                seen += 1
                like += _are_alike(values, row, column, y, x, alike)
    return like / seen if seen >= least else 1.0


@compiled
def _are_alike(values: NDArray[np.int16], row: int, column: int, y: int, x: int, alike: int) -> bool:
    here, there = values[row, column], values[y, x]
    light, red, blue = abs(here[0] - there[0]), abs(here[1] - there[1]), abs(here[2] - there[2])
    return bool(light <= alike and red <= alike and blue <= alike)
