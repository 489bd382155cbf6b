"""What a caller hands in; a picture that can be computed with, and what its samples are to be multiplied by, out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import InvalidInputError
from glcic_backend.scene import pixels
from glcic_backend.scene.pixels import Samples
from glcic_backend.scene.rectangles import slices
from glcic_backend.wire.checked import checked_lines
from glcic_backend.wire.geometry import Rectangle

_LARGEST_BYTE = 255.5
_BRIGHT = 2.0
"""A median above this is no exposure of a photograph whose white is 1."""


_GRID = 64
"""Corners of lines lie on a grid of so many to a pixel, on which a part of an image can begin without rounding."""


def corners_of(lines: Sequence[Sequence[float]]) -> list[NDArray[np.float64]]:
    """The corners of drawn lines, float64 [n, 2] each: columns and rows, the centre of a pixel having whole numbers.

    Args:
        lines: of each the x and y of its corners, from the top left corner of the image, pixels.

    Raises:
        InvalidInputError: they are none, or too many.
    """
    try:
        checked = checked_lines([[float(value) for value in line] for line in lines])
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"The lines cannot be followed: they {error}.") from None
    return [np.rint(np.reshape(line, (-1, 2)) * _GRID) / _GRID - 0.5 for line in checked]


def check_is_image(image: object) -> None:
    """Raise InvalidInputError unless `image` is an array of one of the stored layouts (`scene.pixels`)."""
    if not isinstance(image, np.ndarray):
        raise InvalidInputError(
            f"The image is of type {type(image).__name__}; use a numpy array [H, W] or [H, W, C]. Of a picture of "
            'Pillow: np.asarray(picture.convert("RGB")); of a file: '
            "glcic_backend.image_files.read_picture(Path(...)).pixels."
        )
    pixels.check_image(image)


def full_value(image: Samples, linear: bool) -> np.float32:
    """What white is in an image of floating point: 1, or 255 where the values can only be meant so.

    Taken for 0..255 is perceptual float32 whose values lie in that range and whose median, over the finite ones, is
    above 2: what becomes of a picture by `astype(np.float32)`.
    """
    one = np.float32(1)
    if image.dtype != np.float32 or linear:
        return one
    colour = image[..., :-1] if pixels.has_alpha(image) else image
    finite = colour[np.isfinite(colour)]
    if finite.size == 0 or finite.min() < 0 or finite.max() > _LARGEST_BYTE:
        return one
    return np.float32(255) if np.median(finite) > _BRIGHT else one


def without_nan(image: Samples, known: NDArray[np.bool_], read: Rectangle) -> Samples:
    """The image with 0 in the place of NaN and infinity, none of which is looked at.

    Args:
        image: any stored layout.
        known: bool [H, W], pixels that may be used as context.
        read: the part of the image that the completion reads.

    Raises:
        InvalidInputError: a known pixel of that part holds NaN or infinity.
    """
    if image.dtype != np.float32:
        return image
    finite: NDArray[Any] = np.isfinite(image)
    if finite.all():
        return image
    each = finite.reshape(*known.shape, -1).all(axis=2)
    spoilt = int(np.count_nonzero((known & ~each)[slices(read)]))
    if spoilt:
        raise InvalidInputError(
            f"{spoilt} pixels round the hole hold NaN or infinite values. Replace them first, or mask them too: "
            "nothing can be computed from them."
        )
    return np.where(finite, image, np.float32(0))
