"""Fills of a photograph in; fills without colour out where it has none: black and white, stored as RGB."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.fill import Fill
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import bands, grown, slices

_AROUND = 50
"""Pixels round a fill that are looked at."""
_AT_ONCE = 1 << 16
"""Pixels that are looked at at once: most photographs have a colour in the first of them."""
_MOST = 1.5 / 255
"""Largest difference between the channels of a pixel without colour, 0..1: a level, as rounding leaves it."""


def without_colour(
    photograph: Photograph, fills: Sequence[Fill], check: Callable[[], None] = lambda: None
) -> list[Fill]:
    """The fills; those round which nothing known has a colour with equal channels. A network knows no such photograph.

    What is made of them by the same steps in each channel stays without colour.

    Args:
        check: called several times a second; may raise.
    """
    check()
    return [replace(fill, colour=_grey(fill.colour)) if _is_grey(photograph, fill, check) else fill for fill in fills]


def _is_grey(photograph: Photograph, fill: Fill, check: Callable[[], None]) -> bool:
    """Whether something round a fill is known, and nothing of it has a colour."""
    crop = grown(fill.region, _AROUND, photograph.width, photograph.height)
    is_grey = False
    for band in bands(crop, _AT_ONCE):
        check()
        known = photograph.rgb(band)[photograph.known[slices(band)]]
        if known.size > 0:
            is_grey = float((known.max(axis=1) - known.min(axis=1)).max()) <= _MOST
            if not is_grey:
                return False
    return is_grey


def _grey(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(colour.mean(axis=2, keepdims=True, dtype=np.float32), 3, axis=2)
