"""An ICC profile in; whether the samples are linear light out."""

import struct


def colour_space(icc: bytes) -> bytes:
    """The four letters of the profile's colour space, such as b"RGB " or b"GRAY"."""
    return icc[16:20]


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
