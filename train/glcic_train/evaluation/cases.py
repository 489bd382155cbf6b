"""The photographs that methods are judged on, and the holes in them: the same for every model and machine."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_train.data.folder import Photographs
from glcic_train.evaluation.sloppy import OFFSETS, spoilt
from glcic_train.masks import KINDS, frozen_masks

SLOPPY = "sloppy"
"""Kind of the holes over a foreign thing (`evaluation.sloppy`), one for each of `OFFSETS`."""

AT_EDGES: dict[str, tuple[tuple[int | None, int | None], ...]] = {
    "edge": ((0, None), (1, None), (None, 0), (None, 1)),
    "corner": ((0, 0), (1, 0), (0, 1), (1, 1)),
}
"""Kinds of the rectangles that reach edges of the photograph -> those across and down, for four photographs in turn."""

UNDER = ("grey", "photograph")
"""What can lie under a mask. As with a user, it may be judged there what is to be removed, but nothing taken."""


@dataclass(frozen=True)
class CaseOptions:
    """Which photographs, and which holes.

    Attributes:
        kinds: kinds of holes, keys of `masks.KINDS`, or of `AT_EDGES`; every photograph gets one of each. `SLOPPY`
            stands for one of each of `sloppy_kind(offset)`.
        count: photographs, at most; a larger count only adds some.
        seed: of the choice of photographs and of the holes.
        short_side: of the photographs, which are resized, in pixels.
        hole: range of the holes' widths and heights, in pixels.
        square: cut the photographs to their middle square.
        under: what lies under the masks, one of `UNDER`.
    """

    kinds: tuple[str, ...] = ("rectangle", "blob", "strokes")
    count: int = 100
    seed: int = 0
    short_side: int = 400
    hole: tuple[int, int] = (96, 128)
    square: bool = False
    under: str = "grey"

    def __post_init__(self) -> None:
        known = (*KINDS, *AT_EDGES, SLOPPY)
        for kind in self.kinds:
            if kind not in known:
                raise InvalidInputError(f"There is no kind of hole {kind!r}. The kinds are {', '.join(known)}.")
        if self.under not in UNDER:
            raise InvalidInputError(f"Nothing is called {self.under!r} that can lie under a mask: {', '.join(UNDER)}.")
        low, high = self.hole
        if not 1 <= low <= high < self.short_side:
            raise InvalidInputError(
                f"Holes of {low} to {high} pixels do not fit photographs whose short side is {self.short_side}. "
                "Choose --hole smaller, smallest first, or --short-side larger."
            )

    @property
    def cases_each(self) -> int:
        """Number of cases of one photograph."""
        return sum(len(OFFSETS) if kind == SLOPPY else 1 for kind in self.kinds)


@dataclass(frozen=True)
class Case:
    """One photograph with one hole.

    Attributes:
        key: the photograph's name in its shard.
        kind: kind of the hole.
        truth: uint8 [H, W, 3], RGB.
        hole: bool [H, W], within the middle square, or at an edge.
        input: uint8 [H, W, 3], what a method is given: the photograph with its hole painted grey, or as it is, or with
            a foreign thing in it.
    """

    key: str
    kind: str
    truth: np.ndarray
    hole: np.ndarray
    input: np.ndarray

    def window(self, size: int) -> tuple[slice, slice]:
        """Rows and columns of the square around the hole, of `size` pixels or the photograph's short side."""
        size = min(size, *self.hole.shape)
        x, y, width, height = cv2.boundingRect(self.hole.astype(np.uint8))
        top = min(max(y + height // 2 - size // 2, 0), self.hole.shape[0] - size)
        left = min(max(x + width // 2 - size // 2, 0), self.hole.shape[1] - size)
        return slice(top, top + size), slice(left, left + size)


def sloppy_kind(offset: int) -> str:
    """Kind of the holes that are so many pixels larger than the thing that they are over."""
    return f"{SLOPPY} {offset:+d}" if offset else f"{SLOPPY} exact"


def cases(photos: Photographs, options: CaseOptions) -> Iterator[Case]:
    """All cases, photograph by photograph, each with its kinds of holes in order."""
    numbers = np.random.default_rng(options.seed).permutation(len(photos))[: options.count]
    size = options.short_side
    masks = {
        kind: frozen_masks(options.seed, len(numbers), size, "rectangle" if kind in AT_EDGES else kind, options.hole)
        for kind in options.kinds
        if kind != SLOPPY
    }
    for place, number in enumerate(numbers):
        truth = _resized(photos.read(int(number)), size)
        top, left = (truth.shape[0] - size) // 2, (truth.shape[1] - size) // 2
        if options.square:
            truth = np.ascontiguousarray(truth[top : top + size, left : left + size])
            top = left = 0
        key = photos.info(int(number))["key"]
        for kind in options.kinds:
            if kind == SLOPPY:
                thing = spoilt(truth, options.seed, place, options.hole)
                for offset in OFFSETS:
                    yield Case(key, sloppy_kind(offset), thing.truth, thing.mask(offset), thing.shown)
                continue
            hole = np.zeros(truth.shape[:2], np.bool_)
            hole[top : top + size, left : left + size] = masks[kind][place]
            if kind in AT_EDGES:
                hole = _at_the_edge(hole, AT_EDGES[kind][place % 4])
            shown = np.where(hole[..., None], np.uint8(128), truth) if options.under == "grey" else truth
            yield Case(key, kind, truth, hole, shown)


def _at_the_edge(hole: np.ndarray, sides: tuple[int | None, int | None]) -> np.ndarray:
    """A rectangle moved to the first (0) or the last (1) edge across and down; None leaves it where it is."""
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    rows, columns = hole.shape
    across, down = sides
    x = x if across is None else across * (columns - width)
    y = y if down is None else down * (rows - height)
    moved = np.zeros_like(hole)
    moved[y : y + height, x : x + width] = True
    return moved


def _resized(photo: np.ndarray, short_side: int) -> np.ndarray:
    height, width = photo.shape[:2]
    scale = short_side / min(height, width)
    size = max(short_side, round(width * scale)), max(short_side, round(height * scale))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
