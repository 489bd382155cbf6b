"""A picture in; the same with an unknown border round it, and a mask that covers the border, out."""

from typing import Any, NamedTuple

import numpy as np

from glcic_backend.errors import InvalidInputError
from glcic_backend.scene.masks import Coverage
from glcic_backend.scene.pixels import Samples


class Borders(NamedTuple):
    """Pixels to add on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


NO_BORDERS = Borders()


def expanded(image: Samples, mask: Coverage | None, borders: Borders) -> tuple[Samples, Coverage]:
    """Make room for a border that is to be filled.

    Args:
        image: any stored layout, [H, W] or [H, W, C].
        mask: uint8 [H, W], what else is to be filled; None for nothing.
        borders: each 0 or more, not all 0.

    Returns:
        The image, 0 in the border, and the mask, 255 there.

    Raises:
        InvalidInputError: a border is negative, or none is wanted.
    """
    borders = Borders(*borders)
    if min(borders) < 0 or not any(borders):
        raise InvalidInputError(
            f"The borders {', '.join(map(str, borders))} cannot be added. Give the pixels on the left, top, right and "
            "bottom, 0 or more each, and not 0 everywhere."
        )
    sides = ((borders.top, borders.bottom), (borders.left, borders.right))
    coverage = np.zeros(image.shape[:2], np.uint8) if mask is None else mask
    larger: Any = np.pad(image, (*sides, *[(0, 0)] * (image.ndim - 2)))
    return larger, np.pad(coverage, sides, constant_values=255)
