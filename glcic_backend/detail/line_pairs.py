"""A scene in; the lines that its hole interrupts out: straight edges of two sides that lie in line and look alike."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import in_chunks
from glcic_backend.detail.lines import ACROSS, FOUND, Line, Point, crosses
from glcic_backend.scene.scene import Scene

_REACH = 8.0
"""Pixels from the hole within which an edge has to end."""
_SEEN = 48.0
"""Pixels from the hole within which a piece of it has to end: a long edge is found in several."""
_RIM = 1.5
"""Pixels from what is not known within which edges are not looked at: they may be its own."""
_LEAST_LENGTH = 10.0
_LEAST_SHARE = 0.4
"""Of the gap, that two edges have to be long in the mean, and half of it each; from `LONG` pixels on any gap may be
crossed."""
LONG = 48.0
_MOST_EDGES = 300
_BREAK = 8.0
"""Pixels between two edges in line that are still one, and those by which the other may lie aside."""
_IN_LINE = 1.5
_SAME = 0.5
"""Pixels by which the ends of an edge differ that is found twice; both sides of a thin line are farther apart."""
_TURN = math.radians(3)
"""By which the directions of two edges may differ; short ones are known less exactly."""
_ASIDE = 1.0
"""Pixels by which an edge, prolonged, may miss the other one, and the share of the gap that comes to it."""
_ASIDE_SHARE = 0.02
_MOST_ASIDE = 4.0
_UNLIKE = 0.35
"""Differences of the colours beside two edges, as a share of the step across them, up to which they are alike."""
LEAST_STEP = 0.03
_SAMPLES = 24
_HIDDEN = 0.5
"""Share of the gap between two edges that lies in the hole, at least."""


@dataclass(frozen=True)
class _Edges:
    """Straight edges, or thin lines, that end at a hole; all arrays by edge.

    Attributes:
        near, far: float64 [e, 2], the end at the hole and the other one, columns and rows.
        inwards: float64 [e, 2], unit vectors towards the hole.
        length: float64 [e], pixels.
        profile: float64 [e, a, 3], RGB across, from the left to the right of who looks towards the hole.
        step: float64 [e], the largest difference of colours across.
    """

    near: NDArray[np.float64]
    far: NDArray[np.float64]
    inwards: NDArray[np.float64]
    length: NDArray[np.float64]
    profile: NDArray[np.float64]
    step: NDArray[np.float64]


def interrupted_lines(scene: Scene, check: Callable[[], None] = lambda: None) -> list[Line]:
    """The lines that the hole of a scene interrupts.

    Each edge belongs to one at most. Of two lines that would cross in the hole, the one that is hidden farther counts:
    a rail before pickets, which patches continue from near by.

    Args:
        check: called several times a second; may raise.
    """
    edges = _edges_at_the_hole(scene, check)
    if edges is None:
        return []
    misfit = _misfits(edges, scene.hole, check)
    lines: list[Line] = []
    while misfit.size:
        check()
        one, other = np.unravel_index(int(misfit.argmin()), misfit.shape)
        if not np.isfinite(misfit[one, other]):
            break
        # All go down or to the right: what is beside a line is told by the hand on which it lies.
        one, other = sorted((one, other), key=lambda edge: edges.far[edge].sum())
        ends = np.stack([edges.far[one], edges.near[one], edges.near[other], edges.far[other]])
        # One's right is the other's left.
        lines.append(Line(ends, 1, 2, np.stack([edges.profile[one], edges.profile[other, ::-1]]), FOUND))
        misfit[[one, other]] = misfit[:, [one, other]] = np.inf
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.gap):
        if not any(crosses(line, other) for other in kept):
            kept.append(line)
    return kept


def _edges_at_the_hole(scene: Scene, check: Callable[[], None]) -> _Edges | None:
    """None where there are less than two."""
    # What the hole shows would bend the ends of edges.
    picture = np.asarray(np.where(scene.known[..., None], scene.picture, 0.5), np.float32)
    # A roof may be as bright as the trees behind it.
    warmth = np.asarray((picture[..., 0] - picture[..., 2] + 1) / 2)
    segments = _straight(picture.mean(axis=2), warmth, check=check)
    from_unknown, from_hole = _distance_from(~scene.known), _distance_from(scene.hole)
    is_near = (_at(from_hole, segments).min(axis=1) <= _SEEN) & (_lengths(segments) >= _LEAST_LENGTH)
    pieces = []
    for segment in segments[is_near]:
        check()
        piece = _known_piece(segment, from_unknown, from_hole)
        if piece is not None:
            pieces.append(piece)
    # Time and memory grow with the square of their number. The longest first: it tells the direction best.
    pieces = sorted(pieces, key=lambda ends: -math.dist(*ends))[:_MOST_EDGES]
    ends: list[NDArray[np.float64]] = []
    for piece in pieces:
        check()
        edge = _prolonged(piece, segments, from_unknown, from_hole)
        # Other pieces of the same edge come to the same.
        if edge is not None and not any(np.abs(edge - other).max() < _SAME for other in ends):
            ends.append(edge)
    if len(ends) < 2:
        return None
    near, far = np.stack(ends, axis=1)
    length = np.hypot(*(near - far).T)
    inwards = (near - far) / length[:, None]
    right = np.stack([-inwards[:, 1], inwards[:, 0]], axis=1)
    profile = _profiles(picture, near, inwards, right, length)
    step = np.ptp(profile, axis=1).max(axis=1)
    shift = right * places_of(profile, step)[:, None]
    near, far = near + shift, far + shift
    return _Edges(near, far, inwards, length, _profiles(picture, near, inwards, right, length), step)


def _straight(*planes: NDArray[Any], check: Callable[[], None]) -> NDArray[np.float64]:
    """The straight edges of planes of values 0..1, columns and rows of both ends: float64 [e, 2, 2]."""
    found = [np.zeros((0, 2, 2))] * len(planes)

    def find(begin: int, end: int) -> None:
        for number in range(begin, end):
            grey = np.rint(np.clip(planes[number], 0, 1) * 255).astype(np.uint8)
            edges = cv2.createLineSegmentDetector().detect(grey)[0]
            if edges is not None:
                found[number] = edges.reshape(-1, 2, 2).astype(np.float64)

    in_chunks(find, len(planes), 1, torch.get_num_threads(), check)
    return np.concatenate(found)


def _distance_from(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each pixel from a mask, float32 [h, w]."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def _lengths(segments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels, float64 [e]."""
    return np.asarray(np.hypot(*(segments[:, 1] - segments[:, 0]).T))


def _at(plane: NDArray[Any], places: NDArray[np.float64]) -> NDArray[Any]:
    """What a plane [h, w] has nearest to some places, columns and rows: float64 [..., 2] in, [...] out."""
    columns, rows = np.rint(places).astype(int).transpose(-1, *range(places.ndim - 1))
    return np.asarray(plane[rows.clip(0, plane.shape[0] - 1), columns.clip(0, plane.shape[1] - 1)])


def _known_piece(
    segment: NDArray[np.float64], from_unknown: NDArray[np.float32], from_hole: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """The known part of a straight edge.

    Args:
        segment: float64 [2, 2], the edge as it was found.
        from_unknown, from_hole: float32 [h, w], distances of each pixel, pixels.

    Returns:
        The end that is nearer to the hole and the other one, float64 [2, 2]; None where it is too short.
    """
    begin, end = segment
    places = begin + (end - begin) * np.linspace(0, 1, int(math.dist(begin, end)) + 1)[:, None]
    distance = _at(from_hole, places)
    known = np.flatnonzero(_at(from_unknown, places) > _RIM)
    if not len(known):
        return None
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    run = max(runs, key=len)
    first, last = int(run[0]), int(run[-1])
    if last - first < _LEAST_LENGTH:
        return None
    return np.asarray(places[[last, first] if distance[last] <= distance[first] else [first, last]])


def _prolonged(
    piece: NDArray[np.float64],
    segments: NDArray[np.float64],
    from_unknown: NDArray[np.float32],
    from_hole: NDArray[np.float32],
) -> NDArray[np.float64] | None:
    """An edge with what else is found in line with it: the joints of a wall are interrupted by each other.

    Args:
        piece: float64 [2, 2], the end that is nearer to the hole and the other one.
        segments: float64 [e, 2, 2], all that was found.
        from_unknown, from_hole: float32 [h, w], distances of each pixel, pixels.

    Returns:
        Both ends of the whole, float64 [2, 2], in the same order; it is straight through all its parts. None where it
        does not end at the hole.
    """
    near, length = piece[0], math.dist(*piece)
    way = (piece[1] - near) / length
    places = segments - near
    aside = np.abs(places[..., 1] * way[0] - places[..., 0] * way[1]).max(axis=1)
    parts = segments[aside <= _IN_LINE]
    along = np.sort((parts - near) @ way, axis=1)
    begin = -_end_of(-along[:, ::-1], 0.0)
    if float(_at(from_hole, near)) + begin > _REACH + _IN_LINE:
        return None
    end = _end_of(along, length)
    middle, way = _straight_through(parts[(along[:, 0] >= begin) & (along[:, 1] <= end)], way)
    near = middle + ((near - middle) @ way) * way
    is_unknown = _at(from_unknown, near + np.arange(int(-begin) + 1)[:, None] * -way) <= _RIM
    before = max(float(is_unknown.argmax()) - 1, 0.0) if is_unknown.any() else -begin
    is_unknown = _at(from_unknown, near + np.arange(int(end) + 1)[:, None] * way) <= 0
    beyond = max(float(is_unknown.argmax()), 1.0) if is_unknown.any() else end
    ends = np.stack([near - before * way, near + beyond * way])
    return ends if _at(from_hole, ends[0]) <= _REACH else None


def _end_of(parts: NDArray[np.float64], end: float) -> float:
    """How far an edge goes on that ends somewhere, with the parts, float64 [e, 2], that begin before or soon after."""
    for first, last in sorted(parts.tolist()):
        if first > end + _BREAK:
            break
        end = max(end, last)
    return end


def _straight_through(parts: NDArray[np.float64], way: NDArray[np.float64]) -> tuple[Point, Point]:
    """The line that misses some pieces of an edge least: a point of it, and its direction.

    Args:
        parts: float64 [e, 2, 2], both ends of each; a longer one counts the more.
        way: float64 [2], about the direction.
    """
    weights, ends = _lengths(parts).repeat(2), parts.reshape(-1, 2)
    middle = weights @ ends / weights.sum()
    departure = ends - middle
    direction = np.linalg.eigh((weights[:, None] * departure).T @ departure)[1][:, 1]
    return middle, direction if direction @ way > 0 else -direction


def _profiles(
    picture: NDArray[np.float32],
    near: NDArray[np.float64],
    inwards: NDArray[np.float64],
    right: NDArray[np.float64],
    length: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean colours across edges, from left to right, float64 [e, a, 3]."""
    back = np.linspace(0.05, 1, _SAMPLES) * np.minimum(length, LONG)[:, None]
    along = near[:, None] - inwards[:, None] * back[..., None]
    return across(picture, along, np.broadcast_to(right[:, None], along.shape))


def across(picture: NDArray[np.float32], along: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean colours across lines at the distances `ACROSS`, from left to right, float64 [e, a, 3].

    Args:
        picture: float32 [h, w, 3].
        along: float64 [e, s, 2], places on each line, columns and rows.
        right: float64 [e, s, 2], unit vectors to the right there.
    """
    places = along[:, None] + right[:, None] * ACROSS[:, None, None]
    columns, rows = (np.ascontiguousarray(places[..., axis].reshape(len(along), -1), np.float32) for axis in (0, 1))
    colours = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(colours.reshape(len(along), len(ACROSS), -1, 3).mean(axis=2, dtype=np.float64))


def places_of(profile: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far to the right of where they were found edges are, pixels, float64 [e].

    Of a thin line, of which both edges may be found, its middle; of an edge its steepest place.
    """
    outer = (profile[:, :1] + profile[:, -1:]) / 2
    ridge = np.abs(profile - outer).max(axis=2)
    slope = np.abs(np.gradient(profile, axis=1)).max(axis=2)
    is_thin = np.abs(profile[:, 0] - profile[:, -1]).max(axis=1) < _UNLIKE * step
    weights = np.where(is_thin[:, None], ridge, slope)
    weights = np.maximum(weights - weights.max(axis=1, keepdims=True) / 2, 0)
    return np.asarray((weights * ACROSS).sum(axis=1) / np.maximum(weights.sum(axis=1), np.finfo(np.float64).tiny))


def _misfits(edges: _Edges, hole: NDArray[np.bool_], check: Callable[[], None]) -> NDArray[np.float64]:
    """How badly each two edges make one line, float64 [e, e], infinite where they do not."""
    across = edges.near[None] - edges.near[:, None]
    gap = np.hypot(across[..., 0], across[..., 1])
    straight = across / np.maximum(gap, 1)[..., None]
    ahead = np.einsum("ik,ijk->ij", edges.inwards, straight)
    sideways = np.abs(edges.inwards[:, None, 0] * straight[..., 1] - edges.inwards[:, None, 1] * straight[..., 0])
    turn = np.arccos(np.clip(-edges.inwards @ edges.inwards.T, -1, 1))
    unsure = np.arctan(1 / edges.length)
    allowed_turn = _TURN + unsure[:, None] + unsure[None]
    # What an edge, prolonged, misses the other one by.
    missed = np.maximum(sideways, sideways.T) * gap
    allowed = np.minimum(_ASIDE + _ASIDE_SHARE * gap, _MOST_ASIDE)
    wanted = np.minimum(np.maximum(_LEAST_LENGTH, _LEAST_SHARE * gap), LONG)
    shorter, longer = (order(edges.length[:, None], edges.length[None]) for order in (np.minimum, np.maximum))
    sides = edges.profile[:, [0, -1]]
    unlike = np.abs(sides[:, None] - sides[None, :, ::-1]).max(axis=(2, 3))
    unlike /= np.maximum(np.minimum(edges.step[:, None], edges.step[None]), LEAST_STEP)
    is_line = (ahead > 0) & (ahead.T > 0) & (turn <= allowed_turn) & (missed <= allowed)
    # One may be cut short, by the picture's end or a mast: then the other has to tell the more.
    is_line &= (shorter >= wanted / 2) & (shorter + longer >= 2 * wanted) & (unlike <= _UNLIKE)
    misfit = np.where(is_line, missed / allowed + turn / allowed_turn + unlike / _UNLIKE, np.inf)
    for one, other in zip(*np.nonzero(np.triu(is_line, 1)), strict=True):
        check()
        places = edges.near[one] + across[one, other] * np.linspace(0, 1, _SAMPLES)[:, None]
        if np.count_nonzero(_at(hole, places)) < _HIDDEN * _SAMPLES:
            misfit[one, other] = misfit[other, one] = np.inf
    return misfit
