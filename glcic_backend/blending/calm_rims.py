"""Rough fills in; fills out that follow a calm rim's colours where those tell more than the network.

The network errs by some amount everywhere. Round a hole in a clear sky nothing varies by as much, so the colours of the
rim, continued smoothly, tell more than the network; in a busy place it is the other way round.
"""

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending import blend
from glcic_backend.errors import CancelledError
from glcic_backend.scene.fill import Fill, FillIndex, paste
from glcic_backend.scene.holes import Hole, pieces
from glcic_backend.scene.photograph import Photograph
from glcic_backend.scene.rectangles import grown, slices
from glcic_backend.scene.scene import Scene
from glcic_backend.wire.geometry import Rectangle

_NETWORK_ERROR = 0.03
"""Standard deviation of the network's colours from the truth, 0..1, that blending does not make up for."""
_RADIUS = 6
"""Pixels round a pixel of the rim in which the photograph's variance is measured, in the smaller copy."""
_LEAST_VARIANCE = 1e-6
_SMALL_THICKNESS = 64
"""Pixels: a thicker hole is compared with its rim in a smaller copy."""
_MARGIN = _RADIUS + 2


def rim_halvings(thickness: float) -> int:
    """How often a photograph is halved until a hole of this thickness is small enough to compare with its rim."""
    return max(0, math.ceil(math.log2(max(thickness, 1) / _SMALL_THICKNESS)))


def rim_window(width: int, height: int, box: Rectangle, thickness: float) -> Rectangle:
    """The part of an image of width x height pixels of which a hole's rim is seen, on the grid of its scale."""
    step = 1 << rim_halvings(thickness)
    return grown(box, _MARGIN * step, width, height, step)


def continue_calm_rims(
    photograph: Photograph, holes: Sequence[Hole], fills: Sequence[Fill], cancelled: Callable[[], bool] | None
) -> list[Fill]:
    """Pull completions towards the smooth continuation of their rims, the more the calmer a rim is.

    Args:
        fills: the network's completions of all the holes.
        cancelled: polled between holes, and while the equations are solved.

    Returns:
        What replaces `fills`, to be blended: at the rim it fits nearly.

    Raises:
        CancelledError: `cancelled` returned true.
    """

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while calm surroundings were continued.")

    result = []
    index = FillIndex(fills)
    for part in (part for hole in holes for part in pieces(hole)):
        check()
        window = rim_window(photograph.width, photograph.height, part.box, part.thickness)
        picture, known = photograph.rgb(window), photograph.known[slices(window)]
        check()
        hole = np.zeros(known.shape, np.bool_)
        place = slices(part.box._replace(x=part.box.x - window.x, y=part.box.y - window.y))
        hole[place] = part.mask
        paste(index.within(window), window, picture)
        check()
        change = _change(Scene(picture, known, hole & ~known), rim_halvings(part.thickness), check, cancelled)
        check()
        colour = picture[place] + change[place]
        result.append(Fill(part.box, part.mask, colour))
    return result


def _change(
    scene: Scene, halvings: int, check: Callable[[], None], cancelled: Callable[[], bool] | None
) -> NDArray[np.float32]:
    """What a scene's completion is to be changed by, float32 [h, w, 3], reckoned in a smaller copy.

    As when two measurements are averaged by their variances: the share of the network is v / (v + error^2), where v is
    the variance of the photograph round the rim, continued into the hole as smoothly as the colours are.
    """
    size, scale = scene.hole.shape, 1 << halvings
    for _ in range(halvings):
        scene = scene.halved()
        check()
    if not scene.known.any():
        return np.zeros((*size, 3), np.float32)
    mean, variance = _local_statistics(scene, check)
    check()
    known = np.dstack([mean, variance + np.float32(_LEAST_VARIANCE)])
    check()
    continued = blend(np.zeros_like(known), known, scene.hole, scene.known, cancelled)
    check()
    rim_variance = continued[..., 3:]
    share = rim_variance / (rim_variance + np.float32(_NETWORK_ERROR**2))
    check()
    # Where no known pixel touches the hole, there is nothing to continue.
    change = continued[..., :3] - scene.picture
    check()
    change *= 1 - share
    check()
    change[~(scene.hole & (rim_variance[..., 0] > 0))] = 0
    return change if scale == 1 else _enlarged(change, size, scale)


def _enlarged(change: NDArray[np.float32], size: tuple[int, int], scale: int) -> NDArray[np.float32]:
    """A change, float32 [h, w, 3], made `scale` times larger and cut to `size`."""
    # What has one row or column, of a very long hole, is made no higher or wider than is kept of it.
    rows, columns = (
        wanted if small == 1 else small * scale for small, wanted in zip(change.shape[:2], size, strict=True)
    )
    large = cv2.resize(change, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[: size[0], : size[1]], np.float32)


def _local_statistics(scene: Scene, check: Callable[[], None]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean, float32 [h, w, 3], and variance, mean of the channels, [h, w], of the known pixels round each pixel."""
    size = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    weight = scene.known.astype(np.float32)
    centre = scene.picture[scene.known].mean(axis=0)
    check()
    values = (scene.picture - centre) * weight[..., None]
    check()
    count = np.maximum(cv2.blur(weight, size), np.float32(1e-6))[..., None]
    mean = cv2.blur(values, size) / count
    check()
    squares = cv2.blur(values * values, size) / count
    check()
    variance = np.maximum(squares - mean * mean, 0).mean(axis=2)
    check()
    return np.asarray(mean + centre, np.float32), np.asarray(variance, np.float32)
