"""A picture with transparent places in; the colours out that its faint pixels near the mask count with.

A pixel that is almost transparent shows next to nothing of its colour, which may be anything. So it counts by how much
it shows beside its neighbours: with its own colour as far as it is as opaque as they are, and otherwise with theirs.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.scene.pixels import FULL_RANGE, Samples, alpha_of, has_alpha
from glcic_backend.scene.rectangles import bounding_box, grown, slices
from glcic_backend.wire.geometry import Rectangle

_NEAR = 24
"""Pixels from the mask up to which colours are weighed: what a fill's colours are fitted to."""
_RADIUS = 8
"""Half the side of the square in which a pixel's neighbours lie."""
_STEPS = 4095
"""Weights and colours are whole numbers of so many: sums of them are exact, so a crop gives what the image gives."""
_TILE = 256


def weighed(
    image: Samples, masked: NDArray[np.bool_], known: NDArray[np.bool_], check: Callable[[], None] = lambda: None
) -> Samples:
    """The image with the colours that count.

    Args:
        image: see `glcic_backend.scene.pixels`.
        masked, known: bool [H, W]; none is both.
        check: called often; may raise.

    Returns:
        `image` itself, if nothing near the mask is less opaque than what is round it.
    """
    outer = bounding_box(masked)
    if outer is None or not has_alpha(image):
        return image
    height, width = masked.shape
    box = grown(outer, _NEAR, width, height)
    near = cv2.dilate(masked[slices(box)].view(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)) > 0
    alpha = image[..., -1][slices(box)]
    near &= known[slices(box)] & (alpha < alpha.max())
    if not near.any():
        return image
    result = image.copy()
    for y in range(0, box.height, _TILE):
        for x in range(0, box.width, _TILE):
            check()
            tile = Rectangle(x, y, min(_TILE, box.width - x), min(_TILE, box.height - y))
            here = near[slices(tile)]
            if here.any():
                place = tile._replace(x=box.x + x, y=box.y + y)
                result[slices(place)][here] = _weighed_tile(image, known, place)[here]
    return result


def _weighed_tile(image: Samples, known: NDArray[np.bool_], tile: Rectangle) -> Samples:
    """The samples of a tile, each colour mixed with those round it by how opaque they are."""
    seen = grown(tile, _RADIUS, known.shape[1], known.shape[0])
    inner = slices(tile._replace(x=tile.x - seen.x, y=tile.y - seen.y))
    stored, full = image[slices(seen)], FULL_RANGE[image.dtype]
    weight = np.where(known[slices(seen)], np.rint(alpha_of(stored) * _STEPS), 0).astype(np.float64)
    colours = np.where(weight[..., None] > 0, stored[..., :-1].astype(np.float64), 0)
    size = (2 * _RADIUS + 1,) * 2
    largest = cv2.dilate(weight, np.ones(size, np.uint8))[inner][..., None]
    parts = np.dstack([weight, weight[..., None] * np.rint(colours * (_STEPS / full))])
    sums = cv2.boxFilter(parts, cv2.CV_64F, size, normalize=False, borderType=cv2.BORDER_CONSTANT)[inner]
    there = np.maximum(sums[..., :1], 1)
    share = weight[inner][..., None] / np.maximum(largest, 1)
    mixed = share * colours[inner] + (1 - share) * (sums[..., 1:] / there * (full / _STEPS))
    result = stored[inner].copy()
    own = (share < 1) & (largest > 0)
    rounded = mixed if image.dtype == np.float32 else np.rint(mixed)
    result[..., :-1] = np.where(own, rounded, result[..., :-1]).astype(image.dtype)
    return result
