"""A level in; its rows in bands out, small enough for a processor's cache, which threads share."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from glcic_backend.compiled import in_chunks
from glcic_backend.detail.pyramid import PATCH, RADIUS, Level

_PIXELS = 1 << 15
"""Of a band, about."""


@dataclass(frozen=True)
class Band:
    """Some rows of a picture with its border, and those beside them that patches on them touch.

    Attributes:
        rows: of the picture.
        wide: these with up to `RADIUS` above and below.
        inner: these within `wide`.
        positions: of all pixels of the rows.
        wide_positions: of all pixels of `wide`.
    """

    rows: slice
    wide: slice
    inner: slice
    positions: slice
    wide_positions: slice

    def patch_means(self, wide: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean of the patch on each pixel of the rows, of values of the wide rows: float32 [w, s] or [w, s, c]."""
        return np.asarray(cv2.blur(wide, (PATCH, PATCH))[self.inner], np.float32)


def in_bands(level: Level, run: Callable[[Band], None]) -> None:
    """Call `run` for all rows of a level. They are cut alike however many threads there are.

    Args:
        run: must need no other band's result; NumPy's and OpenCV's functions at heart, during which others can run.
    """
    height = level.count // level.stride

    def band(begin: int, end: int) -> None:
        top, bottom = max(0, begin - RADIUS), min(height, end + RADIUS)
        places = (slice(first * level.stride, last * level.stride) for first, last in ((begin, end), (top, bottom)))
        run(Band(slice(begin, end), slice(top, bottom), slice(begin - top, end - top), *places))

    in_chunks(band, height, max(1, _PIXELS // level.stride), torch.get_num_threads(), lambda: None)
