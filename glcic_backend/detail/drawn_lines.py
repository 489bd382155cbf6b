"""A scene and lines that the user has drawn in; those parts of them that its hole hides, as lines to continue, out.

A drawn line says what no search can know: where a bent wire, or a faint one, goes on. It is drawn by hand, so where the
picture shows an edge or a thin line beside it, that is followed.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.detail.line_pairs import LEAST_STEP, LONG, across, places_of
from glcic_backend.detail.lines import ACROSS, DRAWN, Line, Path, Point
from glcic_backend.errors import InvalidInputError
from glcic_backend.scene.scene import Scene

_STEP = 0.5
"""Pixels between two samples of a line, at most."""
_SHORTEST = 8
"""Samples of a known part that tell what a line looks like."""
_TOLD = int(LONG / _STEP)
"""Samples nearest to the hole that are asked what it looks like."""
_LONGEST = 20_000.0
"""Pixels of a drawn line in the surroundings of one hole."""
_STRAIGHT = 0.25
"""Pixels by which a line may miss the corners that are left out of it."""
_OWN = 6.0
"""Pixels from where a drawn line enters or leaves a hole within which an edge that ends there is the drawn one."""

_MARGIN = int(ACROSS[-1]) + 2


def drawn_lines(scene: Scene, corners: Path) -> list[Line]:
    """The parts of a drawn line that the hole of a scene hides.

    Args:
        scene: the hole and its surroundings.
        corners: of the line; they may lie anywhere.

    Returns:
        One for each time that it goes into the hole from what is known, or comes out to it.

    Raises:
        InvalidInputError: it is too long.
    """
    lines = []
    for path in _within(corners, scene.hole.shape):
        is_known = _known_round(scene.known, path)
        columns, rows = np.rint(path).astype(int).T
        is_hole = scene.hole[rows, columns]
        for begin, end in np.flatnonzero(np.diff(is_known, prepend=True, append=True)).reshape(-1, 2).tolist():
            if is_hole[begin:end].any():
                before, after = _run(is_known[:begin][::-1]), _run(is_known[end:])
                lines += _line(scene, path[begin - before : end + after], before, before + end - begin)
    return lines


def goes_on_as(found: Line, drawn: Line) -> bool:
    """Whether a line that was found begins or ends where a drawn one does: it says otherwise how that goes on."""
    ends, others = found.hidden[[0, -1]], drawn.hidden[[0, -1]]
    return bool((np.hypot(*(ends[:, None] - others[None]).transpose(2, 0, 1)) < _OWN).any())


def _known_round(known: NDArray[np.bool_], path: Path) -> NDArray[np.bool_]:
    """Which places of a path are known with the pixels beside them, which may be what the hole is to hide."""
    padded = np.pad(known, 1, mode="edge")
    columns, rows = np.rint(path).astype(int).T + 1
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return np.asarray(np.all([padded[rows + down, columns + right] for down, right in steps], axis=0))


def _run(told: NDArray[np.bool_]) -> int:
    """How many of the first are true."""
    return len(told) if told.all() else int(told.argmin())


def _within(corners: Path, shape: tuple[int, ...]) -> list[Path]:
    """The parts of a drawn line that lie in a picture of a shape, sampled."""
    parts: list[Path] = []
    far = np.array(shape[1::-1]) - 1.0
    length, goes_on = 0.0, False
    for begin, end in pairwise(corners):
        first, last = _shares_within(begin, end, far)
        if first > last:
            goes_on = False
            continue
        piece = float(np.hypot(*(end - begin))) * (last - first)
        length += piece
        if length > _LONGEST:
            raise InvalidInputError(
                f"A line is more than {_LONGEST:.0f} pixels long near one hole. Draw it across the hole once."
            )
        places = begin + (end - begin) * np.linspace(first, last, int(piece / _STEP) + 2)[:, None]
        places = places.clip(0, far)
        if goes_on:
            parts[-1] = np.concatenate([parts[-1], places[1:]])
        else:
            parts.append(places)
        goes_on = last == 1
    return parts


def _shares_within(begin: Point, end: Point, far: Point) -> tuple[float, float]:
    """Where a straight piece, 0 at its begin and 1 at its end, enters and leaves what lies between 0 and `far`.

    If it does nowhere, it leaves before it enters.
    """
    first, last = 0.0, 1.0
    for place, way, most in zip(begin.tolist(), (end - begin).tolist(), far.tolist(), strict=True):
        if way == 0:
            last = last if 0 <= place <= most else -1.0
        else:
            one, other = sorted([-place / way, (most - place) / way])
            first, last = max(first, one), min(last, other)
    return first, last


def _line(scene: Scene, path: Path, enters: int, leaves: int) -> list[Line]:
    """The line along a path; none where neither side of it is known.

    Args:
        path: its samples: known ones, hidden ones from number `enters` on, and known ones from `leaves` on.
    """
    way = np.stack([np.gradient(path[:, axis]) for axis in (0, 1)], axis=1)
    way /= np.maximum(np.hypot(*way.T), np.finfo(np.float64).tiny)[:, None]
    right = np.stack([-way[:, 1], way[:, 0]], axis=1)
    sides = slice(max(0, enters - _TOLD), enters), slice(leaves, leaves + _TOLD)
    told = [side for side in sides if len(path[side]) >= _SHORTEST]
    if not told:
        return []
    # What is drawn by hand lies a little beside what it means.
    shifts = [float(_shift(_profile(scene, path[side], right[side]))) for side in told]
    path = path + right * np.interp(np.arange(len(path)), [enters, leaves - 1], [shifts[0], shifts[-1]])[:, None]
    profiles = [_profile(scene, path[side], right[side]) for side in told]
    parts = [path[: enters + 1], path[enters:leaves], path[leaves - 1 :]]
    corners = [cv2.approxPolyDP(part.astype(np.float32)[:, None], _STRAIGHT, closed=False)[:, 0] for part in parts]
    joined = np.concatenate([corners[0][:-1], corners[1], corners[2][1:]]).astype(np.float64)
    first = len(corners[0]) - 1
    return [Line(joined, first, first + len(corners[1]) - 1, np.stack([profiles[0], profiles[-1]]), DRAWN)]


def _shift(profile: NDArray[np.float64]) -> float:
    """How far to the right of a path its line is, pixels; 0 where none is to be seen."""
    step = np.ptp(profile, axis=0).max()
    return float(places_of(profile[None], step[None])[0]) if step >= LEAST_STEP else 0.0


def _profile(scene: Scene, path: Path, right: Path) -> NDArray[np.float64]:
    """Mean colours across a path, from left to right, float64 [a, 3]."""
    low = np.maximum(np.floor(path.min(axis=0)).astype(int) - _MARGIN, 0)
    high = np.ceil(path.max(axis=0)).astype(int) + _MARGIN + 1
    box = slice(low[1], high[1]), slice(low[0], high[0])
    # What the hole shows is to go.
    picture = np.asarray(np.where(scene.known[box][..., None], scene.picture[box], 0.5), np.float32)
    return np.asarray(across(picture, (path - low)[None], right[None])[0])
