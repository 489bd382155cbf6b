"""How far a rough completion can be believed, and what is better where it cannot.

The network errs by some amount everywhere. Round a hole in a clear sky nothing varies by as much, so the colours of the
rim, continued smoothly, tell more than the network; in a busy place it is the other way round.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.blending import blend
from glcic_backend.detail.pyramid import Scene

_NETWORK_ERROR = 0.06
"""Standard deviation of the network's colours from the truth, 0..1, of which the blending could not make up."""
_RADIUS = 6
"""Pixels round a pixel of the rim in which the photograph's variance is measured, at the scale of `apply_trust`."""
_LEAST_VARIANCE = 1e-6


def apply_trust(scenes: list[Scene], number: int, cancelled: Callable[[], bool] | None) -> None:
    """Pull the completion towards the smooth continuation of the rim, the more the calmer the rim is.

    The pictures of all scales are changed in place, in the hole.

    As when two measurements are averaged by their variances: the share of the network is v / (v + error^2), where v is
    the variance of the photograph round the rim, continued into the hole as smoothly as the colours are.

    Args:
        scenes: the scales, the finest first.
        number: the scale to work at, at which the hole is some 100 pixels thick or less.
        cancelled: polled while the equation is solved.

    Raises:
        CancelledError: `cancelled` returned true.
    """
    scene = scenes[number]
    mean, variance = _local_statistics(scene)
    known = np.dstack([mean, variance + np.float32(_LEAST_VARIANCE)])
    continued = blend(np.zeros_like(known), known, scene.hole, scene.known, cancelled)
    rim_variance = continued[..., 3:]
    share = rim_variance / (rim_variance + np.float32(_NETWORK_ERROR**2))
    # Where no known pixel touches the hole, there is nothing to continue.
    change = np.where(rim_variance > 0, (1 - share) * (continued[..., :3] - scene.picture), 0).astype(np.float32)
    change[~scene.hole] = 0
    for finer, other in enumerate(scenes):
        _add(other, change, 2.0 ** (number - finer))


def _add(scene: Scene, change: NDArray[np.float32], scale: float) -> None:
    """Add a change, float32 [h, w, 3], made `scale` times larger, to the picture in the hole, in place."""
    x, y, width, height = cv2.boundingRect(scene.hole.view(np.uint8))
    # Centres of pixels, as they lie in the smaller picture.
    columns = ((np.arange(x, x + width) + 0.5) / scale - 0.5).astype(np.float32)
    rows = ((np.arange(y, y + height) + 0.5) / scale - 0.5).astype(np.float32)
    sized = cv2.remap(
        change, *np.meshgrid(columns, rows), interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    box = slice(y, y + height), slice(x, x + width)
    scene.picture[box] += sized * scene.hole[box][..., None]


def _local_statistics(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean, float32 [h, w, 3], and variance, mean of the channels, [h, w], of the known pixels round each pixel."""
    size = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    weight = scene.known.astype(np.float32)
    centre = scene.picture[scene.known].mean(axis=0)
    values = (scene.picture - centre) * weight[..., None]
    count = np.maximum(cv2.blur(weight, size), np.float32(1e-6))[..., None]
    mean = cv2.blur(values, size) / count
    variance = np.maximum(cv2.blur(values * values, size) / count - mean * mean, 0).mean(axis=2)
    return np.asarray(mean + centre, np.float32), np.asarray(variance, np.float32)
