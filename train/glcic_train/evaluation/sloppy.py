"""A clean photograph in; the same with a foreign thing in it, under masks as people draw them, out.

The thing has a soft edge and throws a narrow shadow, and both pictures have been through a JPEG with chroma of half the
size, as cameras write. The masks are too tight, exact, or loose. What was behind the thing is known.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from glcic_backend.errors import InvalidInputError

OFFSETS = (-3, -1, 0, 3, 8)
"""Pixels by which the masks are larger than the thing."""

_STREAM = 14  # of random numbers: another than those of the holes of a seed
_FINER = 4  # outlines are drawn so many times larger
_WIRE = 10  # thickness of wires, pixels: an edge of 3 pixels less leaves a core
_SOFTNESS = (0.7, 1.6)  # sigma of the edge, pixels
_SHADOW = 0.35  # of the light, taken by the shadow
_SHADOW_BEYOND = 2  # pixels to the right and below
_SHADOW_SOFTNESS = 1.5  # sigma, pixels: with the above it ends some 6 pixels beside the thing
_JPEG_QUALITY = 90
_COLOURS = np.array(
    [(200, 35, 40), (235, 200, 50), (30, 60, 150), (40, 120, 60), (240, 240, 235), (25, 25, 30), (215, 110, 160)],
    np.float32,
)


class Spoilt(NamedTuple):
    """A photograph with a thing in it.

    Attributes:
        truth: uint8 [H, W, 3], RGB, without the thing.
        shown: the same with it.
        distance: float32 [H, W], pixels outside the thing's outline; negative in it.
    """

    truth: np.ndarray
    shown: np.ndarray
    distance: np.ndarray

    def mask(self, offset: int) -> np.ndarray:
        """The thing's pixels, and those at most `offset` farther out or at least so many farther in: bool [H, W]."""
        return self.distance < offset


def spoilt(photo: np.ndarray, seed: int, place: int, size: tuple[int, int]) -> Spoilt:
    """Put a thing into the middle square of a photograph.

    Args:
        photo: uint8 [H, W, 3], RGB.
        seed, place: of the evaluation, and of the photograph in it; they decide shape, size, colour and edge.
        size: range of the thing's width and height, pixels. Wires are longer.

    Raises:
        InvalidInputError: the thing is so small that the tightest mask would be empty.
    """
    random = np.random.default_rng([_STREAM, seed, place])
    shape = tuple(_SHAPES.values())[place % len(_SHAPES)]
    height, width = photo.shape[:2]
    outline = _drawn(shape(random, random.uniform(*size), random.uniform(*size)), random, height, width)
    inside = outline >= 0.5
    distance = np.where(inside, -_distance(inside), _distance(~inside)).astype(np.float32)
    if distance.min() >= OFFSETS[0]:
        raise InvalidInputError(
            f"Things of {size[0]} to {size[1]} pixels leave nothing of a mask that is {-OFFSETS[0]} pixels too tight. "
            "Choose --hole larger."
        )
    cover = cv2.GaussianBlur(outline, (0, 0), random.uniform(*_SOFTNESS))[..., None]
    shift = np.array([[1, 0, _SHADOW_BEYOND], [0, 1, _SHADOW_BEYOND]], np.float32)
    shadow = cv2.GaussianBlur(cv2.warpAffine(outline, shift, (width, height)), (0, 0), _SHADOW_SOFTNESS)[..., None]
    lit = _COLOURS[random.integers(len(_COLOURS))] * np.linspace(1.1, 0.8, height, dtype=np.float32)[:, None, None]
    painted = photo * (1 - _SHADOW * shadow) * (1 - cover) + lit * cover
    return Spoilt(_as_jpeg(photo), _as_jpeg(np.rint(painted).clip(0, 255).astype(np.uint8)), distance)


def _disc(random: np.random.Generator, width: float, height: float) -> Iterator[np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    yield np.stack([np.cos(angles) * width / 2, np.sin(angles) * height / 2], axis=1)


def _box(random: np.random.Generator, width: float, height: float) -> Iterator[np.ndarray]:
    yield np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)


def _kite(random: np.random.Generator, width: float, height: float) -> Iterator[np.ndarray]:
    yield np.array([(0, -0.35), (0.5, 0), (0, 1), (-0.5, 0)]) * (width, height * 0.75)


def _lump(random: np.random.Generator, width: float, height: float) -> Iterator[np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = 0.38 + sum(0.12 / n * np.cos(n * angles + random.uniform(0, 2 * np.pi)) for n in (2, 3, 5))
    yield np.stack([np.cos(angles) * radius * width, np.sin(angles) * radius * height], axis=1)


def _wires(random: np.random.Generator, width: float, height: float) -> Iterator[np.ndarray]:
    for side in (-height / 4, height / 4):
        tilt = random.uniform(-8, 8)
        yield np.array(
            [(-width, side - tilt), (width, side + tilt), (width, side + tilt + _WIRE), (-width, side - tilt + _WIRE)]
        )


_SHAPES = {"disc": _disc, "box": _box, "kite": _kite, "lump": _lump, "wires": _wires}
"""Name -> what makes its polygons, float [n, 2] of x and y round the middle; photographs take turns."""


def _drawn(polygons: Iterator[np.ndarray], random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Turned by chance and drawn into the middle with smooth edges: float32 [height, width], 0..1."""
    turn = random.uniform(0, 2 * np.pi)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    large = np.zeros((height * _FINER, width * _FINER), np.uint8)
    for polygon in polygons:
        points = (polygon @ matrix + (width / 2, height / 2)) * _FINER
        cv2.fillPoly(large, [np.rint(points).astype(np.int32)], 255)
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _distance(inside: np.ndarray) -> np.ndarray:
    """Of each pixel of a mask from the outline, which runs half a pixel before the first one outside."""
    return np.maximum(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5, 0)


def _as_jpeg(image: np.ndarray) -> np.ndarray:
    flags = (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
    chroma = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
    _, data = cv2.imencode(".jpg", image[..., ::-1], [*flags, *chroma])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
