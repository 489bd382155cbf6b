"""Samples as stored in; colours as the network sees them out, and the reverse.

Stored: uint8 or uint16 over their full range, or float32 with 0..1 nominal; [H, W] or [H, W, C] with C = 1 grey,
2 grey + alpha, 3 RGB, 4 RGB + alpha; straight (not premultiplied) alpha; perceptual or linear light.
The network: float32 [H, W, 3], RGB, 0..1, perceptual; highlights beyond 1 and negative values are kept.
"""

import numpy as np
from numpy.typing import NDArray

from glcic_backend.errors import InvalidInputError

Samples = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LARGEST, _LARGEST_LIGHT = np.float32(1e6), np.float32(1e14)
"""Perceptual values, and linear light, beyond this are looked at as this: no sum of squares leaves float32 then."""
FULL_RANGE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}
"""Type of stored samples -> the value of white, or of opaque."""


def check_image(image: Samples) -> None:
    """Raise InvalidInputError unless `image` has one of the stored layouts of this module."""
    if image.dtype not in FULL_RANGE:
        raise InvalidInputError(f"The image has samples of type {image.dtype}; use uint8, uint16 or float32.")
    if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] not in (1, 2, 3, 4)):
        raise InvalidInputError(
            f"The image has shape {image.shape}; use [H, W] or [H, W, C] with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 "
            "(RGB, alpha) channels."
        )


def has_alpha(image: Samples) -> bool:
    """Whether the last channel is alpha."""
    return image.ndim == 3 and image.shape[2] in (2, 4)


def to_perceptual_rgb(image: Samples, linear: bool = False) -> NDArray[np.float32]:
    """Colour of an image for the network.

    Args:
        image: any stored layout.
        linear: its values are linear light.

    Returns:
        float32 [H, W, 3], RGB, perceptual, integers mapped to 0..1, at most 1e6 in size; alpha dropped.
    """
    colour = image.reshape(*image.shape[:2], -1)
    if has_alpha(image):
        colour = colour[..., :-1]
    rgb = colour.astype(np.float32) / np.float32(FULL_RANGE[image.dtype])
    if image.dtype == np.float32:
        largest = _LARGEST_LIGHT if linear else _LARGEST
        rgb = rgb.clip(-largest, largest)
    if linear:
        rgb = _encode(rgb)
    return np.repeat(rgb, 3, axis=2) if rgb.shape[2] == 1 else rgb


def alpha_of(image: Samples) -> NDArray[np.float32]:
    """The alpha channel of an image that has one: float32 [H, W], 0 transparent to 1 opaque."""
    return image[..., -1].astype(np.float32) / np.float32(FULL_RANGE[image.dtype])


def compose(
    image: Samples,
    fill: NDArray[np.float32],
    coverage: NDArray[np.float32],
    linear: bool = False,
    opacity: NDArray[np.float32] | float = 1.0,
) -> Samples:
    """Blend a fill over an image once, by coverage.

    Args:
        image: stored layout, [H, W] or [H, W, C].
        fill: float32 [H, W, 3], RGB, perceptual, 0..1.
        coverage: float32 [H, W], 0..1; where it is 0 the samples of `image` are returned unchanged.
        linear: the image's values are linear light; the fill is converted, and blended in linear light.
        opacity: of the fill, float32 [H, W] or one for all, 0..1; used where the image has alpha.

    Returns:
        New array, layout of `image`.
    """
    full = np.float32(FULL_RANGE[image.dtype])
    stored = image.reshape(*image.shape[:2], -1)
    colours = stored.shape[2] - has_alpha(image)
    fill = fill if image.dtype == np.float32 else np.clip(fill, 0, 1)
    if linear:
        fill = _decode(fill)
    if colours == 1:
        fill = (fill @ _LUMA)[..., None]
    weight = coverage[..., None]
    if has_alpha(image):
        # Colours are mixed by how much of each is seen, so a transparent pixel adds none of its own.
        seen = weight * np.broadcast_to(np.float32(opacity), coverage.shape)[..., None]
        mixed_alpha = (1 - weight) * alpha_of(image)[..., None] + seen
        share = np.divide(seen, mixed_alpha, out=np.zeros_like(seen), where=mixed_alpha > 0)
        mixed = np.concatenate([_mix(stored[..., :-1], fill * full, share), mixed_alpha * full], axis=2)
    else:
        mixed = _mix(stored, fill * full, weight)
    if image.dtype != np.float32:
        mixed = np.rint(mixed)
    changed = np.where(weight > 0, mixed.astype(image.dtype), stored)
    return np.asarray(changed.reshape(image.shape))


def _mix(old: Samples, new: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((1 - share) * old.astype(np.float32) + share * new, dtype=np.float32)


def _encode(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light to perceptual values by the sRGB curve, odd-symmetric below 0."""
    size = np.abs(light)
    curve = np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.asarray(np.copysign(curve, light), dtype=np.float32)


def _decode(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Perceptual values to linear light, inverse of `_encode`."""
    size = np.abs(value)
    light = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.copysign(light, value), dtype=np.float32)
