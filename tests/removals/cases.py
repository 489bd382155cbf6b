"""A folder of photographs with masks in, cases and what of them is worth a look out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

_MASK = "-mask.png"
_PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".webp")

Window = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Case:
    """A photograph and what is removed from it."""

    name: str
    photograph: Path
    mask: Path

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The photograph, uint8 [H, W, 3], RGB, and its hole, bool [H, W]."""
        return read(self.photograph), np.asarray(Image.open(self.mask).convert("L")) > 0


def cases_in(folder: Path, only: Sequence[str] | None = None) -> list[Case]:
    """The cases of a folder by name, or those named.

    Raises:
        FileNotFoundError: a mask has no photograph, or a name no mask.
    """
    names = only or sorted(path.name.removesuffix(_MASK) for path in folder.glob(f"*{_MASK}"))
    return [Case(name, find(folder, name), folder / f"{name}{_MASK}") for name in names]


def find(folder: Path, name: str) -> Path:
    """The picture NAME in a folder, whatever its format.

    Raises:
        FileNotFoundError: there is none.
    """
    for ending in _PHOTOGRAPHS:
        if (folder / f"{name}{ending}").exists():
            return folder / f"{name}{ending}"
    raise FileNotFoundError(f"{folder} holds no picture called {name} ({', '.join(_PHOTOGRAPHS)}).")


def read(path: Path) -> np.ndarray:
    """A picture, uint8 [H, W, 3], RGB."""
    return np.asarray(Image.open(path).convert("RGB"))


def windows(hole: np.ndarray, side: int, margin: int, count: int) -> list[Window]:
    """What of a hole is looked at: squares of at most `side` pixels that touch it, those with most of it first.

    Args:
        hole: bool [H, W], not empty.
        margin: pixels round the hole that are shown.
        count: of squares, at most.
    """
    rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
    spans = [
        (max(0, int(places[0]) - margin), min(size, int(places[-1]) + 1 + margin))
        for places, size in zip((rows, columns), hole.shape, strict=True)
    ]
    squares = [(down, across) for down in _cut(*spans[0], side) for across in _cut(*spans[1], side)]
    squares.sort(key=lambda square: -int(np.count_nonzero(hole[square])))
    return [square for square in squares[:count] if hole[square].any()]


def _cut(begin: int, end: int, side: int) -> list[slice]:
    """A span in equal parts of at most `side`."""
    parts = -(-(end - begin) // side)
    edges = np.linspace(begin, end, parts + 1).round().astype(int).tolist()
    return [slice(one, other) for one, other in pairwise(edges)]
