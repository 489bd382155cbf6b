"""A photograph and its mask in; what the mask has cut off the thing out: the tip of a wing, an arm, a piece of wire.

It begins at the mask, beside masked pixels of its colour, and ends near it; hardly anything farther away looks like it,
or little does, and many times as large a share of what is masked. What goes on beyond is the photograph's own, like a
fence of which one post is masked.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.compiled import compiled


class _Differences(NamedTuple):
    """Differences of pixels in steps of their values.

    Attributes:
        alike: the largest of pixels that are alike.
        calm_alike: the same where what lies far is calm.
        calm: its largest standard deviation where it is.
        mean_alike: the largest of a sliver's mean and a pixel that has its colour.
    """

    alike: int
    calm_alike: int
    calm: int
    mean_alike: int


class _Signs(NamedTuple):
    """What tells a sliver.

    Attributes:
        most: share of what is known round about that may look like one of its pixels.
        times: so many times as large a share of what is masked round about has to look like it; 0 asks for none.
        deepest: pixels from the mask at which it has to end.
        must_be_alone: what beside it has its mean colour has to end there, too.
        farther: how many times as far is looked where too little is known.
        small: times the depth of the mask beside it that it may be deep.
    """

    most: float
    times: float
    deepest: float
    must_be_alone: bool
    farther: int
    small: float


DEEPEST = 16
"""Pixels from the mask at which a sliver has to end."""
_FARTHER = 2
_SIGNS = (
    _Signs(most=0.02, times=0.0, deepest=float(DEEPEST), must_be_alone=False, farther=1, small=np.inf),
    _Signs(most=0.02, times=0.0, deepest=float(DEEPEST), must_be_alone=False, farther=_FARTHER, small=0.4),
    _Signs(most=0.1, times=6.0, deepest=10.0, must_be_alone=True, farther=1, small=np.inf),
)
"""Hardly anything looks like it. Or too little is known to say so, as between two holes, but farther away, too, hardly
anything does: then it has to be small beside the thing, for between letters all is near to the mask. Or some does, as
stones do here and there in gravel, but far more of what is masked: then it has to end sooner, and what has its mean
colour with it."""
_EDGE = 2
"""Pixels round a sliver that its soft edge and its colour in a JPEG reach."""
REACH = DEEPEST + _EDGE

_LOOK, _STRIDE = 40, 8
"""Half the side of the square round a pixel in which others are looked at, and every which of them, pixels."""
SEEN = REACH + _FARTHER * _LOOK
"""Pixels from the mask up to which anything is looked at."""
_LEAST_SAMPLES = 16
_ALIKE = 0.15
"""Pixels are alike if their lightness and both their differences of colour differ by no more, 0..1."""
_CALM, _CALM_ALIKE = 0.01, 0.06
"""Standard deviation, 0..1, up to which what lies far is calm, as a sky; `_ALIKE` there."""
_MEAN_ALIKE = 0.1
"""As `_ALIKE`, of a pixel and the mean of a sliver."""
_SAME = 0.06
"""As `_ALIKE`, of a pixel beside the mask and what is masked."""
_LEAST_SAME = 0.08
"""Share of what is masked round about that has to look the same as where a sliver begins."""
_MOST_BESIDE = 500
"""Pixels beside a sliver that may have its mean colour: more of them are no rest of a thing, and take time."""
_CHUNK = 512
"""Pixels beside the mask that are looked at between two looks at the cancel."""
_WORK = 20_000
"""Pixels that are judged between two."""


def cut_off(
    values: NDArray[np.int16],
    depth: NDArray[np.float32],
    distance: NDArray[np.float32],
    known: NDArray[np.bool_],
    full: int,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.bool_]:
    """Known pixels that belong to what is masked.

    Args:
        values: int16 [h, w, 3], lightness and two differences of colour.
        depth, distance: float32 [h, w], pixels from the mask's edge; depth is 0 outside the mask, distance in it.
        known: bool [h, w], outside the mask.
        full: the lightness of white.
        check: called often; may raise.

    Returns:
        bool [h, w]; each at most `REACH` pixels from the mask.
    """
    masked = distance == 0
    far = known & (distance > REACH)
    check()
    # Beside a masked pixel, or corner to corner.
    beside = np.ascontiguousarray(np.argwhere(known & (distance < 1.5)))
    continues = np.zeros(len(beside), np.bool_)
    for first in range(0, len(beside), _CHUNK):
        check()
        some = slice(first, first + _CHUNK)
        _which_continue(values, masked, beside[some], int(_SAME * full), continues[some])
    begins = beside[continues]
    differences = _Differences(*(int(part * full) for part in (_ALIKE, _CALM_ALIKE, _CALM, _MEAN_ALIKE)))
    verdict = np.zeros(known.shape, np.uint8)
    for signs in _SIGNS:
        verdict[verdict < _OURS] = _NEW  # a sliver stays one, and so does what goes on: the rest is judged anew
        first = 0
        while first < len(begins):
            check()
            first += _follow(values, masked, known, far, distance, depth, begins[first:], differences, signs, verdict)
        check()
    found = verdict == _OURS
    wide = cv2.dilate(found.view(np.uint8), np.ones((2 * _EDGE + 1,) * 2, np.uint8)) > 0
    return np.asarray(found | (wide & known & (distance <= REACH)), np.bool_)


_NEW, _PLAIN, _STANDS_OUT, _OURS, _BELIEVED, _LOOKED_AT = 0, 1, 2, 3, 4, 8
"""What is known of a pixel; the last is added to it while `_goes_on` or `_is_small` runs."""


@compiled
def _which_continue(
    values: NDArray[np.int16],
    masked: NDArray[np.bool_],
    beside: NDArray[np.int64],
    same: int,
    continues: NDArray[np.bool_],
) -> None:
    """Which of some pixels beside the mask, int64 [n, 2], look like what is masked: `continues`, in place."""
    for number in range(len(beside)):
        row, column = beside[number]
        continues[number] = _continues(values, masked, row, column, same)


@compiled
def _follow(
    values: NDArray[np.int16],
    masked: NDArray[np.bool_],
    known: NDArray[np.bool_],
    far: NDArray[np.bool_],
    distance: NDArray[np.float32],
    depth: NDArray[np.float32],
    begins: NDArray[np.int64],
    differences: _Differences,
    signs: _Signs,
    verdict: NDArray[np.uint8],
) -> int:
    """Follow what stands out from the mask outwards, until much has been done.

    Args:
        known: pixels outside the mask that are not transparent.
        far: those of them that a sliver is compared with.
        distance, depth: float32 [h, w], pixels outside and inside the mask.
        begins: int64 [n, 2], rows and columns of pixels beside the mask that continue what is masked.
        differences: that count as none.
        signs: what tells a sliver now.
        verdict: uint8 [h, w], changed in place: what is known of each pixel.

    Returns:
        How many of `begins` are done with.
    """
    height, width = masked.shape
    work = 0
    for number in range(len(begins)):
        if work > _WORK:
            return number
        work += 1
        row, column = begins[number]
        if verdict[row, column] > _STANDS_OUT or not _stands_out(
            values, masked, far, verdict, row, column, differences, signs
        ):
            continue
        # All that stands out and hangs together is one sliver, or none.
        verdict[row, column] = _OURS
        piece = [(row, column)]
        ends = True
        done = 0
        while done < len(piece):
            y, x = piece[done]
            done += 1
            work += 1
            for b in range(max(0, y - 1), min(height, y + 2)):
                for a in range(max(0, x - 1), min(width, x + 2)):
                    if not known[b, a] or verdict[b, a] > _STANDS_OUT:
                        continue
                    if _stands_out(values, masked, far, verdict, b, a, differences, signs):
                        if distance[b, a] > signs.deepest:
                            ends = False
                            continue
                        verdict[b, a] = _OURS
                        piece.append((b, a))
        if ends and signs.small < np.inf:
            ends = _is_small(distance, depth, verdict, piece, signs.small)
        if ends and signs.must_be_alone:
            ends = not _goes_on(values, known, distance, verdict, piece, differences.mean_alike, signs.deepest)
        if not ends:
            for y, x in piece:
                verdict[y, x] = _BELIEVED
    return len(begins)


@compiled
def _is_small(
    distance: NDArray[np.float32],
    depth: NDArray[np.float32],
    verdict: NDArray[np.uint8],
    piece: list[tuple[int, int]],
    small: float,
) -> bool:
    """Whether a piece is at most so many times as deep as some of the mask that lies uphill from it."""
    height, width = depth.shape
    enough = np.float32(0)
    for y, x in piece:
        enough = max(enough, distance[y, x] / np.float32(small))
    uphill = [(y, x) for y, x in piece if distance[y, x] < 1.5]
    begun = len(uphill)
    found = False
    done = 0
    while done < len(uphill) and not found:
        y, x = uphill[done]
        done += 1
        for b in range(max(0, y - 1), min(height, y + 2)):
            for a in range(max(0, x - 1), min(width, x + 2)):
                if depth[b, a] > depth[y, x] and verdict[b, a] == _NEW:
                    verdict[b, a] = _LOOKED_AT
                    uphill.append((b, a))
                    found |= depth[b, a] >= enough
    for y, x in uphill[begun:]:
        verdict[y, x] = _NEW
    return found


@compiled
def _goes_on(
    values: NDArray[np.int16],
    known: NDArray[np.bool_],
    distance: NDArray[np.float32],
    verdict: NDArray[np.uint8],
    piece: list[tuple[int, int]],
    alike: int,
    deepest: float,
) -> bool:
    """Whether what has the mean colour of a piece, and hangs together with it, leads deeper or is much."""
    height, width = known.shape
    mean = np.zeros(3, np.int64)
    for y, x in piece:
        for channel in range(3):
            mean[channel] += values[y, x, channel]
    mean //= len(piece)
    more = [(y, x) for y, x in piece]
    for y, x in piece:
        verdict[y, x] += _LOOKED_AT
    goes_on = False
    done = 0
    while done < len(more) and not goes_on:
        y, x = more[done]
        done += 1
        # Over sides only: from corner to corner stones in gravel would lead anywhere.
        for b, a in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= b < height and 0 <= a < width) or not known[b, a] or verdict[b, a] >= _LOOKED_AT:
                continue
            if np.abs(values[b, a] - mean).max() <= alike:
                verdict[b, a] += _LOOKED_AT
                more.append((b, a))
                goes_on |= distance[b, a] > deepest or len(more) > _MOST_BESIDE + len(piece)
    for y, x in more:
        verdict[y, x] -= _LOOKED_AT
    return goes_on


@compiled
def _continues(values: NDArray[np.int16], masked: NDArray[np.bool_], row: int, column: int, same: int) -> bool:
    """Whether a pixel looks the same as a masked one beside it, and as much of what is masked round about."""
    beside = False
    for y in range(max(0, row - 1), min(masked.shape[0], row + 2)):
        for x in range(max(0, column - 1), min(masked.shape[1], column + 2)):
            beside |= masked[y, x] and _are_alike(values, row, column, y, x, same)
    return beside and _share(values, masked, row, column, same, 1, 1.0) >= _LEAST_SAME


@compiled
def _stands_out(
    values: NDArray[np.int16],
    masked: NDArray[np.bool_],
    far: NDArray[np.bool_],
    verdict: NDArray[np.uint8],
    row: int,
    column: int,
    differences: _Differences,
    signs: _Signs,
) -> bool:
    """Whether little that is farther from the mask looks like a pixel, and, where `signs` ask for it, far more of what
    is masked. Found once, and kept in `verdict`, for these signs."""
    if verdict[row, column] != _NEW:
        return bool(verdict[row, column] != _PLAIN)
    share, alike = _share_of_far(values, far, row, column, differences, signs.farther)
    stands_out = share <= signs.most
    if stands_out and signs.times > 0:
        of_masked = _share(values, masked, row, column, alike, _LEAST_SAMPLES, 0.0)
        stands_out = signs.times * share <= of_masked
    verdict[row, column] = _STANDS_OUT if stands_out else _PLAIN
    return bool(stands_out)


@compiled
def _share_of_far(
    values: NDArray[np.int16],
    far: NDArray[np.bool_],
    row: int,
    column: int,
    differences: _Differences,
    farther: int,
) -> tuple[float, int]:
    """Share of what lies far from the mask in the square round a pixel that looks like it, in one up to `farther` times
    as large where that is too little; 1 where it still is. And the largest difference of what is alike there."""
    for times in range(1, farther + 1):
        look = times * _LOOK
        seen = like = like_in_calm = 0
        total, squares = np.zeros(3, np.int64), np.zeros(3, np.int64)
        for y in range(max(row % _STRIDE, row - look), min(far.shape[0], row + look + 1), _STRIDE):
            for x in range(max(column % _STRIDE, column - look), min(far.shape[1], column + look + 1), _STRIDE):
                if far[y, x]:
                    seen += 1
                    like += _are_alike(values, row, column, y, x, differences.alike)
                    like_in_calm += _are_alike(values, row, column, y, x, differences.calm_alike)
                    for channel in range(3):
                        value = np.int64(values[y, x, channel])
                        total[channel] += value
                        squares[channel] += value * value
        if seen >= _LEAST_SAMPLES:
            variance = ((squares - total / seen * total) / seen).max()
            if variance <= differences.calm**2:
                return like_in_calm / seen, differences.calm_alike
            return like / seen, differences.alike
    return 1.0, differences.alike


@compiled
def _share(
    values: NDArray[np.int16], among: NDArray[np.bool_], row: int, column: int, alike: int, least: int, few: float
) -> float:
    """Share of some pixels in the square round one that look like it; `few` where there are fewer than `least`."""
    seen = like = 0
    for y in range(max(row % _STRIDE, row - _LOOK), min(among.shape[0], row + _LOOK + 1), _STRIDE):
        for x in range(max(column % _STRIDE, column - _LOOK), min(among.shape[1], column + _LOOK + 1), _STRIDE):
            if among[y, x]:
                seen += 1
                like += _are_alike(values, row, column, y, x, alike)
    return like / seen if seen >= least else few


@compiled
def _are_alike(values: NDArray[np.int16], row: int, column: int, y: int, x: int, alike: int) -> bool:
    here, there = values[row, column], values[y, x]
    light, red, blue = abs(here[0] - there[0]), abs(here[1] - there[1]), abs(here[2] - there[2])
    return bool(light <= alike and red <= alike and blue <= alike)
