"""An ICC profile in; whether the samples are linear light, or how inks look, out."""

import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from glcic_backend.errors import InvalidInputError

CMYK_NOTE = "its CMYK colours are converted to sRGB by its profile"


def colour_space(icc: bytes) -> bytes:
    """The four letters of the profile's colour space, such as b"RGB " or b"GRAY"."""
    return icc[16:20]


def cmyk_to_srgb(inks: NDArray[Any], icc: bytes | None) -> tuple[NDArray[Any], bytes]:
    """A picture for print, as its profile says it looks.

    Args:
        inks: uint8 or uint16 [H, W, 4], 0 no ink, in the order cyan, magenta, yellow, black.
        icc: its profile, if it has one.

    Returns:
        The same type [H, W, 3], and the profile of sRGB.

    Raises:
        InvalidInputError: without a profile of CMYK nobody can tell how the inks look.
    """
    if icc is None or colour_space(icc) != b"CMYK":
        raise InvalidInputError(
            "its colours are CMYK without a profile that tells how they look. Convert it to RGB first."
        )
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    seen: NDArray[Any] = imagecodecs.cms_transform(
        np.ascontiguousarray(inks), icc, srgb, colorspace="cmyk", outcolorspace="rgb"
    )
    return seen, srgb


def is_linear_light(icc: bytes) -> bool:
    """Whether the tone curve of a matrix or grey ICC profile is the identity.

    Reads the curve of red, or of grey (ICC.1, sections 10.6 curveType and 10.18 parametricCurveType). A profile that
    holds tables only, or is damaged, counts as perceptual.
    """
    try:
        (count,) = struct.unpack_from(">I", icc, 128)
        for index in range(min(count, 200)):
            signature, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * index)
            if signature in (b"rTRC", b"kTRC"):
                return _is_identity(icc[offset : offset + size])
    except struct.error:
        return False
    return False


def _is_identity(curve: bytes) -> bool:
    if curve[:4] == b"para":
        function, gamma = struct.unpack_from(">Hxxi", curve, 8)
        return bool(function == 0 and gamma == 1 << 16)
    if curve[:4] != b"curv":
        return False
    (count,) = struct.unpack_from(">I", curve, 8)
    if count == 0:
        return True
    values = struct.unpack_from(f">{count}H", curve, 12)
    if count == 1:
        return bool(values[0] == 1 << 8)
    return all(abs(value - 65535 * index / (count - 1)) <= 1 for index, value in enumerate(values))
