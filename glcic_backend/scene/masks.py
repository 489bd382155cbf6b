"""A mask of any common kind in; the coverage that the engine works with out, grown and softened if asked."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import InvalidInputError
from glcic_backend.scene.rectangles import bounding_box, grown, slices

Coverage = NDArray[np.uint8]
"""uint8 [H, W]: 0 keep, 255 fill, between: how much of the fill is blended in."""

FAINT = 32
"""A mask without a value from here on, of 255, can hardly be meant as coverage: nothing would seem to change."""

MAX_GROW = 200
"""Most pixels by which a mask is grown, and over which its edge is softened; as in GIMP."""

_LEVELS = 16
_FEATHER = 3.5
"""GIMP's feathering is a Gaussian blur whose sigma is the radius divided by this."""


def coverage_of(mask: NDArray[Any]) -> tuple[Coverage, str]:
    """What a mask means.

    Args:
        mask: [H, W] or [H, W, 1]; bool, integers of any type over 0..1, 0..255 or 0..65535, told apart by the largest
            value, or floating point 0..1. Above 0 a pixel belongs to a hole.

    Returns:
        The coverage, and a note for the user on how the values were understood; empty where that is plain.

    Raises:
        InvalidInputError: no array, of another shape or type, or with values outside these ranges.
    """
    if not isinstance(mask, np.ndarray):
        raise InvalidInputError(
            f"The mask is of type {type(mask).__name__}; use a numpy array [H, W], for a picture of Pillow: "
            'np.asarray(picture.convert("L")).'
        )
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise InvalidInputError(f"The mask is {mask.dtype} {mask.shape}; use one plane [H, W], such as mask[..., 0].")
    if mask.dtype == np.bool_:
        return mask.astype(np.uint8) * np.uint8(255), ""
    if mask.size == 0 or mask.dtype.kind not in "iuf":
        raise InvalidInputError(f"The mask is {mask.dtype} {mask.shape}; use bool, integers or floating point [H, W].")
    low, high = float(mask.min()), float(mask.max())
    full = 1.0 if mask.dtype.kind == "f" else 255.0 if high <= 255 else 65535.0
    if not (low >= 0 and high <= full):  # NaN is neither
        raise InvalidInputError(
            f"The mask is {mask.dtype} with values from {low:g} to {high:g}; use bool, 0..1, 0..255 or 0..65535 in "
            "integers, or 0..1 in floating point."
        )
    if 0 < high < full * FAINT / 255:
        told = f"of {full:g} its largest value is {high:g}, so it is taken as yes or no: all above 0 is filled"
        return (mask > 0).astype(np.uint8) * np.uint8(255), "" if high == 1 and full > 1 else told
    if mask.dtype == np.uint8:
        return mask.astype(np.uint8, copy=False), ""
    return np.rint(mask * (255.0 / full)).astype(np.uint8), ""


def grown_and_softened(coverage: Coverage, grow: int, soften: float) -> Coverage:
    """A mask widened as GIMP widens a selection.

    Args:
        coverage: the mask.
        grow: pixels by which it grows to all sides, 0..`MAX_GROW`.
        soften: pixels outside the grown mask over which the fill fades out, 0..`MAX_GROW`. What the mask covered stays
            covered, so that none of what is to be removed shines through.

    Raises:
        InvalidInputError: a number is outside its range.
    """
    for name, value in (("grow", grow), ("soften", soften)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_GROW:
            raise InvalidInputError(f"{name} is {value!r}; give a number of pixels from 0 to {MAX_GROW}.")
    box = bounding_box(coverage > 0)
    if box is None or not (grow or soften):
        return coverage
    # The blur fades over half the width to either side of an edge that is moved out by that half.
    steps = math.ceil(grow) + math.ceil(soften / 2)
    height, width = coverage.shape
    around = slices(grown(box, steps + math.ceil(soften) + 1, width, height, 1))
    result = coverage.copy()
    wider = _dilated(coverage[around], steps)
    if soften:
        sigma = soften / 2 / _FEATHER
        wider = np.maximum(cv2.GaussianBlur(wider, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), coverage[around])
    result[around] = wider
    return result


def _dilated(coverage: Coverage, radius: int) -> Coverage:
    """The largest coverage within a disc round each pixel; soft edges in at most `_LEVELS` steps."""
    result = coverage.copy()
    levels = np.unique(coverage[coverage > 0])
    if len(levels) > _LEVELS:
        levels = levels[np.linspace(0, len(levels) - 1, _LEVELS).round().astype(int)]
    for level in levels:  # rising, so that the largest has the last word
        distance = cv2.distanceTransform((coverage < level).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        result[distance <= radius] = np.maximum(result[distance <= radius], level)
    return result
